"""The context that every handler of Auth gets, and its transactions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncCursor
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from starlette.requests import Request

from devstack.emulation.tokens import Keys
from devstack.gateway.auth.sent_mails import IssuedToken, Mailbox
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

    def redirect_target(self, request: Request, body_redirect: str = "") -> str:
        """Return the address to which a mail's link redirects.

        It is the one in the body or the query, if the project's settings allow it, or else the
        project's site.
        """
        for address in (body_redirect, request.query_params.get("redirect_to", "")):
            if address and self.settings.allows_redirect(address):
                return address
        return self.settings.site_url

    def add_mail(self, request: Request, kind: str, address: str, token: IssuedToken) -> None:
        """Put a mail with a token into the mailbox, where the control API shows it.

        The mail appears before the transaction of its token commits.
        """
        self.mailbox.add(
            kind,
            address,
            token,
            verify_url=f"{self.issuer}/verify",
            redirect_to=self.redirect_target(request),
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Cursor]:
        """Begin a transaction with the role and the search_path of hosted Auth.

        So a trigger of the project that names a table without its schema fails here too.
        """
        async with (
            pooled_connection(self.pool) as connection,
            connection.transaction(),
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            await cursor.execute("set local role supabase_auth_admin")
            await cursor.execute("set local search_path = auth")
            yield cursor
