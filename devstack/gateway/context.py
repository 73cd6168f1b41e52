"""The configuration of the gateway, and the pools that its services share."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any, Self, TypeVar, cast

from psycopg import AsyncConnection, Error, OperationalError
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from devstack.emulation.tokens import Keys
from devstack.paths import ROOT


#: Requests that wait for a lock each hold a connection, so there are more than the CPU could use.
POOL_SIZE = 24
ADMIN_POOL_SIZE = 4
#: PostgREST's own timeout for a pool that is used up.
POOL_TIMEOUT_S = 10
#: Each connection keeps the plans of this many statements.
PREPARED_STATEMENTS = 500
#: SQLSTATEs of a server that goes or a connection that broke begin with these.
LOSSES = ("08", "57P")

Connection = AsyncConnection[tuple[Any, ...]]
Service = TypeVar("Service")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig:
    """The gateway's port, databases, schemas, limits and keys."""

    port: int
    #: As role authenticator, which may become anon, authenticated and service_role.
    database_url: str
    #: As supabase_admin, to the same database.
    admin_url: str
    #: The schemas that REST shows; the first one is the default.
    schemas: tuple[str, ...]
    max_rows: int
    keys: Keys
    #: The folder of Storage's files; it is made when the first one comes.
    files: str
    #: The project's settings of the Supabase CLI, of which Auth obeys some.
    project_file: str = str(ROOT / "supabase/config.toml")
    #: Whether Auth obeys the settings too that are a burden in development.
    has_production_auth: bool = False

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        fields = json.loads(text)
        schemas, keys = tuple(fields.pop("schemas")), Keys(**fields.pop("keys"))
        return cls(schemas=schemas, keys=keys, **fields)

    def to_json(self) -> str:
        """Write the configuration, secrets included, as one JSON object."""
        return json.dumps(asdict(self))

    @property
    def url(self) -> str:
        """Return the address that clients are given."""
        return f"http://127.0.0.1:{self.port}"


class Context:
    """The configuration and the two pools; they are open while `opened()` is entered.

    The connections commit by themselves: who needs a transaction says so.
    """

    def __init__(self, config: GatewayConfig) -> None:
        self.config = config
        self.pool = _pool(config.database_url, POOL_SIZE)
        self.admin_pool = _pool(config.admin_url, ADMIN_POOL_SIZE)
        self._services: dict[object, object] = {}

    def service(self, build: Callable[["Context"], Service]) -> Service:
        """Return the one object that `build` makes of this context: routes and lives share it."""
        if build not in self._services:
            self._services[build] = build(self)
        return cast(Service, self._services[build])

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Connect to the database, and let go of it at the end."""
        async with self.pool, self.admin_pool:
            yield


@asynccontextmanager
async def lent(pool: AsyncConnectionPool[Connection]) -> AsyncIterator[Connection]:
    """Lend a connection of a pool; when it turns out to be lost, the pool looks after the others.

    Where one was lost all may be: a restart of Postgres loses them together.
    """
    try:
        async with pool.connection() as connection:
            yield connection
    except Error as error:
        if is_loss(error):
            await pool.check()
        raise


def is_loss(error: Error) -> bool:
    """Say whether an error means that the connection is lost.

    The server's last word, such as "terminating connection", arrives or does not.
    """
    if not isinstance(error, OperationalError) or isinstance(error, PoolTimeout):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(LOSSES)


def summary(error: Error) -> str:
    """Return what a log may say of an error: no detail and no context, for they quote rows."""
    if error.sqlstate is None:
        return type(error).__name__
    return f"{error.sqlstate} {error.diag.message_primary}"


def _pool(url: str, size: int) -> AsyncConnectionPool[Connection]:
    return AsyncConnectionPool(
        url,
        min_size=1,
        max_size=size,
        timeout=POOL_TIMEOUT_S,
        open=False,
        kwargs={"autocommit": True, "application_name": "devstack gateway"},
        configure=_configure,
    )


async def _configure(connection: Connection) -> None:
    connection.prepared_max = PREPARED_STATEMENTS
