"""The configuration of the gateway, and the pools that its services share."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any, Self, TypeVar, cast

from psycopg import AsyncConnection, Error, OperationalError
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from devstack.emulation.tokens import Keys, ProjectKeys
from devstack.paths import ROOT


#: A request that waits for a lock keeps its connection, so there are more connections than the CPU
#: can use.
POOL_SIZE = 24
ADMIN_POOL_SIZE = 4
#: The time that PostgREST waits for a free connection.
POOL_TIMEOUT_S = 10
#: The number of prepared statements that each connection keeps.
PREPARED_STATEMENTS = 500
#: The SQLSTATEs of a server that shuts down or a broken connection begin with these.
LOSS_STATES = ("08", "57P")

Connection = AsyncConnection[tuple[Any, ...]]
Service = TypeVar("Service")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig:
    """The gateway's port, databases, schemas, limits and keys."""

    port: int
    #: The URL for role authenticator, which may assume anon, authenticated and service_role.
    database_url: str
    #: The URL for supabase_admin on the same database.
    admin_url: str
    #: The schemas that REST shows; the first one is the default.
    schemas: tuple[str, ...]
    max_rows: int
    keys: ProjectKeys
    #: The folder of Storage's files. The first upload creates it.
    files: str
    #: The settings file of the Supabase CLI; Auth follows some of its settings.
    project_file: str = str(ROOT / "supabase/config.toml")
    #: True if Auth also follows the settings that hinder development, such as confirmed addresses.
    has_production_auth: bool = False

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        fields = json.loads(text)
        schemas, keys = tuple(fields.pop("schemas")), ProjectKeys(**fields.pop("keys"))
        return cls(schemas=schemas, keys=keys, **fields)

    def to_json(self) -> str:
        """Write the configuration, secrets included, as one JSON object."""
        return json.dumps(asdict(self))

    @property
    def url(self) -> str:
        """Return the address for clients."""
        return f"http://127.0.0.1:{self.port}"


class Context:
    """The configuration and the two pools, which are open within `opened()`.

    The connections are in autocommit mode; code that needs a transaction begins one.
    """

    def __init__(self, config: GatewayConfig) -> None:
        self.config = config
        self.keys = Keys(config.keys)
        self.pool = _pool(config.database_url, POOL_SIZE)
        self.admin_pool = _pool(config.admin_url, ADMIN_POOL_SIZE)
        self._services: dict[object, object] = {}

    def service(self, build: Callable[["Context"], Service]) -> Service:
        """Return the object that `build` makes of this context; each call returns the same one."""
        if build not in self._services:
            self._services[build] = build(self)
        return cast(Service, self._services[build])

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Open the pools, and close them at the end."""
        async with self.pool, self.admin_pool:
            yield


@asynccontextmanager
async def pooled_connection(pool: AsyncConnectionPool[Connection]) -> AsyncIterator[Connection]:
    """Take a connection from a pool; if the connection is lost, have the pool check the others.

    A restart of Postgres breaks all connections at once.
    """
    try:
        async with pool.connection() as connection:
            yield connection
    except Error as error:
        if is_loss(error):
            await pool.check()
        raise


def is_loss(error: Error) -> bool:
    """Return true if an error means that the connection is lost.

    A server that shuts down may send an error first, such as "terminating connection", or none.
    """
    if not isinstance(error, OperationalError) or isinstance(error, PoolTimeout):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(LOSS_STATES)


def summary(error: Error) -> str:
    """Return an error's text for the log, without detail and context, because they quote rows."""
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
