"""The people of the demo and the official clients through which they act."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar, cast

import httpx
import psycopg
from psycopg.types.json import Jsonb
from realtime import AsyncRealtimeChannel, RealtimeSubscribeStates
from realtime.types import RealtimePostgresChangesListenEvent
from supabase import AsyncClient, AsyncClientOptions, acreate_client

from devstack.demo.steps import DemoError, expect


#: The limit of a wait and of a request. Each takes milliseconds unless something has failed.
TIMEOUT_S = 15
#: The window of a late bid and its extension; the default of five minutes is too long here.
SOFT_CLOSE_S = 3
#: The moderator of `supabase/seed.sql`, by address and password.
MODERATOR = ("matilda@example.test", "aussie-market")
_PASSWORD = "a password of the demo"  # noqa: S105 - of users that live for half a minute
#: The time between two reads while the demo waits for another process.
_POLL_S = 0.05
#: A change of a row, or the payload of a broadcast.
Received = TypeVar("Received")
_ALL = RealtimePostgresChangesListenEvent.All


class Person:
    """A user with a browser, signed in or not, who has only the rights of the session."""

    def __init__(self, name: str, client: AsyncClient) -> None:
        self.name = name
        self.client = client
        self.email = f"{name.lower()}@example.com"
        self.password = _PASSWORD
        self.user_id = ""
        self.token = ""

    async def sign_up(self) -> None:
        """Create an account and keep its session."""
        answer = await self.client.auth.sign_up(
            {
                "email": self.email,
                "password": self.password,
                "options": {"data": {"display_name": f"{self.name} of the demo"}},
            }
        )
        self._keep_session(answer.session)

    async def sign_in(self) -> None:
        """Sign in with the password and keep the session."""
        answer = await self.client.auth.sign_in_with_password(
            {"email": self.email, "password": self.password}
        )
        self._keep_session(answer.session)

    async def call(self, function: str, **arguments: object) -> Any:
        """Call an RPC and return its answer, which may be a refusal."""
        return (await self.client.rpc(function, arguments).execute()).data

    async def succeed(self, function: str, **arguments: object) -> dict[str, Any]:
        """Call an RPC that must succeed.

        Raises: DemoError with the refusal.
        """
        answer = await self.call(function, **arguments)
        if not isinstance(answer, dict) or answer.get("success") is not True:
            raise DemoError(f"{function} refused {self.name}: {answer}")
        return answer

    async def rows(
        self, table: str, columns: str = "*", order_by: str | None = None, **equal: object
    ) -> list[dict[str, Any]]:
        """Select the rows that the row level security shows this person."""
        query = self.client.table(table).select(columns)
        for column, value in equal.items():
            query = query.eq(column, value)
        if order_by:
            query = query.order(order_by)
        return cast("list[dict[str, Any]]", (await query.execute()).data)

    async def row(self, table: str, columns: str = "*", **equal: object) -> dict[str, Any]:
        """Select the only row; fail unless this person sees exactly one."""
        found = await self.rows(table, columns, order_by=None, **equal)
        expect(len(found) == 1, f"{self.name} sees {len(found)} rows of {table}, not one.")
        return found[0]

    def _keep_session(self, session: Any) -> None:
        if session is None:
            raise DemoError(f"{self.name} got no session.")
        self.user_id, self.token = session.user.id, session.access_token


@contextlib.asynccontextmanager
async def open_clients(
    environment: Mapping[str, str], *names: str, key: str = "SUPABASE_PUBLISHABLE_KEY"
) -> AsyncIterator[list[Person]]:
    """Open a client for each name; the block's end closes them."""
    async with contextlib.AsyncExitStack() as stack:
        opened = []
        for name in names:
            http = await stack.enter_async_context(httpx.AsyncClient(timeout=TIMEOUT_S))
            options = AsyncClientOptions(httpx_client=http, auto_refresh_token=False)
            client = await acreate_client(environment["SUPABASE_URL"], environment[key], options)
            stack.push_async_callback(client.realtime.close)
            opened.append(Person(name, client))
        yield opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of a row as Realtime delivered it, `delay_ms` after its commit."""

    table: str
    kind: str
    row: dict[str, Any]
    committed_at: datetime
    delay_ms: float


@dataclass(slots=True)
class Subscriber:
    """A person's Realtime subscriptions, with all messages that have arrived."""

    person: Person
    changes: list[Change] = field(default_factory=list)
    times_remaining: list[dict[str, Any]] = field(default_factory=list)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch_auction(self, auction_id: str) -> None:
        """Subscribe to two tables and the private topic of an auction, as the web app does."""
        changes = self.person.client.channel(f"auction-{auction_id}")
        changes.on_postgres_changes(
            _ALL, self._on_change, table="auctions", schema="public", filter=f"id=eq.{auction_id}"
        )
        changes.on_postgres_changes(
            _ALL,
            self._on_change,
            table="bids",
            schema="public",
            filter=f"auction_id=eq.{auction_id}",
        )
        countdown = self.person.client.channel(
            f"auction:{auction_id}",
            {"config": {"broadcast": None, "presence": None, "private": True}},
        )
        countdown.on_broadcast("time_remaining", self._on_time_remaining)
        await self._join(changes)
        await self._join(countdown)

    async def watch_orders(self) -> None:
        """Subscribe to the orders of this buyer."""
        mine = f"buyer_id=eq.{self.person.user_id}"
        orders = self.person.client.channel(f"user-orders-{self.person.user_id}")
        orders.on_postgres_changes(
            _ALL, self._on_change, table="orders", schema="public", filter=mine
        )
        await self._join(orders)

    async def wait_for_change(self, matches: Callable[[Change], bool], event: str) -> Change:
        """Return the first change that matches; `event` names it in the error.

        Raises: DemoError when none arrives in time.
        """
        missed = f"{self.person.name} did not see {event} within {TIMEOUT_S} s."
        return await self._wait_for(self.changes, matches, missed)

    async def wait_for_time_remaining(self, version: int) -> dict[str, Any]:
        """Return the first broadcast of the time remaining that is as new as `version`.

        Raises: DemoError when none arrives in time.
        """
        missed = f"No time_remaining for version {version} came within {TIMEOUT_S} s."
        return await self._wait_for(
            self.times_remaining, lambda message: message["version"] >= version, missed
        )

    async def _wait_for(
        self, received: list[Received], matches: Callable[[Received], bool], missed: str
    ) -> Received:
        ends_at = time.monotonic() + TIMEOUT_S
        while True:
            self._arrived.clear()
            for message in received:
                if matches(message):
                    return message
            try:
                await asyncio.wait_for(self._arrived.wait(), ends_at - time.monotonic())
            except TimeoutError as error:
                raise DemoError(missed) from error

    async def _join(self, channel: AsyncRealtimeChannel) -> None:
        states: asyncio.Queue[tuple[RealtimeSubscribeStates, Exception | None]] = asyncio.Queue()
        await channel.subscribe(lambda state, error: states.put_nowait((state, error)))
        try:
            state, error = await asyncio.wait_for(states.get(), TIMEOUT_S)
        except TimeoutError as late:
            raise DemoError(f"Realtime did not answer the join of {channel.topic}.") from late
        if state != RealtimeSubscribeStates.SUBSCRIBED:
            raise DemoError(f"Realtime refused {self.person.name} {channel.topic}: {error}")

    def _on_change(self, payload: Any) -> None:
        now = datetime.now(UTC)
        data = payload["data"]
        committed_at = datetime.fromisoformat(data["commit_timestamp"])
        self.changes.append(
            Change(
                table=data["table"],
                kind=data["type"],
                row=data.get("record") or {},
                committed_at=committed_at,
                delay_ms=(now - committed_at).total_seconds() * 1000,
            )
        )
        self._arrived.set()

    def _on_time_remaining(self, payload: Any) -> None:
        self.times_remaining.append(payload["payload"])
        self._arrived.set()


class Api:
    """A client of our HTTP service, and of the fake Stripe's control API."""

    def __init__(self, http: httpx.AsyncClient, environment: Mapping[str, str]) -> None:
        self._http = http
        self._service = environment["SERVICE_URL"]
        self._control = environment["STRIPE_CONTROL_URL"]

    async def request(
        self, person: Person | None, method: str, path: str, body: object = None
    ) -> tuple[int, dict[str, Any]]:
        """Send a request with a person's token; return the status and the JSON of the answer."""
        answer = await self._http.request(
            method,
            f"{self._service}/api{path}",
            json=body,
            headers={"Authorization": f"Bearer {person.token}"} if person else {},
        )
        return answer.status_code, answer.json()

    async def succeed(
        self, person: Person, method: str, path: str, body: object = None
    ) -> dict[str, Any]:
        """Send a request whose answer must be 200; return its JSON.

        Raises: DemoError with the answer.
        """
        status, answer = await self.request(person, method, path, body)
        expect(status == HTTPStatus.OK, f"{method} {path} answered {status}: {answer}")
        return answer

    async def control(self, path: str, **body: object) -> dict[str, Any]:
        """Send a command to the fake Stripe, such as a bank's or a seller's action."""
        answer = await self._http.post(f"{self._control}{path}", json=body)
        return _read_control(answer)

    async def deliveries(self, **query: str | int) -> list[dict[str, Any]]:
        """Return webhook deliveries of the fake Stripe; wait until there is one."""
        parameters = {**query, "wait_s": TIMEOUT_S}
        answer = await self._http.get(
            f"{self._control}/deliveries", params=parameters, timeout=TIMEOUT_S * 2
        )
        found: list[dict[str, Any]] = _read_control(answer)["deliveries"]
        return found


def _read_control(answer: httpx.Response) -> dict[str, Any]:
    expect(answer.is_success, f"The fake Stripe answered {answer.status_code}: {answer.text}")
    read: dict[str, Any] = answer.json()
    return read


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Everyone in the demo, and the clients that they share."""

    ada: Person
    ben: Person
    cleo: Person
    dan: Person
    matilda: Person
    #: A client with the secret key, which our own processes use.
    backend: Person
    #: The Realtime subscription of a person who has not signed in.
    visitor: Subscriber
    #: Ben's Realtime subscription to his orders.
    buyer: Subscriber
    api: Api
    environment: Mapping[str, str]

    def name_of(self, user_id: str) -> str:
        """Return the name of a bidder."""
        names = {person.user_id: person.name for person in (self.ben, self.cleo, self.dan)}
        return names.get(user_id, "another user")


async def wait_until(
    read: Callable[[], Awaitable[Any]], is_done: Callable[[Any], bool], event: str
) -> Any:
    """Read again and again until `is_done` accepts the answer; return that answer.

    Raises: DemoError, which names the `event`, when the time is up.
    """
    ends_at = time.monotonic() + TIMEOUT_S
    while not is_done(answer := await read()):
        if time.monotonic() > ends_at:
            raise DemoError(f"{event} did not happen within {TIMEOUT_S} s; last seen: {answer}")
        await asyncio.sleep(_POLL_S)
    return answer


def shorten_soft_close(database_url: str) -> None:
    """Change the rule in the database, because no client may change it."""
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "update private.app_settings set value = %s where key = any(%s)",
            [Jsonb(SOFT_CLOSE_S), ["snipe_window_s", "snipe_extend_s"]],
        )
