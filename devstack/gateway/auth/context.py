"""The context of every handler of Auth: the database, the keys and the settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncCursor
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from starlette.requests import Request

from devstack.emulation.tokens import Keys
from devstack.gateway.auth import redirects
from devstack.gateway.auth.mailbox import Issued, Mailbox
from devstack.gateway.auth.settings import AuthSettings
from devstack.gateway.context import Connection, pooled_connection


#: A cursor inside a transaction that runs as Auth's own role.
Cursor = AsyncCursor[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthContext:
    """The database, the keys, the settings and the mailbox of Auth."""

    pool: AsyncConnectionPool[Connection]
    keys: Keys
    issuer: str
    settings: AuthSettings
    mailbox: Mailbox

    def post(self, request: Request, kind: str, address: str, issued: Issued) -> None:
        """Put the mail that a request has caused where the control API shows it.

        It is there before the transaction of its token ends: a reader knows its address anyway.
        """
        self.mailbox.add(
            kind,
            address,
            issued,
            verify_url=f"{self.issuer}/verify",
            redirect_to=redirects.target(request, self.settings),
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Cursor]:
        """Begin a transaction as the role, and with the search_path, that Auth has when hosted.

        A trigger of the project that names a table without its schema fails here as it would there.
        """
        async with (
            pooled_connection(self.pool) as connection,
            connection.transaction(),
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            await cursor.execute("set local role supabase_auth_admin")
            await cursor.execute("set local search_path = auth")
            yield cursor
