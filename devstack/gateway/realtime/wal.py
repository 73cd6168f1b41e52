"""Reads the log of changes through a temporary slot, and reads on when the connection is lost.

Postgres offers no bell for new log; asking costs a quarter of a millisecond. So it is asked often
while rows come, less often while somebody listens, and hardly ever while nobody does.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import psycopg
from psycopg import AsyncConnection

from devstack.gateway.context import Connection
from devstack.gateway.realtime.pgoutput import Change, decode
from devstack.gateway.realtime.visibility import INSTALL


LOG = logging.getLogger(__name__)

PUBLICATION = "supabase_realtime"
MESSAGES_PUBLICATION = "supabase_realtime_messages_publication"

BUSY_S = 0.005
IDLE_S = 0.04
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
POLL = (
    "select data from pg_logical_slot_get_binary_changes(%s, null, %s,"
    " 'proto_version', '1', 'publication_names', %s)"
)
#: Where the operators of types that extensions bring are looked for.
SEARCH_PATH = "public, extensions"
PUBLICATIONS = f"{PUBLICATION},{MESSAGES_PUBLICATION}"

Handler = Callable[[Connection, Sequence[Change]], Awaitable[None]]


class WalReader:
    """Hands all changes to `handle`, one batch after the other, in commit order.

    `is_heard` says whether anybody listens; `on_live` is called each time a slot was made anew,
    for what committed between two slots is lost.
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
                async with self._connected() as judge, self._connected() as connection:
                    await judge.execute(INSTALL)
                    slot = await _make_slot(connection)
                    failures = 0
                    self._on_live()
                    await self._read(connection, slot, judge)
            except (psycopg.Error, OSError, TimeoutError) as error:
                LOG.warning("the log of changes cannot be read: %s", error)
            except Exception:
                # A batch that breaks the reader must not silence everybody for ever.
                LOG.exception("a batch of changes was lost")
            finally:
                self._polling.clear()
            await asyncio.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])
            failures += 1

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Connection]:
        """Connect. Two are needed: an error, as of a filter, takes its session's slot along."""
        connection: Connection = await AsyncConnection.connect(
            self._url, autocommit=True, application_name="devstack realtime", connect_timeout=5
        )
        try:
            await connection.execute("select set_config('search_path', %s, false)", [SEARCH_PATH])
            yield connection
        finally:
            await connection.close()

    async def _read(self, connection: Connection, slot: str, judge: Connection) -> None:
        while True:
            if self._is_heard():
                await self._read_while_heard(connection, slot, judge)
            self._polling.clear()
            await connection.execute(SKIP, [slot])
            await self._rung(UNHEARD_S)

    async def _read_while_heard(self, connection: Connection, slot: str, judge: Connection) -> None:
        # Those who come now have no use for what happened before.
        await connection.execute(SKIP, [slot])
        self._polling.set()
        pause = BUSY_S
        while self._is_heard():
            changes = await self._poll(connection, slot)
            if changes:
                pause = BUSY_S
                await self._handle(judge, changes)
            await asyncio.sleep(pause)
            pause = min(pause * PATIENCE_GROWTH, IDLE_S)

    async def _poll(self, connection: Connection, slot: str) -> list[Change]:
        cursor = await connection.execute(
            POLL, [slot, POLL_ROWS, PUBLICATIONS], prepare=True, binary=True
        )
        return list(decode(data for (data,) in await cursor.fetchall()))

    async def _rung(self, seconds: float) -> None:
        """Wait until somebody wants to listen, or a while has passed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()


async def _make_slot(connection: Connection) -> str:
    """Make a slot that goes with the connection, whatever ends it; return its name."""
    slot = f"devstack_{secrets.token_hex(6)}"
    async with asyncio.timeout(SLOT_TIMEOUT_S):
        await connection.execute(CREATE, [slot])
    return slot
