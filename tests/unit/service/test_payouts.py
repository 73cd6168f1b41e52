"""`service.payouts`: the answers to a seller's browser."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.factories import BUYER_ID
from tests.unit.service.adapters import Service, make_service, make_token


ONBOARD = ("POST", "/api/payouts/onboard")
LIST = ("GET", "/api/payouts")
LIVE = {"is_live": True, "is_suspended": False, "role": "seller"}
ALLOWED = {"allowed": True, "retry_after_ms": 0}
TERMS = {"success": True, "account_id": "acct_1", "answered_errors": 0, "seller_since": 1}
PAYOUTS = {
    "success": True,
    "payouts_enabled": True,
    "pending_cents": 9500,
    "paid_cents": 0,
    "payouts": [],
}


@pytest.fixture
def service() -> Service:
    service = make_service()
    service.stripe_api.create_account_link.return_value = {
        "url": "https://connect.stripe.test/1",
        "expires_at": 1_800_000_000,
    }
    return service


def ask(service: Service, route: tuple[str, str], query: str = "") -> TestResponse:
    method, path = route
    answer: TestResponse = service.client.open(
        path + query, method=method, headers={"Authorization": f"Bearer {make_token()}"}
    )
    return answer


def test_seller_gets_a_link(service: Service) -> None:
    """The answer has the link and its end, and no id of the account."""
    service.database.call.side_effect = [LIVE, ALLOWED, TERMS]

    answer = ask(service, ONBOARD)

    assert (
        200,
        {
            "success": True,
            "url": "https://connect.stripe.test/1",
            "expires_at": "2027-01-15T08:00:00+00:00",
        },
    ) == (answer.status_code, answer.get_json())
    assert ["session_is_live", "rate_limit_hit", "begin_onboarding"] == service.called
    assert BUYER_ID == service.database.call.call_args.kwargs["user_id"]


def test_link_leads_to_the_first_origin(service: Service) -> None:
    """The setting decides where Stripe sends the seller, never the request."""
    service.database.call.side_effect = [LIVE, ALLOWED, TERMS]

    ask(service, ONBOARD, "?return_url=https://evil.test")

    parameters = service.stripe_api.create_account_link.call_args.args[0]
    assert parameters["return_url"].startswith("https://shop.test/")
    assert parameters["refresh_url"].startswith("https://shop.test/")


def test_person_without_kyc_gets_no_link(service: Service) -> None:
    """Only a verified seller has an account at Stripe."""
    refusal = {"success": False, "code": "KYC_REQUIRED", "error": "KYC verification required"}
    service.database.call.side_effect = [LIVE, ALLOWED, refusal]

    answer = ask(service, ONBOARD)

    assert (403, "KYC_REQUIRED") == (answer.status_code, answer.get_json()["code"])
    service.stripe_api.create_account_link.assert_not_called()


@pytest.mark.parametrize(("query", "rows"), [("", 50), ("?limit=1", 1), ("?limit=100", 100)])
def test_payouts_are_those_of_the_caller(service: Service, query: str, rows: int) -> None:
    """No parameter names another seller."""
    service.database.call.side_effect = [LIVE, ALLOWED, PAYOUTS]

    answer = ask(service, LIST, query)

    assert (200, PAYOUTS) == (answer.status_code, answer.get_json())
    assert {"user_id": BUYER_ID, "max_rows": rows} == service.database.call.call_args.kwargs


def test_account_that_fails_twice_is_answered(service: Service) -> None:
    """Another call of the seller has made the account; the route tries once more by itself."""
    refusal = {"success": False, "code": "CONFLICT", "error": "A seller has one account"}
    service.database.call.side_effect = [LIVE, ALLOWED, refusal, refusal]

    answer = ask(service, ONBOARD)

    assert (409, "CONFLICT") == (answer.status_code, answer.get_json()["code"])


@pytest.mark.parametrize("limit", ["0", "101", "-1", "ten", ""])
def test_bad_limit_is_refused(service: Service, limit: str) -> None:
    """A limit outside of 1 to 100 is refused."""
    service.database.call.side_effect = [LIVE, ALLOWED]

    assert 400 == ask(service, LIST, f"?limit={limit}").status_code


@pytest.mark.parametrize("route", [ONBOARD, LIST])
def test_request_without_a_token_is_refused(service: Service, route: tuple[str, str]) -> None:
    """A request without a session calls no other system."""
    answer = service.client.open(route[1], method=route[0])

    assert (401, "No valid session found") == (answer.status_code, answer.get_json()["error"])
    assert [] == service.called


@pytest.mark.parametrize("route", [ONBOARD, LIST])
@pytest.mark.parametrize(
    ("state", "status"),
    [(LIVE | {"is_live": False}, 401), (LIVE | {"is_suspended": True}, 403)],
)
def test_ended_session_is_refused(
    service: Service, route: tuple[str, str], state: dict[str, Any], status: int
) -> None:
    """An ended session is refused, although its token is still valid."""
    service.database.call.side_effect = [state]

    assert status == ask(service, route).status_code
    assert ["session_is_live"] == service.called


@pytest.mark.parametrize(
    ("route", "action"), [(ONBOARD, "onboard_payouts"), (LIST, "list_payouts")]
)
def test_limit_is_that_of_the_route(service: Service, route: tuple[str, str], action: str) -> None:
    """The database counts per user and route; a refused call reaches nothing else."""
    service.database.call.side_effect = [LIVE, {"allowed": False, "retry_after_ms": 1500}]

    answer = ask(service, route)

    assert (429, "2") == (answer.status_code, answer.headers["Retry-After"])
    assert {"action": action, "key": BUYER_ID} == service.database.call.call_args.kwargs
    service.stripe_api.create_account_link.assert_not_called()
