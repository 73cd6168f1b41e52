"""The names of the time zones that a request may prefer."""

from devstack.gateway.context import Context, lent


class TimeZones:
    """The names that Postgres knows, asked for by the first request that names one."""

    def __init__(self, context: Context) -> None:
        self._pool = context.admin_pool
        self._names: frozenset[str] | None = None

    async def names(self) -> frozenset[str]:
        """Return all of them."""
        if self._names is None:
            async with lent(self._pool) as connection:
                cursor = await connection.execute("select name from pg_timezone_names")
                self._names = frozenset([name for (name,) in await cursor.fetchall()])
        return self._names
