"""The people of the demo: each acts through an official Supabase client of their own."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, cast

import httpx
import psycopg
from psycopg.types.json import Jsonb
from supabase import AsyncClient, AsyncClientOptions, acreate_client

from devstack.demo.steps import DemoError, expect


_PASSWORD = "a password of the demo"  # noqa: S105 - of users that live for half a minute
#: How long a late bid's window and its extension are here, so that nobody waits five minutes.
SOFT_CLOSE_S = 3
_SETTINGS = {
    "snipe_window_s": SOFT_CLOSE_S,
    "snipe_extend_s": SOFT_CLOSE_S,
    "require_staff_aal2": False,
}
#: supabase-py's own limit is two minutes, too long to find out that something hangs.
_TIMEOUT_S = 15


class Person:
    """Somebody with a browser: signed in or not, they can do what their session allows."""

    def __init__(self, name: str, client: AsyncClient) -> None:
        self.name = name
        self.client = client
        self.user_id = ""
        self.token = ""

    async def sign_up(self) -> None:
        """Make an account; the answer is a session."""
        email = f"{self.name.lower()}@example.com"
        answer = await self.client.auth.sign_up(
            {
                "email": email,
                "password": _PASSWORD,
                "options": {"data": {"display_name": f"{self.name} of the demo"}},
            }
        )
        self._take(answer.session)

    async def sign_in(self) -> None:
        """Begin a session with the password."""
        email = f"{self.name.lower()}@example.com"
        answer = await self.client.auth.sign_in_with_password(
            {"email": email, "password": _PASSWORD}
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


def arrange(database_url: str, *, seller: Person, bidders: Sequence[Person], staff: Person) -> None:
    """Do what no client may: identity checks passed, roles given, the soft close made short."""
    with psycopg.connect(database_url) as connection:
        everybody = [person.user_id for person in (seller, *bidders)]
        connection.execute(
            "update public.users set kyc = 'passed', kyc_completed_at = now()"
            " where id::text = any(%s)",
            [everybody],
        )
        for role, person in (("seller", seller), ("admin", staff)):
            connection.execute(
                "update public.users set role = %s where id::text = %s", [role, person.user_id]
            )
        for key, value in _SETTINGS.items():
            connection.execute(
                "update private.app_settings set value = %s where key = %s", [Jsonb(value), key]
            )
