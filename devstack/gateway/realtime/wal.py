"""Reads the log of changes through a temporary slot, and reads on when the connection is lost.

Postgres offers no bell for new log. So it is asked often while rows come, less often while somebody
listens, and hardly ever while nobody does. To decode takes Postgres half a millisecond even where
there is nothing to decode, so what is asked in quiet times is only how far the log goes.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import psycopg

from devstack.gateway.context import Connection
from devstack.gateway.realtime.pgoutput import Change, decode
from devstack.gateway.realtime.session import open_connection


LOG = logging.getLogger(__name__)

PUBLICATION = "supabase_realtime"
MESSAGES_PUBLICATION = "supabase_realtime_messages_publication"

BUSY_S = 0.005
IDLE_S = 0.05
#: Each quiet poll waits this much longer than the one before, up to IDLE_S.
PATIENCE_GROWTH = 1.5
#: With nobody listening the slot still moves on, or Postgres would keep all log since its start.
UNHEARD_S = 10
RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)
#: A poll stops at the end of the transaction that brings it to this many rows.
POLL_ROWS = 2000
#: Creating a slot waits for every transaction under way to end.
SLOT_TIMEOUT_S = 60

CREATE = "select pg_create_logical_replication_slot(%s, 'pgoutput', temporary => true)"
SKIP = "select pg_replication_slot_advance(%s, pg_current_wal_lsn())"
FLUSHED = "select pg_current_wal_flush_lsn()::text"
POLL = (
    "select data from pg_logical_slot_get_binary_changes(%s, null, %s,"
    " 'proto_version', '1', 'publication_names', %s)"
)
PUBLICATIONS = f"{PUBLICATION},{MESSAGES_PUBLICATION}"

Handler = Callable[[Sequence[Change]], Awaitable[None]]


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
        self._wake = asyncio.Event()
        self._polling = asyncio.Event()

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

    async def listening(self) -> None:
        """Return once what commits from now on will be read; `is_heard` must say yes by then."""
        self._wake.set()
        await self._polling.wait()

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
            was_live = self._polling.is_set()
            self._polling.clear()
            failures = 0 if was_live else failures + 1
            await asyncio.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])

    async def _read_one_slot(self) -> None:
        """Make a slot, which goes with its connection whatever ends that, and read it.

        Nothing else is asked over this connection: an error would take the slot along.
        """
        slot = f"devstack_{secrets.token_hex(6)}"
        connection = await open_connection(self._url)
        try:
            async with asyncio.timeout(SLOT_TIMEOUT_S):
                await connection.execute(CREATE, [slot])
            while True:
                if self._is_heard():
                    await self._read_while_heard(connection, slot)
                self._polling.clear()
                await connection.execute(SKIP, [slot])
                await self._rung(UNHEARD_S)
        finally:
            await connection.close()

    async def _read_while_heard(self, connection: Connection, slot: str) -> None:
        # Those who come now have no use for what happened before.
        await connection.execute(SKIP, [slot])
        self._polling.set()
        self._on_live()
        pause, read_to = BUSY_S, ""
        while self._is_heard():
            flushed = await self._flushed(connection)
            if flushed != read_to:
                messages = await self._poll(connection, slot)
                # A poll may leave some for the next one.
                read_to = "" if messages else flushed
                if changes := list(decode(messages)):
                    pause = BUSY_S
                    await self._handle(changes)
            await asyncio.sleep(pause)
            pause = min(pause * PATIENCE_GROWTH, IDLE_S)

    async def _flushed(self, connection: Connection) -> str:
        """Return how far the log can be decoded."""
        cursor = await connection.execute(FLUSHED, prepare=True)
        [(position,)] = await cursor.fetchall()
        return str(position)

    async def _poll(self, connection: Connection, slot: str) -> list[bytes]:
        cursor = await connection.execute(
            POLL, [slot, POLL_ROWS, PUBLICATIONS], prepare=True, binary=True
        )
        return [data for (data,) in await cursor.fetchall()]

    async def _rung(self, seconds: float) -> None:
        """Wait until somebody wants to listen, or a while has passed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()
