"""The adapter for Postgres: one call, one SQL function, one transaction."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from postgrest.exceptions import APIError
from supabase import Client, ClientOptions

from market import log, retry
from market.errors import MarketError, RejectedError, TransientError
from market.settings import Settings


#: Serialisation failure, deadlock, time-out, Postgres stopping or starting, no free connection;
#: the gateway has lost the database or not read its schema yet; the gateway itself is down, or
#: what stands before it.
_TRANSIENT_CODES = frozenset(
    {"40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "53300"}
    | {"PGRST000", "PGRST001", "PGRST002", "PGRST003"}
    | {"429", "502", "503", "504", "520", "521", "522", "523", "524"}
)
_CONNECTION_EXCEPTION_CLASS = "08"
#: What a rule of the schema says no to: a check such as a forbidden transition, a second row with
#: one key, a row that points nowhere.
_REFUSALS = {"23514": "CONFLICT", "23505": "DUPLICATE_RESOURCE", "23503": "INVALID_REFERENCE"}
#: What a user's own token can bring about; under the service role these are our mistakes.
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
        except APIError as error:
            raise self._translate(error, function) from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise TransientError("DATABASE_UNREACHABLE", function) from error

    def _translate(self, error: APIError, function: str) -> MarketError:
        code = str(error.code)
        if code in _TRANSIENT_CODES or code.startswith(_CONNECTION_EXCEPTION_CLASS):
            return TransientError("DATABASE_BUSY", function)
        if code.startswith("PT"):  # our SQL said no, and its message is the code
            return RejectedError(error.message or "REFUSED", function)
        if code in self._refusals:
            return RejectedError(self._refusals[code], function)
        return MarketError("DATABASE_ERROR", f"{function}: {code}")


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
        event_hooks={"request": [_send_request_id_on]},
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
