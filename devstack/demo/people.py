"""The people of the demo: each acts through an official Supabase client of their own."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import httpx
import psycopg
from psycopg.types.json import Jsonb
from supabase import AsyncClient, AsyncClientOptions, acreate_client

from devstack.demo.steps import DemoError, expect


_PASSWORD = "a password of the demo"  # noqa: S105 - of users that live for half a minute
#: How long a late bid's window and its extension are here, so that nobody waits five minutes.
SOFT_CLOSE_S = 3
#: The moderator of `supabase/seed.sql`, by address and password.
MODERATOR = ("matilda@example.test", "aussie-market")
#: supabase-py's own limit is two minutes, too long to find out that something hangs.
_TIMEOUT_S = 15


class Person:
    """Somebody with a browser: signed in or not, they can do what their session allows."""

    def __init__(self, name: str, client: AsyncClient) -> None:
        self.name = name
        self.client = client
        self.email = f"{name.lower()}@example.com"
        self.password = _PASSWORD
        self.user_id = ""
        self.token = ""

    async def sign_up(self) -> None:
        """Make an account; the answer is a session."""
        answer = await self.client.auth.sign_up(
            {
                "email": self.email,
                "password": self.password,
                "options": {"data": {"display_name": f"{self.name} of the demo"}},
            }
        )
        self._take(answer.session)

    async def sign_in(self) -> None:
        """Begin a session with the password."""
        answer = await self.client.auth.sign_in_with_password(
            {"email": self.email, "password": self.password}
        )
        self._take(answer.session)

    async def call(self, function: str, **arguments: object) -> Any:
        """Call an RPC and return its answer, a refusal too."""
        return (await self.client.rpc(function, arguments).execute()).data

    async def succeed(self, function: str, **arguments: object) -> dict[str, Any]:
        """Call an RPC that must not refuse.

        Raises: DemoError with the refusal's own words.
        """
        answer = await self.call(function, **arguments)
        if not isinstance(answer, dict) or answer.get("success") is not True:
            raise DemoError(f"{function} refused {self.name}: {answer}")
        return answer

    async def rows(
        self, table: str, columns: str = "*", order_by: str | None = None, **equal: object
    ) -> list[dict[str, Any]]:
        """Select the rows that this person may see."""
        query = self.client.table(table).select(columns)
        for column, value in equal.items():
            query = query.eq(column, value)
        if order_by:
            query = query.order(order_by)
        return cast("list[dict[str, Any]]", (await query.execute()).data)

    async def row(self, table: str, columns: str = "*", **equal: object) -> dict[str, Any]:
        """Select the one row that this person must be able to see."""
        found = await self.rows(table, columns, order_by=None, **equal)
        expect(len(found) == 1, f"{self.name} sees {len(found)} rows of {table}, not one.")
        return found[0]

    def _take(self, session: Any) -> None:
        if session is None:
            raise DemoError(f"{self.name} got no session.")
        self.user_id, self.token = session.user.id, session.access_token


@contextlib.asynccontextmanager
async def people(
    environment: Mapping[str, str], *names: str, key: str = "SUPABASE_PUBLISHABLE_KEY"
) -> AsyncIterator[list[Person]]:
    """Give each of the names a client; their sockets and connections end with the block."""
    async with contextlib.AsyncExitStack() as stack:
        found = []
        for name in names:
            http = await stack.enter_async_context(httpx.AsyncClient(timeout=_TIMEOUT_S))
            options = AsyncClientOptions(httpx_client=http, auto_refresh_token=False)
            client = await acreate_client(environment["SUPABASE_URL"], environment[key], options)
            stack.push_async_callback(client.realtime.close)
            found.append(Person(name, client))
        yield found


def shorten_soft_close(database_url: str) -> None:
    """Do by SQL the one thing that no client may: change a rule of the market."""
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "update private.app_settings set value = %s where key = any(%s)",
            [Jsonb(SOFT_CLOSE_S), ["snipe_window_s", "snipe_extend_s"]],
        )
