"""Each request has an id, errors have one form, and all processes share the limits."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.integration.service.browser import Browser
from tests.integration.service.processes import stopped
from tests.integration.service.shop import Shop


pytestmark = pytest.mark.xdist_group("stack")

ERROR_KEYS = {"error", "code", "correlationId", "timestamp"}
MADE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def test_proposed_request_id_is_answered(shop: Shop) -> None:
    """Answers and errors carry the request id that the caller proposed."""
    headers = {"X-Request-Id": "checkout-7.a_b"}

    answers = [shop.http.get(path, headers=headers) for path in ("/api/health/live", "/api/x")]

    assert ["checkout-7.a_b"] * 2 == [answer.headers["X-Request-Id"] for answer in answers]
    assert "checkout-7.a_b" == answers[1].json()["correlationId"]


@pytest.mark.parametrize("proposed", [None, "", "a b", "x" * 129, "{}", "-x", "../../etc"])
def test_request_id_is_made_where_none_will_do(shop: Shop, proposed: str | None) -> None:
    """A request id that could forge a log line is replaced."""
    headers = {} if proposed is None else {"X-Request-Id": proposed}

    answer = shop.http.get("/api/health/live", headers=headers)

    assert MADE_ID.fullmatch(answer.headers["X-Request-Id"])


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "RESOURCE_NOT_FOUND"),
        ("GET", "/api/nothing", 404, "RESOURCE_NOT_FOUND"),
        ("POST", "/api/../etc/passwd", 404, "RESOURCE_NOT_FOUND"),
        ("GET", "/api/payments/create-intent", 405, "METHOD_NOT_ALLOWED"),
        ("DELETE", "/api/webhooks/stripe", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/api/canary/webhook-events?event_id=evt_1", 401, "UNAUTHORIZED"),
    ],
)
def test_error_has_the_one_form(shop: Shop, method: str, path: str, status: int, code: str) -> None:
    """Each error is JSON with a code, also on an unknown path."""
    answer = shop.http.request(method, path)

    assert (status, code) == (answer.status_code, answer.json()["code"])
    assert ERROR_KEYS == set(answer.json())


def test_limit_is_one_for_all_processes(shop: Shop, signed_in: Callable[[], Browser]) -> None:
    """Three requests at one gunicorn worker leave one at the other."""
    person = signed_in()
    body = {"orderId": person.session["user"]["id"], "paymentIntentId": "pi_of_nobody"}
    first, second = shop.gunicorn().workers

    def uses(count: int) -> list[int]:
        url = f"{shop.environment['SERVICE_URL']}/api/payments/confirm"
        # Each request has its own connection, which only a running worker accepts.
        return [httpx.post(url, json=body, headers=person.bearer).status_code for _ in range(count)]

    with shop.limited("confirm_payment", 4):
        with stopped(first):
            by_second = uses(3)
        with stopped(second):
            by_first = uses(2)
        refused = person.post("/api/payments/confirm", body)

    assert [404, 404, 404] == by_second
    assert [404, 429] == by_first
    assert (429, "RATE_LIMITED") == (refused.status_code, refused.json()["code"])
    assert "Too many requests. Please slow down." == refused.json()["error"]
    assert 0 < int(refused.headers["Retry-After"]) <= 10**8


def test_limit_holds_for_uses_at_once(shop: Shop, signed_in: Callable[[], Browser]) -> None:
    """Parallel requests pass up to the limit, and no other user's limit changes."""
    person, other = signed_in(), signed_in()
    body = {"orderId": person.session["user"]["id"], "paymentIntentId": "pi_of_nobody"}

    with shop.limited("confirm_payment", 5), ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: person.post("/api/payments/confirm", body), range(16)))
        of_other = other.post("/api/payments/confirm", body)

    assert [404] * 5 + [429] * 11 == sorted(answer.status_code for answer in answers)
    assert 404 == of_other.status_code


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_error_of_the_gateway_is_hidden(
    shop: Shop, signed_in: Callable[[], Browser], status: int
) -> None:
    """The next try of the same call succeeds, so the caller notices nothing."""
    assert (404, "RESOURCE_NOT_FOUND") == confirmed_during(shop, signed_in(), status, times=1)


def test_errors_of_the_gateway_are_no_error_of_ours(
    shop: Shop, signed_in: Callable[[], Browser]
) -> None:
    """The answer after the last try says to try again.

    One status is enough, because the retry budget is small.
    """
    assert (503, "DATABASE_BUSY") == confirmed_during(shop, signed_in(), 502, times=5)


def confirmed_during(shop: Shop, person: Browser, status: int, *, times: int) -> tuple[int, str]:
    """Confirm a payment of nobody while the gateway answers so many calls with an error."""
    body = {"orderId": person.session["user"]["id"], "paymentIntentId": "pi_of_nobody"}
    with shop.gateway() as control:
        control.add_fault(
            status=status, method="POST", path="/rest/v1/rpc/rate_limit_hit", times=times
        )
        answer = person.post("/api/payments/confirm", body)
    return answer.status_code, answer.json()["code"]


def test_health_shows_whether_the_adapters_work(shop: Shop) -> None:
    """`live` calls nothing, `ready` the database, `health` Stripe too; none shows settings."""
    live, ready, health = (shop.http.get(f"/api/health{path}") for path in ("/live", "/ready", ""))

    assert [200, 200, 200] == [answer.status_code for answer in (live, ready, health)]
    assert {"database": "up", "stripe": "up"} == health.json()["services"]
    assert {"ok", "status", "timestamp", "services", "uptime"} == set(health.json())


def test_caller_with_the_token_finds_an_event(shop: Shop) -> None:
    """A caller with the token finds an event by id or type, from a given time on."""
    event = shop.event({"object": "test"}, type=f"test.{time.time_ns()}")
    shop.post(event)
    headers = {"x-canary-token": shop.environment["CANARY_TOKEN"]}

    def look_up(**query: str) -> httpx.Response:
        return shop.http.get("/api/canary/webhook-events", params=query, headers=headers)

    by_id, by_type = look_up(event_id=event["id"]), look_up(type=event["type"])
    late = look_up(type=event["type"], since="2999-01-01T00:00:00Z")
    nothing = look_up()

    assert by_id.json() == by_type.json()
    assert event["id"] == by_id.json()["event"]["event_id"]
    assert by_id.json()["event"]["processed_at"] is not None
    assert (404, False) == (late.status_code, late.json()["found"])
    assert 400 == nothing.status_code
