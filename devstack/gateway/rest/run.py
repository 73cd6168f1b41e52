"""Runs a plan as the caller: one transaction, and one round trip where nothing has to be checked.

The first statement makes the session the caller's, the second one is the request. They travel
together, so a request costs the database no more waiting than a single query.
"""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import AsyncRawCursor
from psycopg.pq import TransactionStatus
from psycopg_pool import PoolTimeout

from devstack.gateway.context import Connection, Context
from devstack.gateway.rest.errors import RestError, from_postgres
from devstack.gateway.rest.statement import BODY, Plan
from devstack.gateway.rest.text import identifier, literal


#: What hosted Supabase puts behind the schema that was asked for.
EXTRA_SEARCH_PATH = ("public", "extensions")
SESSION = (
    "search_path",
    "role",
    "request.jwt.claims",
    "request.method",
    "request.path",
    "request.headers",
    "request.cookies",
)

Settings = tuple[tuple[str, str], ...]
Value = str | bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What the database is told of a request before it runs."""

    schema: str
    role: str
    claims: str
    method: str
    path: str
    headers: str
    cookies: str
    #: Of the role, of the function and of the request, in the order in which they are set.
    settings: Settings
    is_read_only: bool
    is_rolled_back: bool = False

    @property
    def values(self) -> list[Value]:
        """Return the parameters of the statement that begins the session."""
        return [
            search_path(self.schema),
            self.role,
            self.claims,
            self.method,
            self.path,
            self.headers,
            self.cookies,
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a plan reported."""

    total: int | None
    page_total: int
    body: bytes
    headers: bytes | None
    status: bytes | None
    inserted: int | None


Check = Callable[[Outcome], None]


async def run(
    context: Context,
    plan: Plan,
    session: Session,
    values: Sequence[str],
    *,
    body: bytes = b"",
    check: Check | None = None,
) -> Outcome:
    """Run a plan and return what it reported.

    `check` looks at it before the transaction is committed, and may raise to undo it. Raises:
    RestError, with whatever Postgres said.
    """
    try:
        async with context.pool.connection() as connection:
            try:
                return await _transaction(
                    connection, plan, session, _bound(plan, values, body), check
                )
            except BaseException:
                await _undo(connection)
                raise
    except PoolTimeout as error:
        raise RestError(
            504, "PGRST003", "Timed out acquiring connection from connection pool."
        ) from error
    except psycopg.Error as error:
        if error.sqlstate is None and isinstance(error, psycopg.OperationalError):
            # The server went away, so the other connections are dead as well.
            await context.pool.check()
        raise from_postgres(error, session.role) from error


@functools.lru_cache
def search_path(schema: str) -> str:
    """Return the path that unqualified names are looked up in."""
    return ", ".join(identifier(name) for name in dict.fromkeys((schema, *EXTRA_SEARCH_PATH)))


def _bound(plan: Plan, values: Sequence[str], body: bytes) -> list[Value]:
    text = body.decode() if BODY in plan.slots else ""
    return [text if slot == BODY else values[slot] for slot in plan.slots]


async def _transaction(
    connection: Connection,
    plan: Plan,
    session: Session,
    bound: Sequence[Value],
    check: Check | None,
) -> Outcome:
    begin = b"begin read only" if session.is_read_only else b"begin"
    end = b"rollback" if session.is_rolled_back else b"commit"
    main, guess = AsyncRawCursor(connection), None
    async with connection.pipeline():
        await AsyncRawCursor(connection).execute(begin)
        await AsyncRawCursor(connection).execute(_beginning(session.settings), session.values)
        if plan.count_sql is not None:
            guess = AsyncRawCursor(connection)
            guessed = [bound[plan.slots.index(slot)] for slot in plan.count_slots]
            await guess.execute(plan.count_sql, guessed)
        await main.execute(plan.sql, bound)
        if check is None:
            await AsyncRawCursor(connection).execute(end)
    outcome = _outcome(main, guess)
    if check is not None:
        check(outcome)
        await connection.execute(end)
    return outcome


async def _undo(connection: Connection) -> None:
    if connection.closed:
        return
    if connection.info.transaction_status is not TransactionStatus.IDLE:
        await connection.rollback()


@functools.lru_cache(256)
def _beginning(settings: Settings) -> bytes:
    """Return the statement that makes a session the caller's.

    Settings of roles and functions are the project's own and few: they are part of the statement.
    """
    own = "".join(f", set_config({literal(k)}, {literal(v)}, true)" for k, v in settings)
    path = "set_config('search_path', $1, true)"
    # The role comes after its settings, some of which it may itself not set.
    rest = "".join(
        f", set_config('{name}', ${number}, true)"
        for number, name in enumerate(SESSION[1:], start=2)
    )
    return f"select {path}{own}{rest}".encode()


def _outcome(main: AsyncRawCursor[tuple[object, ...]], guess: object) -> Outcome:
    result = main.pgresult
    if result is None:
        raise RestError(500, "PGRSTX00", "The statement answered nothing.")
    total, page_total, body, headers, status, inserted = (
        result.get_value(0, column) for column in range(6)
    )
    counted = None if total is None else int(total)
    if isinstance(guess, AsyncRawCursor) and guess.pgresult is not None:
        counted = _estimate(counted, guess.pgresult.get_value(0, 0) or b"[]")
    return Outcome(
        total=counted,
        page_total=int(page_total or 0),
        body=body or b"",
        headers=headers,
        status=status,
        inserted=None if inserted is None else int(inserted),
    )


def _estimate(counted: int | None, explained: bytes) -> int:
    rows = int(json.loads(explained)[0]["Plan"]["Plan Rows"])
    return rows if counted is None else max(rows, counted)


def settings_of(
    role_settings: Mapping[str, Settings], role: str, function: Settings, timezone: str | None
) -> Settings:
    """Return what holds for a request: its role's settings, then its function's and its own."""
    asked = (("timezone", timezone),) if timezone else ()
    return role_settings.get(role, ()) + function + asked
