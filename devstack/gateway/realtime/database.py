"""Realtime's connections to the database: its own, and those of the gateway's pools."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from devstack.gateway.context import Connection, is_loss, pooled_connection


#: Postgres finds the operators of extensions' types in these schemas.
SEARCH_PATH = "public, extensions"
CONNECT_TIMEOUT_S = 5

Result = TypeVar("Result")


async def open_connection(url: str) -> Connection:
    """Connect; each statement commits."""
    connection: Connection = await AsyncConnection.connect(
        url,
        autocommit=True,
        application_name="devstack realtime",
        connect_timeout=CONNECT_TIMEOUT_S,
    )
    await connection.execute("select set_config('search_path', %s, false)", [SEARCH_PATH])
    return connection


async def run_in_pool(
    pool: AsyncConnectionPool[Connection], work: Callable[[Connection], Awaitable[Result]]
) -> Result:
    """Do the work with a connection of a pool, and repeat it once if the connection was lost."""
    try:
        async with pooled_connection(pool) as connection:
            return await work(connection)
    except psycopg.OperationalError as error:
        if not is_loss(error):
            raise
    async with pooled_connection(pool) as connection:
        return await work(connection)


class ReconnectingConnection:
    """One connection, which opens at its first use and opens again after a loss."""

    def __init__(self, url: str, prepare: Callable[[Connection], Awaitable[object]]) -> None:
        self._url = url
        self._prepare = prepare
        self._connection: Connection | None = None

    async def run(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Do the work, and repeat it once if the connection was lost."""
        try:
            return await work(await self._opened())
        except psycopg.OperationalError:
            if self._connection is None or not self._connection.closed:
                raise
        return await work(await self._opened())

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()

    async def _opened(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = await open_connection(self._url)
            await self._prepare(self._connection)
        return self._connection
