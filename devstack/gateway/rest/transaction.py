"""The transaction of a request: the settings of the caller, then the request's statement.

One pipeline sends all statements. So a request waits for one round trip only, unless its outcome
has to be checked before the commit.
"""

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

import psycopg
from psycopg import AsyncRawCursor
from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGresult
from psycopg_pool import PoolTimeout

from devstack.gateway.context import Connection, Context, pooled_connection
from devstack.gateway.quoting import literal
from devstack.gateway.rest.api_request.request import Request, RequestHead
from devstack.gateway.rest.errors import RestError, from_postgres
from devstack.gateway.rest.plan.mutate_plan import put_mismatch
from devstack.gateway.rest.query.statement import Statement
from devstack.gateway.rest.schema_cache.cache import SchemaCache
from devstack.gateway.transaction_settings import (
    SETTING_NAMES,
    Settings,
    TransactionSettings,
)


#: The statements that end a transaction, by whether it is rolled back. A rollback first checks the
#: deferred constraints, as a commit does.
ENDS = {False: (b"commit",), True: (b"set constraints all immediate", b"rollback")}
ISOLATION_LEVELS = frozenset(("serializable", "repeatable read", "read committed"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The one row that a statement reports."""

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
    statement: Statement,
    settings: TransactionSettings,
    values: Sequence[str],
    check: Check | None = None,
) -> Outcome:
    """Run a statement as the caller and return its outcome.

    `values` are the values of the statement's slots. `check` sees the outcome before the commit,
    and raises an error to roll back. Raises: RestError.
    """
    bound = [values[slot] for slot in statement.slots]
    try:
        async with pooled_connection(context.pool) as connection:
            try:
                return await _transaction(connection, statement, settings, bound, check)
            except BaseException:
                await _undo(connection)
                raise
    except PoolTimeout as error:
        raise RestError(
            "PGRST003", "Timed out acquiring connection from connection pool."
        ) from error
    except psycopg.Error as error:
        raise from_postgres(error, settings.role) from error


async def _transaction(
    connection: Connection,
    statement: Statement,
    settings: TransactionSettings,
    bound: Sequence[str],
    check: Check | None,
) -> Outcome:
    end = ENDS[settings.is_rolled_back]
    main, estimate = AsyncRawCursor(connection), None
    # One cursor serves all statements whose results are not read, because each cursor costs time.
    unread = AsyncRawCursor(connection)
    async with connection.pipeline():
        await unread.execute(_begin(settings.extra_settings, is_read_only=settings.is_read_only))
        await unread.execute(_settings_statement(settings), settings.values)
        if settings.pre_request is not None:
            await unread.execute(settings.pre_request)
        if statement.count_sql is not None:
            estimate = AsyncRawCursor(connection)
            await estimate.execute(statement.count_sql, _count_values(statement, bound))
        await main.execute(statement.sql, bound)
        for end_sql in end if check is None else ():
            await unread.execute(end_sql)
    outcome = _outcome(statement, main, estimate)
    if check is not None:
        check(outcome)
        for end_sql in end:
            await connection.execute(end_sql)
    return outcome


def _count_values(statement: Statement, bound: Sequence[str]) -> list[str]:
    """Return the parameters of the EXPLAIN that estimates the count."""
    return [bound[statement.slots.index(slot)] for slot in statement.count_slots]


async def _undo(connection: Connection) -> None:
    if connection.closed:
        return
    if connection.info.transaction_status is not TransactionStatus.IDLE:
        await connection.rollback()


@functools.lru_cache(256)
def _begin(extra_settings: Settings, *, is_read_only: bool) -> bytes:
    """Return the statement that begins the transaction; only it can set the isolation level."""
    isolation = dict(extra_settings).get("default_transaction_isolation", "")
    level = f" isolation level {isolation}" if isolation in ISOLATION_LEVELS else ""
    return f"begin{level}{' read only' if is_read_only else ''}".encode()


def _settings_statement(settings: TransactionSettings) -> bytes:
    names = SETTING_NAMES if settings.timezone is None else (*SETTING_NAMES, "timezone")
    return _settings_sql(settings.extra_settings, names)


@functools.lru_cache(256)
def _settings_sql(extra_settings: Settings, names: tuple[str, ...]) -> bytes:
    """Return the statement that applies the settings, the role and the claims.

    The settings of roles and functions are few and belong to the project, so the text contains
    them. They precede the role, because the role itself may not be allowed to set them.
    """
    extra = [f"set_config({literal(name)}, {literal(text)}, true)" for name, text in extra_settings]
    named = [f"set_config('{name}', ${n}, true)" for n, name in enumerate(names, start=1)]
    return f"select {', '.join([*extra, *named])}".encode()


def _outcome(
    statement: Statement,
    main: AsyncRawCursor[tuple[object, ...]],
    estimate: AsyncRawCursor[tuple[object, ...]] | None,
) -> Outcome:
    result = main.pgresult
    if result is None:
        raise RestError("PGRSTX00", "The statement returned no result.")
    if statement.is_explained:
        return _explain_outcome(result)
    total, page_total, body, headers, status, inserted, location = (
        result.get_value(0, column) for column in range(7)
    )
    counted = None if total is None else int(total)
    is_known = counted is not None and counted <= statement.count_ceiling
    if estimate is not None and estimate.pgresult is not None and not is_known:
        counted = max(counted or 0, _planned_rows(estimate.pgresult.get_value(0, 0) or b"[]"))
    return Outcome(
        total=counted,
        page_total=int(page_total or 0),
        body=body or b"",
        headers=headers,
        status=status,
        inserted=None if inserted is None else int(inserted),
        location=location,
    )


def _explain_outcome(result: PGresult) -> Outcome:
    lines = [result.get_value(n, 0) or b"" for n in range(result.ntuples)]
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


def _planned_rows(explained: bytes) -> int:
    return int(json.loads(explained)[0]["Plan"]["Plan Rows"])


def transaction_settings(
    cache: SchemaCache,
    request: Request,
    head: RequestHead,
    *,
    is_read_only: bool,
    function_settings: Settings = (),
) -> TransactionSettings:
    """Return the settings of a request; `function_settings` are those of the called function."""
    caller, preferences = request.caller, head.preferences
    configuration = cache.configuration
    cookie = request.headers.get("cookie")
    return TransactionSettings(
        schema=head.schema,
        role=caller.role,
        claims=json.dumps(caller.claims),
        method=request.method,
        path=request.path,
        headers=json.dumps(request.headers),
        cookies=_cookies(cookie) if cookie else "{}",
        extra_settings=cache.role_settings.get(caller.role, ()) + function_settings,
        timezone=preferences.timezone,
        is_read_only=is_read_only,
        is_rolled_back=configuration.rolls_back(preferences.tx),
        extra_search_path=configuration.extra_search_path,
        pre_request=configuration.pre_request,
    )


@functools.lru_cache(256)
def _cookies(header: str) -> str:
    try:
        cookies = SimpleCookie(header)
    except CookieError:
        return "{}"
    return json.dumps({name: morsel.value for name, morsel in cookies.items()})


def outcome_check(
    *, is_single: bool, max_affected: int | None, is_put: bool = False
) -> Check | None:
    """Return the check of an outcome before the commit, or None if any outcome is valid."""
    if not (is_single or is_put) and max_affected is None:
        return None

    def check(outcome: Outcome) -> None:
        if is_put:
            _check_put(outcome)
        elif is_single:
            check_single(outcome)
        if max_affected is not None:
            _check_affected(outcome, max_affected)

    return check


def check_single(outcome: Outcome) -> None:
    """Raise PGRST116 unless there is exactly one row."""
    if outcome.page_total != 1:
        raise RestError(
            "PGRST116",
            "Cannot coerce the result to a single JSON object",
            details=f"The result contains {outcome.page_total} rows",
        )


def _check_affected(outcome: Outcome, max_affected: int) -> None:
    """Raise PGRST124 when the request affected more rows than `max-affected` allows."""
    if outcome.page_total > max_affected:
        raise RestError(
            "PGRST124",
            "Query result exceeds max-affected preference constraint",
            details=f"The query affects {outcome.page_total} rows",
        )


def _check_put(outcome: Outcome) -> None:
    """Raise PGRST115 unless the body held the one row that the URL names."""
    if outcome.page_total != 1:
        raise put_mismatch()
