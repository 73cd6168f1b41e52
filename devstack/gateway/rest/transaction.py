"""Runs a plan as the caller: one transaction, and one round trip where nothing has to be checked.

The first statement makes the session the caller's, the second one is the request. They travel
together, so a request costs the database no more waiting than a single query.
"""

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import AsyncRawCursor
from psycopg.pq import TransactionStatus
from psycopg_pool import PoolTimeout

from devstack.gateway.context import Connection, Context, lent
from devstack.gateway.rest.errors import RestError, from_postgres
from devstack.gateway.rest.query.statement import BODY, Plan
from devstack.gateway.session import SESSION, Session, Settings, Value
from devstack.gateway.text import literal


#: How a transaction ends: one that is undone still shows what its end would have refused.
ENDS = {False: (b"commit",), True: (b"set constraints all immediate", b"rollback")}
LEVELS = frozenset(("serializable", "repeatable read", "read committed"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a plan reported."""

    total: int | None
    page_total: int
    body: bytes
    headers: bytes | None
    status: bytes | None
    inserted: int | None
    location: bytes | None


Check = Callable[[Outcome], None]


async def run(
    context: Context,
    plan: Plan,
    session: Session,
    values: Sequence[str],
    *,
    body: str = "",
    check: Check | None = None,
) -> Outcome:
    """Run a plan and return what it reported.

    `check` looks at it before the transaction is committed, and may raise to undo it. Raises:
    RestError, with whatever Postgres said.
    """
    try:
        async with lent(context.pool) as connection:
            try:
                return await _transaction(
                    connection, plan, session, _bound(plan, values, body), check
                )
            except BaseException:
                await _undo(connection)
                raise
    except PoolTimeout as error:
        raise RestError(
            "PGRST003", "Timed out acquiring connection from connection pool."
        ) from error
    except psycopg.Error as error:
        raise from_postgres(error, session.role) from error


def _bound(plan: Plan, values: Sequence[str], body: str) -> list[Value]:
    return [body if slot == BODY else values[slot] for slot in plan.slots]


async def _transaction(
    connection: Connection,
    plan: Plan,
    session: Session,
    bound: Sequence[Value],
    check: Check | None,
) -> Outcome:
    begin = _begin(session.settings, is_read_only=session.is_read_only)
    end = ENDS[session.is_rolled_back]
    main, guess = AsyncRawCursor(connection), None
    async with connection.pipeline():
        await AsyncRawCursor(connection).execute(begin)
        await AsyncRawCursor(connection).execute(_beginning(session), session.values)
        if session.pre_request is not None:
            await AsyncRawCursor(connection).execute(session.pre_request)
        if plan.count_sql is not None:
            guess = AsyncRawCursor(connection)
            guessed = [bound[plan.slots.index(slot)] for slot in plan.count_slots]
            await guess.execute(plan.count_sql, guessed)
        await main.execute(plan.sql, bound)
        for statement in end if check is None else ():
            await AsyncRawCursor(connection).execute(statement)
    outcome = _explained(main) if plan.is_explained else _outcome(main, guess, plan.count_ceiling)
    if check is not None:
        check(outcome)
        for statement in end:
            await connection.execute(statement)
    return outcome


async def _undo(connection: Connection) -> None:
    if connection.closed:
        return
    if connection.info.transaction_status is not TransactionStatus.IDLE:
        await connection.rollback()


@functools.lru_cache(256)
def _begin(settings: Settings, *, is_read_only: bool) -> bytes:
    """Return the start of the transaction: how isolated it is cannot be set any later."""
    level = dict(settings).get("default_transaction_isolation", "")
    isolated = f" isolation level {level}" if level in LEVELS else ""
    return f"begin{isolated}{' read only' if is_read_only else ''}".encode()


def _beginning(session: Session) -> bytes:
    names = SESSION if session.timezone is None else (*SESSION, "timezone")
    return _session_sql(session.settings, names)


@functools.lru_cache(256)
def _session_sql(settings: Settings, names: tuple[str, ...]) -> bytes:
    """Return the statement that makes a session the caller's.

    Settings of roles and functions are the project's own and few: they are part of the statement.
    They come before the role, which may itself not set all of them.
    """
    own = [f"set_config({literal(name)}, {literal(text)}, true)" for name, text in settings]
    given = [f"set_config('{name}', ${n}, true)" for n, name in enumerate(names, start=1)]
    return f"select {', '.join([*own, *given])}".encode()


def _outcome(main: AsyncRawCursor[tuple[object, ...]], guess: object, ceiling: int) -> Outcome:
    result = main.pgresult
    if result is None:
        raise RestError("PGRSTX00", "The statement answered nothing.")
    total, page_total, body, headers, status, inserted, location = (
        result.get_value(0, column) for column in range(7)
    )
    counted = None if total is None else int(total)
    is_known = counted is not None and counted <= ceiling
    if isinstance(guess, AsyncRawCursor) and guess.pgresult is not None and not is_known:
        counted = max(counted or 0, _estimate(guess.pgresult.get_value(0, 0) or b"[]"))
    return Outcome(
        total=counted,
        page_total=int(page_total or 0),
        body=body or b"",
        headers=headers,
        status=status,
        inserted=None if inserted is None else int(inserted),
        location=location,
    )


def _explained(main: AsyncRawCursor[tuple[object, ...]]) -> Outcome:
    result = main.pgresult
    lines = [] if result is None else [result.get_value(n, 0) or b"" for n in range(result.ntuples)]
    body = b"".join(line + b"\n" for line in lines)
    return Outcome(
        total=None,
        page_total=len(lines),
        body=body,
        headers=None,
        status=None,
        inserted=None,
        location=None,
    )


def _estimate(explained: bytes) -> int:
    return int(json.loads(explained)[0]["Plan"]["Plan Rows"])
