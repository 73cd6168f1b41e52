"""`market.database`: the result of a call, above all of a failing one."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import create_autospec

import httpx
import pytest
import respx
import structlog
from supabase import Client

from market import log
from market.database import (
    SERVICE_TIMEOUTS,
    WORKER_TIMEOUTS,
    Database,
    accepted,
    connect,
)
from market.errors import MarketError, RejectedError, TransientError
from tests.support.factories import make_settings


RPC_URL = "http://project.test:54321/rest/v1/rpc/f"


@pytest.fixture
def route() -> Iterator[Any]:
    with respx.mock(assert_all_called=False) as router:
        yield router.post(RPC_URL)


def by_service() -> Database:
    return connect(make_settings(), SERVICE_TIMEOUTS)


def by_user() -> Database:
    return by_service().as_user("user-jwt")


def error(status: int, code: object, message: str = "x") -> httpx.Response:
    return httpx.Response(status, json={"code": code, "message": message})


def test_deadlock_is_retried(route: Any) -> None:
    """A deadlock is retried, and the second answer is returned."""
    route.side_effect = [error(500, "40P01"), httpx.Response(200, json=[1])]

    assert [1] == by_service().call("f")
    assert 2 == route.call_count


def test_retry_log_holds_no_argument(route: Any) -> None:
    """A retry is logged by function and code, without arguments."""
    route.mock(return_value=error(500, "40P01"))

    with structlog.testing.capture_logs() as logs, pytest.raises(TransientError):
        by_service().call("f", p_email="alice@example.test")

    assert {
        "event": "call_retried",
        "log_level": "warning",
        "function": "Database.call",
        "code": "DATABASE_BUSY",
        "attempt": 1,
    } == logs[0]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (503, "PGRST000"),
        (503, "PGRST001"),
        (503, "PGRST002"),
        (504, "PGRST003"),
        (503, "57P03"),
        (503, "08006"),
        (500, "08P01"),
        (500, "40001"),
        (500, "55P03"),
        (500, "57014"),
        (503, "53300"),
        (503, "53400"),
    ],
)
def test_lost_connection_is_transient(route: Any, status: int, code: str) -> None:
    """A database that is away or starting is a transient error."""
    route.mock(return_value=error(status, code))

    with pytest.raises(TransientError) as caught:
        by_service().call("f")

    assert "DATABASE_BUSY" == caught.value.code
    assert 5 == route.call_count


BODIES = {
    "no code": {"json": {"message": "upstream"}},
    "null code": {"json": {"code": None, "message": None}},
    "number": {"json": {"code": 502, "message": "x"}},
    "word": {"json": {"code": "ERROR", "message": "x"}},
    "status as text": {"json": {"code": "502"}},
    "error key": {"json": {"error": {"code": "40001x"}}},
    "empty object": {"json": {}},
    "array": {"json": [{"code": "23514"}]},
    "text": {"json": "bad gateway"},
    "null": {"content": b"null"},
    "page": {"html": "<h1>x</h1>"},
    "page called JSON": {"content": b"<h1>x</h1>", "headers": {"content-type": "application/json"}},
    "JSON called page": {"content": b'{"a": 1}', "headers": {"content-type": "text/html"}},
    "half": {"content": b'{"code": "235'},
    "nothing": {"content": b""},
    "no text": {"content": b"\xff\xfe\x00"},
    "deep": {"content": b"[" * 100_000},
}
TRANSIENT_STATUSES = [408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 530]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        *((status, "no code") for status in TRANSIENT_STATUSES),
        *((status, body) for status in (429, 500, 502) for body in BODIES),
    ],
)
def test_status_decides_where_the_body_has_no_code(route: Any, status: int, body: str) -> None:
    """A temporary status without a code in its body is retried."""
    route.side_effect = [
        httpx.Response(status, **BODIES[body]),  # type: ignore[arg-type] # one of several options
        httpx.Response(200, json=1),
    ]

    assert 1 == by_service().call("f")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        *((status, "no code") for status in (301, 400, 401, 403, 404, 406, 413, 414, 501, 505)),
        *((404, body) for body in BODIES),
    ],
)
def test_final_status_is_an_error_of_ours(route: Any, status: int, body: str) -> None:
    """A final status without a code in its body is an error of ours, and is not retried."""
    route.mock(return_value=httpx.Response(status, **BODIES[body]))  # type: ignore[arg-type] # see above

    with pytest.raises(MarketError) as caught:
        by_service().call("f")

    assert (MarketError, "DATABASE_ERROR", f"f: {status}") == (
        caught.type,
        caught.value.code,
        caught.value.detail,
    )
    assert 1 == route.call_count


@pytest.mark.parametrize("body", ["page", "page called JSON", "half", "nothing", "no text", "deep"])
def test_success_without_json_is_no_answer(route: Any, body: str) -> None:
    """A success that is no JSON is retried, because a proxy may have sent it."""
    route.side_effect = [
        httpx.Response(200, **BODIES[body]),  # type: ignore[arg-type] # see above
        httpx.Response(200, content=b"null"),
    ]

    assert by_service().call("f") is None


def test_function_without_a_result_succeeds(route: Any) -> None:
    """A 204 without a body is a success."""
    route.respond(204)

    assert not by_service().call("f")


@pytest.mark.parametrize(
    "lost",
    [
        httpx.ReadTimeout("x"),
        httpx.ConnectError("x"),
        httpx.RemoteProtocolError("x"),
        httpx.PoolTimeout("x"),
        httpx.DecodingError("x"),
    ],
)
def test_lost_reply_is_asked_for_again(route: Any, lost: httpx.RequestError) -> None:
    """A call without an answer is repeated under its own key."""
    route.side_effect = lost

    with pytest.raises(TransientError) as caught:
        by_service().call("f")

    assert "DATABASE_UNREACHABLE" == caught.value.code
    assert 5 == route.call_count


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
def test_refusal_is_not_retried(route: Any, status: int) -> None:
    """A refused call is raised at once with the code of SQL, whatever the status."""
    route.mock(return_value=error(status, f"PT{status}", "FORBIDDEN"))

    with pytest.raises(RejectedError) as caught:
        by_service().call("f")

    assert "FORBIDDEN" == caught.value.code
    assert 1 == route.call_count


@pytest.mark.parametrize(
    ("status", "sqlstate", "code"),
    [
        (400, "23514", "CONFLICT"),
        (409, "23505", "DUPLICATE_RESOURCE"),
        (409, "23503", "INVALID_REFERENCE"),
    ],
)
def test_violated_constraint_is_a_refusal(
    route: Any, status: int, sqlstate: str, code: str
) -> None:
    """A change that a constraint forbids is refused and not repeated."""
    route.mock(return_value=error(status, sqlstate))

    with pytest.raises(RejectedError) as caught:
        by_service().call("f")

    assert code == caught.value.code


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "42883"),
        (403, "42501"),
        (404, "PGRST202"),
        (401, "PGRST301"),
        (400, "22P02"),
        (500, "XX000"),
        (500, "21000"),
        (500, "PGRSTX00"),
        (400, "P0001"),
    ],
)
def test_bug_is_neither_retried_nor_a_refusal(route: Any, status: int, code: str) -> None:
    """A call that cannot work, such as to a function without a grant, is an error of ours."""
    route.mock(return_value=error(status, code))

    with pytest.raises(MarketError) as caught:
        by_service().call("f")

    assert (MarketError, "DATABASE_ERROR", f"f: {code}") == (
        caught.type,
        caught.value.code,
        caught.value.detail,
    )
    assert 1 == route.call_count


@pytest.mark.parametrize(
    ("status", "sqlstate", "code"),
    [
        (403, "42501", "FORBIDDEN"),
        (401, "PGRST301", "UNAUTHORIZED"),
        (401, "PGRST303", "UNAUTHORIZED"),
    ],
)
def test_user_may_be_refused(route: Any, status: int, sqlstate: str, code: str) -> None:
    """A user without the right, or with an expired token, gets a refusal."""
    route.mock(return_value=error(status, sqlstate))

    with pytest.raises(RejectedError) as caught:
        by_user().call("f")

    assert code == caught.value.code


def test_adapter_without_users_refuses_to_act_as_one() -> None:
    """An adapter without the publishable key cannot act as a user."""
    with pytest.raises(MarketError, match="DATABASE_ERROR"):
        Database(create_autospec(Client, instance=True)).as_user("jwt")


def test_accepted_answer_is_returned() -> None:
    """An answer that is no refusal passes in any form."""
    assert [
        {"success": True, "a": 1},
        {"a": 1},
        [1],
        None,
        3,
    ] == [accepted(answer) for answer in ({"success": True, "a": 1}, {"a": 1}, [1], None, 3)]


def test_business_refusal_is_raised() -> None:
    """SQL's refusal carries its sentence and its numbers to the route that answers the client."""
    refusal = {
        "success": False,
        "code": "BID_TOO_LOW",
        "error": "Minimum bid is $13.00",
        "minimum_bid_cents": 1300,
    }

    with pytest.raises(RejectedError) as caught:
        accepted(refusal)

    assert ("BID_TOO_LOW", "Minimum bid is $13.00", {"minimum_bid_cents": 1300}) == (
        caught.value.code,
        caught.value.text,
        caught.value.fields,
    )


@pytest.mark.parametrize(
    ("connect_database", "key", "token"),
    [(by_service, "sb_secret_1", "sb_secret_1"), (by_user, "sb_publishable_1", "user-jwt")],
)
def test_call_is_one_post_with_its_key(
    route: Any, connect_database: Callable[[], Database], key: str, token: str
) -> None:
    """A13: the service acts by the secret key, a user by the public key and their own token."""
    route.respond(json={"a": 1})

    with log.bound(request_id="r-1"):
        assert {"a": 1} == connect_database().call("f", p_id="1", p_none=None)

    request = route.calls.last.request
    assert {"p_id": "1", "p_none": None} == json.loads(request.content)
    assert (key, f"Bearer {token}", "r-1") == tuple(
        request.headers[name] for name in ("apikey", "authorization", "x-request-id")
    )


def test_user_leaves_nothing_behind(route: Any) -> None:
    """A call after one as a user has the service's rights again."""
    route.respond(json=1)
    database = connect(make_settings(), WORKER_TIMEOUTS)

    database.as_user("user-jwt").call("f")
    database.call("f")

    assert "Bearer sb_secret_1" == route.calls.last.request.headers["authorization"]


def test_call_outside_a_request_has_no_id(route: Any) -> None:
    """A call outside a request sends no request id."""
    route.respond(json=1)

    by_service().call("f")

    assert "x-request-id" not in route.calls.last.request.headers


@pytest.mark.parametrize(
    ("timeouts", "timeout"),
    [
        (SERVICE_TIMEOUTS, {"connect": 1.5, "read": 1.5, "write": 1.5, "pool": 1.5}),
        (WORKER_TIMEOUTS, {"connect": 3.0, "read": 10.0, "write": 10.0, "pool": 2.0}),
    ],
)
def test_timeouts_bound_each_request(route: Any, timeouts: Any, timeout: Any) -> None:
    """The service's calls have a shorter timeout than a worker's."""
    route.respond(json=1)

    connect(make_settings(), timeouts).call("f")

    assert timeout == route.calls.last.request.extensions["timeout"]


class TestSelect:
    """Rows of a table, with the rights of the caller."""

    @pytest.fixture
    def table(self) -> Iterator[Any]:
        """Answer in the place of the gateway."""
        with respx.mock() as router:
            yield router.get("http://project.test:54321/rest/v1/orders")

    def test_query_is_that_of_the_gateway(self, table: Any) -> None:
        """Filters, order and limit are parameters; the user's token decides about the rows."""
        table.respond(json=[{"id": 1}])
        where = {"state": "eq.paid", "paid_at": "not.is.null", "or": "id.gt.1,id.lt.0"}

        rows = by_user().select("orders", "id,a:b(c)", where, order=("-paid_at", "id"), limit=3)

        assert [{"id": 1}] == rows
        request = table.calls.last.request
        assert "Bearer user-jwt" == request.headers["Authorization"]
        assert {
            "select": "id,a:b(c)",
            "state": "eq.paid",
            "paid_at": "not.is.null",
            "or": "(id.gt.1,id.lt.0)",
            "order": "paid_at.desc,id.asc",
            "limit": "3",
        } == dict(request.url.params)

    def test_value_stays_one_value(self, table: Any) -> None:
        """A text of a user cannot become another filter."""
        table.respond(json=[])

        by_user().select("orders", "id", {"id": "eq.1&state=eq.paid,or(a.eq.1)"}, limit=1)

        params = dict(table.calls.last.request.url.params)
        assert {"select": "id", "id": "eq.1&state=eq.paid,or(a.eq.1)", "limit": "1"} == params

    @pytest.mark.parametrize(
        ("answer", "kind", "code"),
        [
            (error(403, "42501"), RejectedError, "FORBIDDEN"),
            (error(401, "PGRST301"), RejectedError, "UNAUTHORIZED"),
            (error(400, "PGRST100"), MarketError, "DATABASE_ERROR"),
            (error(503, "57P03"), TransientError, "DATABASE_BUSY"),
            (httpx.ConnectError("x"), TransientError, "DATABASE_UNREACHABLE"),
        ],
    )
    def test_failure_is_translated(
        self, table: Any, answer: Any, kind: type[MarketError], code: str
    ) -> None:
        """As with a call of a function."""
        table.side_effect = answer if isinstance(answer, Exception) else [answer] * 9

        with pytest.raises(kind) as caught:
            by_user().select("orders", "id", {}, limit=1)

        assert (kind, code) == (type(caught.value), caught.value.code)
