"""Postgres's streaming replication: the server sends each transaction as soon as it commits.

psycopg has no interface for it, so this speaks the protocol over libpq's copy functions.
"""

import asyncio
import contextlib
import struct
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import pq
from psycopg.errors import error_from_result

from devstack.gateway.context import Connection
from devstack.gateway.realtime.database import CONNECT_TIMEOUT_S
from devstack.gateway.realtime.pgoutput import EPOCH


#: A call returns at the end of the transaction that brings it to this many messages.
MAX_MESSAGES = 2000
#: The start of a message of the log: its kind, its position, the end of the log, the time.
LOG_HEAD = struct.Struct("!cQQq")
#: A keepalive message: its kind, the position that was sent, the time, whether to reply.
KEEPALIVE = struct.Struct("!cQq?")
#: A status update: its kind, what was written, flushed and applied, the time; it needs no reply.
STATUS = struct.Struct("!cQQQqx")
COMMIT = b"C"


async def open_replication(url: str) -> Connection:
    """Connect for replication. Such a connection takes no parameters and prepares nothing."""
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

    A connection can stream only once: a second START_REPLICATION over it ends at once.
    """

    def __init__(self, connection: Connection) -> None:
        self._libpq = connection.pgconn
        self._messages: list[bytes] = []
        self._received = 0
        self._confirmed = 0
        self._must_reply = False

    async def start(self, slot: str, publications: str) -> None:
        """Make the server send all transactions that commit after the slot's position."""
        options = f"proto_version '1', publication_names '{publications}'"
        command = f"START_REPLICATION SLOT {slot} LOGICAL 0/0 ({options})"
        self._libpq.send_query(command.encode())
        self._libpq.flush()
        result = await self._result()
        if result is None or result.status != pq.ExecStatus.COPY_BOTH:
            raise self._end_of_stream(result)

    async def receive(self, patience_s: float) -> list[bytes]:
        """Return the messages of whole transactions; wait up to `patience_s` for an arrival.

        A keepalive message ends the wait too: the result is then empty, and `confirm` replies.
        """
        await self._take()
        if not self._is_whole:
            await self._wait(patience_s)
            await self._take()
        if not self._is_whole:
            return []
        messages, self._messages = self._messages, []
        return messages

    def confirm(self) -> None:
        """Confirm the messages that `receive` has returned, so the server can remove their log."""
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

    async def _take(self) -> None:
        """Collect the messages that have arrived, up to the transaction that ends MAX_MESSAGES."""
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

    async def _wait(self, patience_s: float | None) -> None:
        """Wait up to `patience_s` for bytes from the server, and read them from the socket."""
        loop, arrived = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._libpq.socket, arrived.set)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await arrived.wait()
        finally:
            loop.remove_reader(self._libpq.socket)
        self._libpq.consume_input()

    def _end_of_stream(self, result: pq.abc.PGresult | None) -> psycopg.Error:
        if result is not None and result.status == pq.ExecStatus.FATAL_ERROR:
            return error_from_result(result)
        return psycopg.OperationalError("the server ended the stream")
