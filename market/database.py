"""The adapter for Postgres: one call, one SQL function or one query, one transaction."""

import dataclasses
import json
import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import httpx
from supabase import Client, ClientOptions

from market import log, retry, tls
from market.errors import MarketError, RejectedError, TransientError
from market.settings import Settings


#: Postgres sends these codes for a failed serialisation, a deadlock, a time-out, a stop or start,
#: and too many connections. PostgREST sends its codes when it has lost the database or has not read
#: the schema yet.
_TRANSIENT_CODES = frozenset(
    {"40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "57P05", "53300"}
    | {"PGRST000", "PGRST001", "PGRST002", "PGRST003"}
)
_CONNECTION_EXCEPTION_CLASS = "08"
#: The codes of Postgres and PostgREST. A proxy's body may have any word as `code`.
_KNOWN_CODE = re.compile(r"(?=.*[0-9])[0-9A-Z]{5}|PGRST[0-9A-Z]{3}")
#: Postgres's codes for a violated check, such as a forbidden transition, and for a violated unique
#: or foreign key.
_REFUSALS = {"23514": "CONFLICT", "23505": "DUPLICATE_RESOURCE", "23503": "INVALID_REFERENCE"}
#: A user's token can cause these errors. Under the service role they are bugs of ours.
_USER_REFUSALS = {"42501": "FORBIDDEN", "PGRST301": "UNAUTHORIZED", "PGRST303": "UNAUTHORIZED"}
_NOT_PUBLIC = ("success", "code", "error", "alerts")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Limits of one call: for the answer, for a connection, for a free connection of the pool."""

    answer_s: float
    connect_s: float
    pool_s: float


#: The service has short limits, because a person waits for its answer.
SERVICE_TIMEOUTS = Timeouts(answer_s=1.5, connect_s=1.5, pool_s=1.5)
WORKER_TIMEOUTS = Timeouts(answer_s=10.0, connect_s=3.0, pool_s=2.0)


class Database:
    """Calls SQL functions through Supabase's REST gateway, as the service role or as a user."""

    def __init__(
        self,
        client: Client,
        client_of_user: Callable[[str], Client] | None = None,
        *,
        is_user: bool = False,
    ) -> None:
        self._client = client
        self._client_of_user = client_of_user
        self._refusals = _REFUSALS | _USER_REFUSALS if is_user else _REFUSALS

    def as_user(self, jwt: str) -> "Database":
        """Return an adapter that acts with the rights of the user who signed in with `jwt`."""
        if self._client_of_user is None:
            raise MarketError("DATABASE_ERROR", "as_user")
        return Database(self._client_of_user(jwt), is_user=True)

    @retry.transient
    def call(self, function: str, **arguments: object) -> Any:
        """Run `function` and return its result as plain JSON.

        A transient failure is retried, so every function called here must be idempotent.

        Raises:
            TransientError: `DATABASE_UNREACHABLE`, `DATABASE_BUSY` after the last try.
            RejectedError: SQL raised a refusal, or a constraint said no.

        """
        try:
            return self._client.rpc(function, arguments).execute().data
        except httpx.HTTPStatusError as error:
            raise self._translate(error.response, function) from error
        except httpx.RequestError as error:
            raise TransientError("DATABASE_UNREACHABLE", function) from error

    @retry.transient
    def select(
        self,
        table: str,
        columns: str,
        where: Mapping[str, str],
        *,
        order: Sequence[str] = (),
        limit: int,
    ) -> Sequence[Mapping[str, Any]]:
        """Return rows of a table that row level security lets the caller read.

        `columns` and the filters in `where` are written as PostgREST reads them, such as
        `{"state": "eq.paid"}`. A filter under `or` has no parentheses. A column in `order` that
        begins with `-` is sorted downwards.

        Raises:
            TransientError: as `call`.
            RejectedError: `FORBIDDEN`, or `UNAUTHORIZED` for a token that is no longer valid.

        """
        query = self._client.table(table).select(columns)
        for column, condition in where.items():
            operator, _, value = condition.partition(".")
            query = (
                query.or_(condition) if column == "or" else query.filter(column, operator, value)
            )
        for column in order:
            query = query.order(column.removeprefix("-"), desc=column.startswith("-"))
        try:
            rows: Any = query.limit(limit).execute().data
        except httpx.HTTPStatusError as error:
            raise self._translate(error.response, table) from error
        except httpx.RequestError as error:
            raise TransientError("DATABASE_UNREACHABLE", table) from error
        return list(rows)

    def _translate(self, response: httpx.Response, function: str) -> MarketError:
        code, message = _error_in(response)
        if code.startswith("PT"):  # our SQL refused the call, and its message is our code
            return RejectedError(message or "REFUSED", function)
        if code in self._refusals:
            return RejectedError(self._refusals[code], function)
        if _is_transient(response.status_code, code):
            return TransientError("DATABASE_BUSY", function)
        return MarketError("DATABASE_ERROR", f"{function}: {code or response.status_code}")


def accepted(answer: Any) -> Any:
    """Return the answer of a SQL function unless it is a business refusal.

    Raises:
        RejectedError: the answer is `{success: false, code, error, …}`.

    """
    if isinstance(answer, Mapping) and answer.get("success") is False:
        fields = {key: value for key, value in answer.items() if key not in _NOT_PUBLIC}
        raise RejectedError(str(answer["code"]), text=answer.get("error"), fields=fields)
    return answer


def connect(settings: Settings, timeouts: Timeouts) -> Database:
    """Build the adapter; every thread of the process shares its connections.

    Call it after a fork: two processes must not write to one socket.
    """
    http = httpx.Client(
        # Threads cannot share an HTTP/2 connection of httpx safely.
        http2=False,
        verify=tls.context(),
        timeout=httpx.Timeout(timeouts.answer_s, connect=timeouts.connect_s, pool=timeouts.pool_s),
        limits=httpx.Limits(max_connections=64, max_keepalive_connections=32),
        event_hooks={"request": [log.send_request_id_on], "response": [_check]},
    )

    def client_of_user(jwt: str) -> Client:
        # Each request gets its own client, because the library keeps the token in it.
        client = _client(settings.supabase_url, settings.supabase_publishable_key, http)
        client.postgrest.auth(jwt)
        return client

    service = _client(settings.supabase_url, settings.supabase_secret_key, http)
    # The library builds this part at its first use. Without this line two threads would build two.
    _ = service.postgrest
    return Database(service, client_of_user)


def _client(url: str, key: str, http: httpx.Client) -> Client:
    options = ClientOptions(
        httpx_client=http,
        auto_refresh_token=False,
        persist_session=False,
        # market/retry.py alone decides about retries.
        postgrest_client_retry=False,
    )
    return Client(url, key, options)


def _check(response: httpx.Response) -> None:
    """Raise unless the gateway answered a call with JSON.

    The library's own error has no HTTP status. It also accepts an HTML page or half an answer.

    Raises:
        httpx.HTTPStatusError: the status is an error, or a redirect.
        httpx.DecodingError: the body is not JSON, so the gateway did not send it.

    """
    response.read()
    response.raise_for_status()
    if response.status_code == HTTPStatus.NO_CONTENT:
        return
    try:
        json.loads(response.content)
    except (ValueError, RecursionError) as error:
        raise httpx.DecodingError("no JSON", request=response.request) from error


def _error_in(response: httpx.Response) -> tuple[str, str]:
    """Return code and message of PostgREST's error, or empty texts if the body has none."""
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return "", ""
    code = body.get("code") if isinstance(body, Mapping) else None
    if not isinstance(code, str) or not _KNOWN_CODE.fullmatch(code):
        return "", ""
    message = body.get("message")
    return code, message if isinstance(message, str) else ""


def _is_transient(status: int, code: str) -> bool:
    if not code:
        return retry.is_transient_status(status)
    is_connection_lost = code.startswith(_CONNECTION_EXCEPTION_CLASS)
    # With a code of Postgres, status 500 means a bug in SQL, and the same call would fail again.
    is_unavailable = status != HTTPStatus.INTERNAL_SERVER_ERROR and retry.is_transient_status(
        status
    )
    return code in _TRANSIENT_CODES or is_connection_lost or is_unavailable
