"""When the log is decoded, and when it is only asked how far it goes."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from devstack.gateway.realtime import wal
from devstack.gateway.realtime.pgoutput import Change


pytestmark = pytest.mark.anyio

#: The end of a transaction of which nothing is published.
COMMIT = b"C"


class Cursor:
    """What a statement returned."""

    def __init__(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self._rows = rows

    async def fetchall(self) -> Sequence[tuple[Any, ...]]:
        """Return it all."""
        return self._rows


class Log:
    """A connection to a log that a test writes."""

    def __init__(self, *batches: list[bytes]) -> None:
        self.flushed = "0/1"
        self._batches = list(batches)
        self._asked = {wal.FLUSHED: 0, wal.POLL: 0}
        self._news = asyncio.Condition()

    async def execute(self, query: str, *_parameters: object, **_options: object) -> Cursor:
        """Answer what the reader asks."""
        if query not in self._asked:
            return Cursor([])
        async with self._news:
            self._asked[query] += 1
            self._news.notify_all()
        if query == wal.FLUSHED:
            return Cursor([(self.flushed,)])
        return Cursor([(message,) for message in (self._batches.pop(0) if self._batches else [])])

    async def close(self) -> None:
        """Be let go of."""

    def polls(self) -> int:
        """Return how often it was decoded."""
        return self._asked[wal.POLL]

    async def is_polled(self, times: int) -> None:
        """Wait until it was decoded so often in all."""
        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(lambda: self.polls() >= times)

    async def is_asked_for_its_end(self, times: int) -> None:
        """Wait until it was asked so often more."""
        wanted = self._asked[wal.FLUSHED] + times
        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(lambda: self._asked[wal.FLUSHED] >= wanted)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


async def test_a_log_is_decoded_to_its_end_and_then_when_it_grows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A poll that brought something may have left some, though the log has not grown since."""
    log = Log([COMMIT], [COMMIT], [])

    async def opened(_url: str) -> Log:
        return log

    async def handle(_changes: Sequence[Change]) -> None:
        pytest.fail("nothing was published")

    monkeypatch.setattr(wal, "open_connection", opened)
    reader = wal.WalReader("url", handle=handle, is_heard=lambda: True, on_live=lambda: None)
    async with reader.running():
        await log.is_polled(3)
        await log.is_asked_for_its_end(3)
        assert 3 == log.polls()

        log.flushed = "0/2"

        await log.is_polled(4)
        await log.is_asked_for_its_end(3)
        assert 4 == log.polls()
