"""The current schema cache: reread on each NOTIFY pgrst, as PostgREST's listener does."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg
from psycopg import AsyncConnection, IsolationLevel

from devstack.gateway.context import Context, pooled_connection
from devstack.gateway.rest.configuration import Configuration
from devstack.gateway.rest.errors import RestError, from_postgres
from devstack.gateway.rest.schema_cache.cache import SchemaCache, read_schema_cache
from devstack.gateway.rest.schema_cache.tables import Relation


LOG = logging.getLogger(__name__)

#: The time that the gateway's start waits for the first reading, and the pause after a failure.
FIRST_READ_S = 15
RETRY_S = 0.5
#: A wait for a lock must end soon: other services need the few admin connections, too.
LOCK_TIMEOUT = "set local lock_timeout = '2s'"
#: The configuration is part of the cache, so both kinds of notice reread it.
RELOADS = frozenset(("", "reload schema", "reload config"))
#: The writes that a relation allows, as bits of pg_relation_is_updatable. That function locks
#: the relation.
UPDATABILITY = """
  select case
    when c.relkind in ('r', 'p') then 28
    when c.relkind = 'm' then 0
    else pg_relation_is_updatable(c.oid, true)
  end
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
  where n.nspname = %s and c.relname = %s
"""


class LiveSchemaCache:
    """The current schema cache, and a few facts that are read from Postgres on demand."""

    def __init__(self, context: Context) -> None:
        self._config = context.config
        self._admin_pool = context.admin_pool
        self._defaults = Configuration(
            schemas=context.config.schemas, max_rows=context.config.max_rows
        )
        self._cache: SchemaCache | None = None
        self._time_zones: frozenset[str] | None = None
        self._is_read = asyncio.Event()

    @property
    def cache(self) -> SchemaCache:
        """Return the current state. Raises: RestError PGRST002 while there is none."""
        if self._cache is None:
            raise RestError(
                "PGRST002",
                "Could not query the database for the schema cache. Retrying.",
                headers={"retry-after": "1"},
            )
        return self._cache

    async def time_zones(self) -> frozenset[str]:
        """Return the names of Postgres's time zones; the first call reads them."""
        if self._time_zones is None:
            async with pooled_connection(self._admin_pool) as connection:
                cursor = await connection.execute("select name from pg_timezone_names")
                self._time_zones = frozenset([name for (name,) in await cursor.fetchall()])
        return self._time_zones

    async def updatability(self, relation: Relation) -> int:
        """Return which writes a relation allows, as bits of pg_relation_is_updatable.

        The schema cache does not contain this, because Postgres locks a view to find out.
        Raises: RestError.
        """
        try:
            async with pooled_connection(self._admin_pool) as connection, connection.transaction():
                await connection.execute(LOCK_TIMEOUT)
                cursor = await connection.execute(UPDATABILITY, (relation.schema, relation.name))
                [bits] = await cursor.fetchone() or (0,)
                return int(bits)
        except psycopg.Error as error:
            raise from_postgres(error, "") from error

    @asynccontextmanager
    async def reloading(self) -> AsyncIterator[None]:
        """Read the schema, and listen for changes until the block ends."""
        task = asyncio.create_task(self._reload_forever())
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_read.wait(), FIRST_READ_S)
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _reload_forever(self) -> None:
        while True:
            try:
                await self._listen()
            except psycopg.Error as error:
                LOG.warning("The schema cache lost its connection: %s", error)
            await asyncio.sleep(RETRY_S)

    async def _listen(self) -> None:
        """Listen, then read, so that no change between the two is missed; reread on each notice."""
        connection = await AsyncConnection.connect(
            self._config.admin_url, autocommit=True, application_name="devstack schema cache"
        )
        async with connection:
            # All queries of a reading see one snapshot, even if DDL commits in between.
            await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
            await connection.execute("listen pgrst")
            await self._read(connection)
            while True:
                # A notice that comes during a reading waits in the connection.
                payloads = [notice.payload async for notice in connection.notifies(stop_after=1)]
                # Migrations send many notices; one reading serves all that have come.
                payloads += [notice.payload async for notice in connection.notifies(timeout=0)]
                if not RELOADS.isdisjoint(payloads):
                    await self._read(connection)

    async def _read(self, connection: AsyncConnection[tuple[object, ...]]) -> None:
        self._cache = await read_schema_cache(connection, self._defaults)
        self._is_read.set()
