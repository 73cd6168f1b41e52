"""Read the write-ahead log (WAL) from a temporary slot, by Postgres's streaming replication.

The server sends each transaction at its commit. Decoding needs CPU, so it is stopped while there
are no listeners. psycopg has no interface for replication, so `Stream` uses libpq's copy functions.
"""

import asyncio
import contextlib
import logging
import secrets
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import pq
from psycopg.errors import error_from_result

from devstack.gateway.context import Connection
from devstack.gateway.realtime.database import CONNECT_TIMEOUT_S, ReconnectingConnection
from devstack.gateway.realtime.pgoutput import EPOCH, Change, Relation, decode, transaction_ids


LOG = logging.getLogger(__name__)

PUBLICATION = "supabase_realtime"
MESSAGES_PUBLICATION = "supabase_realtime_messages_publication"

#: The stream goes on this long after the last listener has left, because a page may reload.
LINGER_S = 2
#: Transaction ids start again after 32 bits.
WRAP = 2**32
#: Without listeners the slot advances this often, or Postgres would keep all WAL for it.
ADVANCE_INTERVAL_S = 10
RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)
#: Postgres creates a slot only after all open transactions have ended.
SLOT_TIMEOUT_S = 60

CREATE = "select pg_create_logical_replication_slot('{}', 'pgoutput', temporary => true)"
ADVANCE = "select pg_replication_slot_advance('{}', pg_current_wal_lsn())"
PUBLICATIONS = f"{PUBLICATION},{MESSAGES_PUBLICATION}"

SNAPSHOT = "select pg_current_snapshot()::text"
#: A commit becomes visible within microseconds. After this time its changes are sent anyway.
VISIBILITY_TIMEOUT_S = 5
VISIBILITY_RETRY_S = 0.001

Handler = Callable[[Sequence[Change]], Awaitable[None]]
#: `receive` returns after the transaction that reaches this number of messages.
MAX_MESSAGES = 2000
#: The head of a message of the WAL: kind, position, end of the WAL, time.
LOG_HEAD = struct.Struct("!cQQq")
#: A keepalive message: kind, sent position, time, true if it needs a reply.
KEEPALIVE = struct.Struct("!cQq?")
#: A status update: kind, written, flushed and applied position, time, zero to ask for no reply.
STATUS = struct.Struct("!cQQQqx")
COMMIT = b"C"


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
    """Passes all changes to `handle`, one batch after the other, in commit order.

    It reads while `has_listeners` returns true. It calls `on_start` at each start of a slot's
    stream, also after the loss of a slot. Changes that committed between two slots are not read.
    """

    def __init__(
        self,
        url: str,
        *,
        handle: Handler,
        has_listeners: Callable[[], bool],
        on_start: Callable[[], None],
    ) -> None:
        self._url = url
        self._handle = handle
        self._has_listeners = has_listeners
        self._on_start = on_start
        self._snapshots = ReconnectingConnection(url, _snapshot)
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
            await self._snapshots.close()

    async def listening(self) -> None:
        """Wait until all later commits will be read. `has_listeners` must return true already."""
        self._wake.set()
        await self._streaming.wait()

    async def _read_for_ever(self) -> None:
        failures = 0
        while True:
            try:
                await self._read_one_slot()
            except (psycopg.Error, OSError, TimeoutError) as error:
                LOG.warning("the WAL cannot be read: %s", error)
            except Exception:
                # An error in one batch must not stop the reader for all subscribers.
                LOG.exception("a batch of changes was lost")
            else:
                failures = 0
                continue
            was_streaming = self._streaming.is_set()
            self._streaming.clear()
            failures = 0 if was_streaming else failures + 1
            await asyncio.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])

    async def _read_one_slot(self) -> None:
        """Create a temporary slot, which ends with its connection, and stream it once.

        A connection can stream only once, and creating a slot may take long. So the next slot is
        created when the last listener has left, before a client that joins has to wait for it.
        """
        slot = f"devstack_{secrets.token_hex(6)}"
        connection = await open_replication(self._url)
        try:
            async with asyncio.timeout(SLOT_TIMEOUT_S):
                await connection.execute(CREATE.format(slot))
            while not self._has_listeners():
                await connection.execute(ADVANCE.format(slot))
                await self._wait_for_listener(ADVANCE_INTERVAL_S)
            # Clients that join from now on need no earlier commits.
            await connection.execute(ADVANCE.format(slot))
            await self._stream_to_listeners(Stream(connection), slot)
        finally:
            await connection.close()

    async def _stream_to_listeners(self, stream: "Stream", slot: str) -> None:
        await stream.start(slot, PUBLICATIONS)
        self._streaming.set()
        self._on_start()
        relations: dict[int, Relation] = {}
        loop = asyncio.get_running_loop()
        last_listener_at = loop.time()
        while loop.time() - last_listener_at < LINGER_S:
            messages = await stream.receive(LINGER_S)
            if changes := list(decode(messages, relations)):
                await self._wait_until_visible(transaction_ids(messages))
                await self._handle(changes)
            stream.confirm()
            if self._has_listeners():
                last_listener_at = loop.time()
        # There is no await after the last check of the listeners, so no client joins in between.
        self._streaming.clear()

    async def _wait_until_visible(self, ids: Collection[int]) -> None:
        """Wait until other transactions see the rows that these transactions wrote.

        Postgres streams a commit as soon as it is in the WAL, shortly before it is visible. Until
        then the policies would hide the row, and a client that reads it would get the old one.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(VISIBILITY_TIMEOUT_S):
                while not are_visible(ids, await self._snapshots.run(_snapshot)):  # noqa: ASYNC110 -- Postgres sends no notification of it
                    await asyncio.sleep(VISIBILITY_RETRY_S)

    async def _wait_for_listener(self, timeout_s: float) -> None:
        """Wait up to `timeout_s` for a call of `listening`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._wake.wait()
        self._wake.clear()


async def open_replication(url: str) -> Connection:
    """Connect for replication. Such a connection cannot use parameters or prepared statements."""
    return await psycopg.AsyncConnection.connect(
        url,
        autocommit=True,
        application_name="devstack realtime",
        connect_timeout=CONNECT_TIMEOUT_S,
        prepare_threshold=None,
        replication="database",
    )


class Stream:
    """Receives the messages that a logical slot sends over its connection.

    A connection can stream only once: Postgres ends a second START_REPLICATION at once.
    """

    def __init__(self, connection: Connection) -> None:
        self._libpq = connection.pgconn
        self._messages: list[bytes] = []
        self._received = 0
        self._confirmed = 0
        self._must_reply = False

    async def start(self, slot: str, publications: str) -> None:
        """Start to stream all transactions that commit after the slot's position."""
        options = f"proto_version '1', publication_names '{publications}'"
        command = f"START_REPLICATION SLOT {slot} LOGICAL 0/0 ({options})"
        self._libpq.send_query(command.encode())
        self._libpq.flush()
        result = await self._result()
        if result is None or result.status != pq.ExecStatus.COPY_BOTH:
            raise self._end_of_stream(result)

    async def receive(self, timeout_s: float) -> list[bytes]:
        """Return the messages of whole transactions; wait up to `timeout_s` for the first.

        A keepalive message ends the wait too. Then the result is empty, and `confirm` replies.
        """
        await self._collect()
        if not self._is_whole:
            await self._wait(timeout_s)
            await self._collect()
        if not self._is_whole:
            return []
        messages, self._messages = self._messages, []
        return messages

    def confirm(self) -> None:
        """Confirm the messages that `receive` has returned, so that Postgres can drop their WAL."""
        position = self._confirmed if self._messages else self._received
        if position == self._confirmed and not self._must_reply:
            return
        now = (datetime.now(UTC) - EPOCH) // timedelta(microseconds=1)
        self._libpq.put_copy_data(STATUS.pack(b"r", position, position, position, now))
        self._libpq.flush()
        self._confirmed, self._must_reply = position, False

    @property
    def _is_whole(self) -> bool:
        return bool(self._messages) and self._messages[-1].startswith(COMMIT)

    async def _collect(self) -> None:
        """Collect the messages that have arrived, up to the transaction that reaches the limit."""
        while not (self._is_whole and len(self._messages) >= MAX_MESSAGES):
            size, data = self._libpq.get_copy_data(1)
            if size == 0:
                return
            if size < 0:
                raise self._end_of_stream(await self._result())
            self._keep(bytes(data))

    def _keep(self, data: bytes) -> None:
        if data.startswith(b"k"):
            _, position, _, must_reply = KEEPALIVE.unpack(data)
            self._must_reply |= must_reply
        else:
            _, position, _, _ = LOG_HEAD.unpack_from(data)
            self._messages.append(data[LOG_HEAD.size :])
        self._received = max(self._received, position)

    async def _result(self) -> pq.abc.PGresult | None:
        while self._libpq.is_busy():
            await self._wait(None)
        return self._libpq.get_result()

    async def _wait(self, timeout_s: float | None) -> None:
        """Wait up to `timeout_s` for bytes from the server, and read them from the socket."""
        loop, arrived = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._libpq.socket, arrived.set)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await arrived.wait()
        finally:
            loop.remove_reader(self._libpq.socket)
        self._libpq.consume_input()

    def _end_of_stream(self, result: pq.abc.PGresult | None) -> psycopg.Error:
        if result is not None and result.status == pq.ExecStatus.FATAL_ERROR:
            return error_from_result(result)
        return psycopg.OperationalError("the server ended the stream")
