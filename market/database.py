"""The adapter for Postgres: one call, one SQL function, one transaction."""

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import httpx
from supabase import Client, ClientOptions

from market import log, retry
from market.errors import MarketError, RejectedError, TransientError
from market.settings import Settings


#: A failed serialisation, a deadlock, a time-out, Postgres that stops or starts, no free
#: connection; a gateway that has lost the database or has not read its schema yet.
_TRANSIENT_CODES = frozenset(
    {"40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "57P05", "53300"}
    | {"PGRST000", "PGRST001", "PGRST002", "PGRST003"}
)
_CONNECTION_EXCEPTION_CLASS = "08"
#: The codes of Postgres and PostgREST. Proxies put words of their own in a body's `code`.
_KNOWN_CODE = re.compile(r"(?=.*[0-9])[0-9A-Z]{5}|PGRST[0-9A-Z]{3}")
#: Refusals by a rule of the schema: a check such as a forbidden transition, a second row with one
#: key, a row that points nowhere.
_REFUSALS = {"23514": "CONFLICT", "23505": "DUPLICATE_RESOURCE", "23503": "INVALID_REFERENCE"}
#: A user's own token can cause these; under the service role they are our mistakes.
_USER_REFUSALS = {"42501": "FORBIDDEN", "PGRST301": "UNAUTHORIZED", "PGRST303": "UNAUTHORIZED"}
_NOT_PUBLIC = ("success", "code", "error", "alerts")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Limits of one call: for the answer, for a connection, for a free connection of the pool."""

    answer_s: float
    connect_s: float
    pool_s: float


#: A person waits for the service.
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

    def _translate(self, response: httpx.Response, function: str) -> MarketError:
        code, message = _error_in(response)
        if code.startswith("PT"):  # SQL of ours refused the call; its message is the code
            return RejectedError(message or "REFUSED", function)
        if code in self._refusals:
            return RejectedError(self._refusals[code], function)
        if _is_transient(response.status_code, code):
            return TransientError("DATABASE_BUSY", function)
        return MarketError("DATABASE_ERROR", f"{function}: {code or response.status_code}")


def accepted(answer: Any) -> Any:
    """Return what a SQL function answered, unless that is a business refusal.

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
        # Its HTTP/2 is not safe to share between threads.
        http2=False,
        timeout=httpx.Timeout(timeouts.answer_s, connect=timeouts.connect_s, pool=timeouts.pool_s),
        limits=httpx.Limits(max_connections=64, max_keepalive_connections=32),
        event_hooks={"request": [_send_request_id_on], "response": [_check]},
    )

    def client_of_user(jwt: str) -> Client:
        # One of its own per request: the library keeps the token in the client.
        client = _client(settings.supabase_url, settings.supabase_publishable_key, http)
        client.postgrest.auth(jwt)
        return client

    service = _client(settings.supabase_url, settings.supabase_secret_key, http)
    # The library builds this part with the first call, and two threads would build two.
    _ = service.postgrest
    return Database(service, client_of_user)


def _client(url: str, key: str, http: httpx.Client) -> Client:
    options = ClientOptions(
        httpx_client=http,
        auto_refresh_token=False,
        persist_session=False,
        # Ours is the one retry policy.
        postgrest_client_retry=False,
    )
    return Client(url, key, options)


def _send_request_id_on(request: httpx.Request) -> None:
    request_id = log.request_id()
    if request_id is not None:
        request.headers["X-Request-Id"] = request_id


def _check(response: httpx.Response) -> None:
    """Raise unless the gateway answered a call with JSON.

    The library's error has no HTTP status, and the library takes a page or half an answer for text.

    Raises:
        httpx.HTTPStatusError: the status is an error, or a redirect.
        httpx.DecodingError: the body is no JSON, so something else than the gateway sent it.

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
    # PostgREST gives a bug in SQL the status 500, and a gateway never has one of these codes.
    is_unavailable = status != HTTPStatus.INTERNAL_SERVER_ERROR and retry.is_transient_status(
        status
    )
    return code in _TRANSIENT_CODES or is_connection_lost or is_unavailable
