"""Reads the log of changes through a temporary slot, and reads on when the connection is lost.

Postgres streams each transaction as it commits, so quiet times cost nothing. It does not stream
while nobody listens, because it needs CPU to decode the log.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence

import psycopg

from devstack.gateway.context import Connection
from devstack.gateway.realtime.database import ReconnectingConnection
from devstack.gateway.realtime.pgoutput import Change, Relation, decode, transaction_ids
from devstack.gateway.realtime.replication import Stream, open_replication


LOG = logging.getLogger(__name__)

PUBLICATION = "supabase_realtime"
MESSAGES_PUBLICATION = "supabase_realtime_messages_publication"

#: Streaming lasts this much longer than the last listener: a page that reloads soon comes back.
LINGER_S = 2
#: Transaction ids start again after 32 bits.
WRAP = 2**32
#: With nobody listening the slot still moves on, or Postgres would keep all log since its start.
UNHEARD_S = 10
RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)
#: Creating a slot waits for every transaction under way to end.
SLOT_TIMEOUT_S = 60

CREATE = "select pg_create_logical_replication_slot('{}', 'pgoutput', temporary => true)"
SKIP = "select pg_replication_slot_advance('{}', pg_current_wal_lsn())"
PUBLICATIONS = f"{PUBLICATION},{MESSAGES_PUBLICATION}"

SNAPSHOT = "select pg_current_snapshot()::text"
#: A commit becomes visible within microseconds. After this time its changes are sent anyway.
VISIBLE_S = 5
VISIBLE_RETRY_S = 0.001

Handler = Callable[[Sequence[Change]], Awaitable[None]]


def are_visible(ids: Iterable[int], snapshot: str) -> bool:
    """Return true if none of the transactions, given as 32 bits each, is in progress.

    A snapshot is `xmin:xmax:in progress,…`, of 64 bits each. From xmax on all may be in progress.
    """
    _, end, in_progress = snapshot.split(":")
    running = {int(id_) % WRAP for id_ in in_progress.split(",") if id_}
    return all(id_ not in running and 0 < (int(end) - id_) % WRAP < WRAP // 2 for id_ in ids)


async def _snapshot(connection: Connection) -> str:
    [(snapshot,)] = await (await connection.execute(SNAPSHOT)).fetchall()
    return str(snapshot)


class WalReader:
    """Hands all changes to `handle`, one batch after the other, in commit order.

    `is_heard` says whether anybody listens; `on_live` is called whenever reading begins, also after
    a slot was lost: what committed between two slots nobody hears of.
    """

    def __init__(
        self,
        url: str,
        *,
        handle: Handler,
        is_heard: Callable[[], bool],
        on_live: Callable[[], None],
    ) -> None:
        self._url = url
        self._handle = handle
        self._is_heard = is_heard
        self._on_live = on_live
        self._observer = ReconnectingConnection(url, _snapshot)
        self._wake = asyncio.Event()
        self._streaming = asyncio.Event()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read until the block is left."""
        task = asyncio.create_task(self._read_for_ever(), name="wal reader")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await self._observer.close()

    async def listening(self) -> None:
        """Return once what commits from now on will be read; `is_heard` must say yes by then."""
        self._wake.set()
        await self._streaming.wait()

    async def _read_for_ever(self) -> None:
        failures = 0
        while True:
            try:
                await self._read_one_slot()
            except (psycopg.Error, OSError, TimeoutError) as error:
                LOG.warning("the log of changes cannot be read: %s", error)
            except Exception:
                # A batch that breaks the reader must not silence everybody for ever.
                LOG.exception("a batch of changes was lost")
            else:
                failures = 0
                continue
            was_live = self._streaming.is_set()
            self._streaming.clear()
            failures = 0 if was_live else failures + 1
            await asyncio.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])

    async def _read_one_slot(self) -> None:
        """Make a temporary slot, which ends with its connection, and read it once.

        A connection can stream only once. So the next slot is made as soon as nobody listens:
        making it may take long, and a client that joins would wait for it.
        """
        slot = f"devstack_{secrets.token_hex(6)}"
        connection = await open_replication(self._url)
        try:
            async with asyncio.timeout(SLOT_TIMEOUT_S):
                await connection.execute(CREATE.format(slot))
            while not self._is_heard():
                await connection.execute(SKIP.format(slot))
                await self._rung(UNHEARD_S)
            # Clients that join from now on need nothing that committed before.
            await connection.execute(SKIP.format(slot))
            await self._read_while_heard(Stream(connection), slot)
        finally:
            await connection.close()

    async def _read_while_heard(self, stream: Stream, slot: str) -> None:
        await stream.start(slot, PUBLICATIONS)
        self._streaming.set()
        self._on_live()
        # The server describes a relation once in a stream, and again after it has changed.
        relations: dict[int, Relation] = {}
        loop = asyncio.get_running_loop()
        heard_at = loop.time()
        while loop.time() - heard_at < LINGER_S:
            messages = await stream.receive(LINGER_S)
            if changes := list(decode(messages, relations)):
                await self._wait_until_visible(transaction_ids(messages))
                await self._handle(changes)
            stream.confirm()
            if self._is_heard():
                heard_at = loop.time()
        # Nothing awaits between the last look and this line, so no client can join unnoticed.
        self._streaming.clear()

    async def _wait_until_visible(self, ids: Collection[int]) -> None:
        """Wait until every session sees what the transactions wrote.

        Postgres streams a commit once it is in the log, which is shortly before others see it.
        Until then the policies hide the row, and a client that reads it again gets the old one.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(VISIBLE_S):
                while not are_visible(ids, await self._observer.run(_snapshot)):  # noqa: ASYNC110 -- Postgres notifies nobody of it
                    await asyncio.sleep(VISIBLE_RETRY_S)

    async def _rung(self, seconds: float) -> None:
        """Wait until somebody wants to listen, or a while has passed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()
