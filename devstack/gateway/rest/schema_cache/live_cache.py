"""Keeps the schema cache as new as the database says it has to be."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg
from psycopg import AsyncConnection, IsolationLevel

from devstack.gateway.context import Context
from devstack.gateway.rest.configuration import Configuration
from devstack.gateway.rest.errors import RestError
from devstack.gateway.rest.schema_cache.cache import SchemaCache
from devstack.gateway.rest.schema_cache.introspection import read_schema


LOG = logging.getLogger(__name__)

#: How long the gateway's start waits for the first read; and how long until another try.
FIRST_READ_S = 15
RETRY_S = 0.5
#: The settings of roles are part of the cache, so both kinds of notice concern it.
NEWS = frozenset(("", "reload schema", "reload config"))


class LiveSchema:
    """The schema cache, read anew on each `notify pgrst`."""

    def __init__(self, context: Context) -> None:
        self._config = context.config
        self._given = Configuration(
            schemas=context.config.schemas, max_rows=context.config.max_rows
        )
        self._cache: SchemaCache | None = None
        self._is_read = asyncio.Event()

    @property
    def cache(self) -> SchemaCache:
        """Return the present state. Raises: RestError PGRST002 while there is none."""
        if self._cache is None:
            raise RestError(
                503,
                "PGRST002",
                "Could not query the database for the schema cache. Retrying.",
                headers={"retry-after": "1"},
            )
        return self._cache

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Read the schema, and listen for changes until the block ends."""
        keeper = asyncio.create_task(self._keep())
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_read.wait(), FIRST_READ_S)
            yield
        finally:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper

    async def _keep(self) -> None:
        while True:
            try:
                await self._follow()
            except psycopg.Error as error:
                LOG.warning("The schema cache lost its connection: %s", error)
            await asyncio.sleep(RETRY_S)

    async def _follow(self) -> None:
        """Listen first and read then, so that no change falls between the two."""
        connection = await AsyncConnection.connect(
            self._config.admin_url, autocommit=True, application_name="devstack schema cache"
        )
        async with connection:
            # All questions of a reading are about one state, whatever is committed meanwhile.
            await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
            await connection.execute("listen pgrst")
            await self._read(connection)
            while True:
                # What comes while the schema is being read waits in the connection.
                heard = [notice.payload async for notice in connection.notifies(stop_after=1)]
                # Migrations send one after another; a single reading serves all that came.
                heard += [notice.payload async for notice in connection.notifies(timeout=0)]
                if not NEWS.isdisjoint(heard):
                    await self._read(connection)

    async def _read(self, connection: AsyncConnection[tuple[object, ...]]) -> None:
        self._cache = await read_schema(connection, self._given)
        self._is_read.set()
