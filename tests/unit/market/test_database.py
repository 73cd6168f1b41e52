"""`market.database`: what becomes of a call, above all of a failing one."""

import json
from collections.abc import Callable
from typing import Any
from unittest.mock import create_autospec

import httpx
import pytest
import respx
import structlog
from postgrest.exceptions import APIError
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
from tests.factories import make_settings


RPC_URL = "http://project.test:54321/rest/v1/rpc/f"


@pytest.fixture
def client() -> Any:
    return create_autospec(Client, instance=True)


def failing(client: Any, code: object, message: str = "x") -> Any:
    client.rpc.return_value.execute.side_effect = APIError({"code": code, "message": message})
    return client


def test_deadlock_is_retried(client: Any) -> None:
    """A deadlock is tried again, and the second answer is returned."""
    execute = client.rpc.return_value.execute
    execute.side_effect = [APIError({"code": "40P01", "message": "deadlock"}), execute.return_value]
    execute.return_value.data = [1]

    assert [1] == Database(client).call("f")
    assert 2 == execute.call_count


def test_retry_log_holds_no_argument(client: Any) -> None:
    """A retried call is logged by function and code; what it carried stays out of the log."""
    failing(client, "40P01")

    with structlog.testing.capture_logs() as logs, pytest.raises(TransientError):
        Database(client).call("f", p_email="alice@example.test")

    assert {
        "event": "call_retried",
        "log_level": "warning",
        "function": "Database.call",
        "code": "DATABASE_BUSY",
        "attempt": 1,
    } == logs[0]


@pytest.mark.parametrize(
    "code",
    [
        "PGRST000",
        "PGRST001",
        "PGRST002",
        "PGRST003",
        "57P03",
        "08006",
        "08P01",
        "40001",
        "55P03",
        "57014",
        "53300",
        429,
        502,
        503,
        504,
        "521",
    ],
)
def test_lost_connection_is_transient(client: Any, code: object) -> None:
    """A gateway without its database, and a database that is starting, are back in a moment."""
    with pytest.raises(TransientError) as caught:
        Database(failing(client, code)).call("f")

    assert "DATABASE_BUSY" == caught.value.code


def test_gateway_error_is_given_up(client: Any) -> None:
    """A gateway that stays down ends as a transient error after the fifth try."""
    with pytest.raises(TransientError):
        Database(failing(client, 503)).call("f")

    assert 5 == client.rpc.return_value.execute.call_count


def test_lost_reply_is_asked_for_again(client: Any) -> None:
    """Whether the call arrived cannot be known, so it is made again under its own key."""
    client.rpc.return_value.execute.side_effect = httpx.ReadTimeout("x")

    with pytest.raises(TransientError) as caught:
        Database(client).call("f")

    assert "DATABASE_UNREACHABLE" == caught.value.code
    assert 5 == client.rpc.return_value.execute.call_count


def test_refusal_is_not_retried(client: Any) -> None:
    """A refused call is raised at once with the code SQL gave it."""
    with pytest.raises(RejectedError) as caught:
        Database(failing(client, "PT403", "FORBIDDEN")).call("f")

    assert "FORBIDDEN" == caught.value.code
    assert 1 == client.rpc.return_value.execute.call_count


@pytest.mark.parametrize(
    ("sqlstate", "code"),
    [("23514", "CONFLICT"), ("23505", "DUPLICATE_RESOURCE"), ("23503", "INVALID_REFERENCE")],
)
def test_violated_constraint_is_a_refusal(client: Any, sqlstate: str, code: str) -> None:
    """What a constraint forbids, such as an order's way back, is refused and not repeated."""
    with pytest.raises(RejectedError) as caught:
        Database(failing(client, sqlstate)).call("f")

    assert code == caught.value.code


@pytest.mark.parametrize("code", ["42883", "42501", "PGRST202", "PGRST301", "22P02", None, 500])
def test_bug_is_neither_retried_nor_a_refusal(client: Any, code: object) -> None:
    """A call that cannot work, such as to a function without a grant, is an error of ours."""
    with pytest.raises(MarketError) as caught:
        Database(failing(client, code)).call("f")

    assert (MarketError, "DATABASE_ERROR") == (caught.type, caught.value.code)
    assert 1 == client.rpc.return_value.execute.call_count


@pytest.mark.parametrize(
    ("sqlstate", "code"),
    [("42501", "FORBIDDEN"), ("PGRST301", "UNAUTHORIZED"), ("PGRST303", "UNAUTHORIZED")],
)
def test_user_may_be_refused(client: Any, sqlstate: str, code: str) -> None:
    """With a user's own token it is they who lack the right, or whose token is over."""
    database = Database(client, lambda _jwt: failing(client, sqlstate))

    with pytest.raises(RejectedError) as caught:
        database.as_user("jwt").call("f")

    assert code == caught.value.code


def test_door_without_users_says_so(client: Any) -> None:
    """Acting as a user takes a adapter that was built for it."""
    with pytest.raises(MarketError, match="DATABASE_ERROR"):
        Database(client).as_user("jwt")


def test_accepted_answer_is_returned() -> None:
    """What is no refusal passes, whatever its form."""
    assert [
        {"success": True, "a": 1},
        {"a": 1},
        [1],
        None,
        3,
    ] == [accepted(answer) for answer in ({"success": True, "a": 1}, {"a": 1}, [1], None, 3)]


def test_business_refusal_is_raised() -> None:
    """SQL's refusal carries its sentence and its numbers to whoever answers the client."""
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


@pytest.fixture
def answered() -> Any:
    with respx.mock(assert_all_called=False) as router:
        yield router


def by_service() -> Database:
    return connect(make_settings(), SERVICE_TIMEOUTS)


def by_user() -> Database:
    return connect(make_settings(), SERVICE_TIMEOUTS).as_user("user-jwt")


@pytest.mark.parametrize(
    ("connect_database", "key", "token"),
    [(by_service, "sb_secret_1", "sb_secret_1"), (by_user, "sb_publishable_1", "user-jwt")],
)
def test_call_is_one_post_with_its_key(
    answered: Any, connect_database: Callable[[], Database], key: str, token: str
) -> None:
    """The service acts by the secret key, a user by the public key and their own token."""
    route = answered.post(RPC_URL).respond(json={"a": 1})

    with log.bound(request_id="r-1"):
        assert {"a": 1} == connect_database().call("f", p_id="1", p_none=None)

    request = route.calls.last.request
    assert {"p_id": "1", "p_none": None} == json.loads(request.content)
    assert (key, f"Bearer {token}", "r-1") == tuple(
        request.headers[name] for name in ("apikey", "authorization", "x-request-id")
    )


def test_user_leaves_nothing_behind(answered: Any) -> None:
    """After a call as a user the service is itself again."""
    route = answered.post(RPC_URL).respond(json=1)
    database = connect(make_settings(), WORKER_TIMEOUTS)

    database.as_user("user-jwt").call("f")
    database.call("f")

    assert "Bearer sb_secret_1" == route.calls.last.request.headers["authorization"]


def test_call_outside_a_request_has_no_id(answered: Any) -> None:
    """A worker's call belongs to no request."""
    route = answered.post(RPC_URL).respond(json=1)

    by_service().call("f")

    assert "x-request-id" not in route.calls.last.request.headers


def test_gateway_that_answers_a_page_is_transient(answered: Any) -> None:
    """What stands before the gateway answers in HTML, with a status that says: later."""
    route = answered.post(RPC_URL)
    route.side_effect = [httpx.Response(503, html="<h1>x</h1>"), httpx.Response(200, json=1)]

    assert 1 == by_service().call("f")


def test_only_our_policy_retries(answered: Any) -> None:
    """The library makes one request for each try of ours."""
    route = answered.post(RPC_URL).respond(503, json={"code": "PGRST001", "message": "x"})

    with pytest.raises(TransientError):
        by_service().call("f")

    assert 5 == route.call_count


@pytest.mark.parametrize(
    ("timeouts", "timeout"),
    [
        (SERVICE_TIMEOUTS, {"connect": 1.5, "read": 1.5, "write": 1.5, "pool": 1.5}),
        (WORKER_TIMEOUTS, {"connect": 3.0, "read": 10.0, "write": 10.0, "pool": 2.0}),
    ],
)
def test_patience_bounds_each_request(answered: Any, timeouts: Any, timeout: Any) -> None:
    """Somebody waits for the service; a worker has more time."""
    route = answered.post(RPC_URL).respond(json=1)

    connect(make_settings(), timeouts).call("f")

    assert timeout == route.calls.last.request.extensions["timeout"]
