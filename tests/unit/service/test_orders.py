"""`service.orders`: the page of an order, and its actions."""

from typing import Any

import pytest
import structlog
from werkzeug.test import TestResponse

from tests.support.factories import BUYER_ID, ORDER_ID, make_order_row
from tests.unit.service.adapters import Service, make_claims, make_service, make_token


PATH = f"/api/orders/{ORDER_ID}"
LIVE = {"is_live": True, "is_suspended": False, "role": "buyer"}
ALLOWED = {"allowed": True, "retry_after_ms": 0}
LISTING = {
    "id": ORDER_ID,
    "title": "Camera",
    "description": "It takes pictures",
    "listing_photos": [{"id": ORDER_ID, "url": "https://shop.test/1.jpg", "order_idx": 0}],
}
ORDER = make_order_row(
    listing=LISTING,
    listings=LISTING,
    buyer={"id": BUYER_ID, "display_name": "Bo"},
    seller={"id": ORDER_ID, "display_name": "Sam"},
)
MOVED = {"success": True, "state": "shipped", "updated_at": "2026-12-02T20:00:00+00:00"}


def get(service: Service, path: str = PATH, **claims: Any) -> TestResponse:
    token = make_token(make_claims(**claims))
    answer: TestResponse = service.client.get(path, headers={"Authorization": f"Bearer {token}"})
    return answer


def post(service: Service, body: Any, path: str = PATH) -> TestResponse:
    headers = {"Authorization": f"Bearer {make_token()}"}
    answer: TestResponse = service.client.post(path, json=body, headers=headers)
    return answer


@pytest.fixture
def service() -> Service:
    service = make_service()
    service.database.call.side_effect = [LIVE, ALLOWED, MOVED]
    return service


def test_page_is_the_flat_order() -> None:
    """The order itself is the body; the database gets the user and the strength of the token."""
    service = make_service()
    service.database.call.side_effect = [LIVE, ALLOWED, {"success": True, "order": ORDER}]

    answer = get(service, aal="aal2")

    assert (200, ORDER) == (answer.status_code, answer.get_json())
    assert ["session_is_live", "rate_limit_hit", "get_order"] == service.called
    assert {"order_id": ORDER_ID, "user_id": BUYER_ID, "aal": "aal2"} == (
        service.database.call.call_args.kwargs
    )


def test_page_has_no_value_that_its_model_lacks() -> None:
    """The answer has only the fields of its model."""
    service = make_service()
    order = ORDER | {"pickup_address": None, "secret": "x"}
    service.database.call.side_effect = [LIVE, ALLOWED, {"success": True, "order": order}]

    assert ORDER | {"pickup_address": None} == get(service).get_json()


def test_order_of_another_form_is_our_mistake() -> None:
    """An order in another form is a 500, and the log repeats no value."""
    service = make_service()
    order = ORDER | {"amount_cents": "a secret"}
    service.database.call.side_effect = [LIVE, ALLOWED, {"success": True, "order": order}]

    with structlog.testing.capture_logs() as logs:
        answer = get(service)

    assert (500, "INTERNAL_ERROR") == (answer.status_code, answer.get_json()["code"])
    assert "a secret" not in str(logs)


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        ({"code": "FORBIDDEN", "error": "Unauthorized to view this order"}, 403),
        ({"code": "RESOURCE_NOT_FOUND", "error": "Order not found"}, 404),
    ],
)
def test_refused_page_has_its_status(refusal: dict[str, str], status: int) -> None:
    """The status follows from the code, the text is that of the database (C12)."""
    service = make_service()
    service.database.call.side_effect = [LIVE, ALLOWED, {"success": False} | refusal]

    answer = get(service)

    assert (status, refusal["error"]) == (answer.status_code, answer.get_json()["error"])


@pytest.mark.parametrize("order_id", ["1", "x", "null", "undefined", f"{ORDER_ID}x", "%00"])
def test_malformed_id_is_not_found(order_id: str) -> None:
    """An id that is no UUID gets a 404 without a call of the database."""
    service = make_service()
    service.database.call.side_effect = [LIVE, ALLOWED]

    answer = get(service, f"/api/orders/{order_id}")

    assert (404, "RESOURCE_NOT_FOUND") == (answer.status_code, answer.get_json()["code"])
    assert ["session_is_live", "rate_limit_hit"] == service.called


def test_action_is_answered(service: Service) -> None:
    """Case 7: the answer has success, state and time; keys without a value are left out."""
    answer = post(service, {"action": "mark_shipped"})

    body = answer.get_json()
    assert 200 == answer.status_code
    assert {"success", "state", "updated_at", "processingTimeMs"} == set(body)
    assert (True, "shipped", MOVED["updated_at"]) == (
        body["success"],
        body["state"],
        body["updated_at"],
    )
    assert ["session_is_live", "rate_limit_hit", "act_on_order"] == service.called
    assert {"order_id": ORDER_ID, "user_id": BUYER_ID, "action": "mark_shipped"} == (
        service.database.call.call_args.kwargs
    )


def test_money_of_an_action_is_answered(service: Service) -> None:
    """The seller's part and the refund come under the names that the pages read."""
    service.database.call.side_effect = [
        LIVE,
        ALLOWED,
        MOVED
        | {"seller_amount_cents": 9_500, "refund_amount_cents": 500, "refund_status": "pending"},
    ]

    body = post(service, {"action": "cancel"}).get_json()

    assert (9_500, 500, "pending") == tuple(
        body[key] for key in ("sellerAmount", "refundAmount", "refundStatus")
    )


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("FORBIDDEN", 403),
        ("RESOURCE_NOT_FOUND", 404),
        ("CONFLICT", 409),
        ("SHIPPING_NOT_OFFERED", 409),
    ],
)
def test_refused_action_has_its_status(service: Service, code: str, status: int) -> None:
    """A refused action gets the status of its code (A8)."""
    refusal = {"success": False, "code": code, "error": "No"}
    service.database.call.side_effect = [LIVE, ALLOWED, refusal]

    answer = post(service, {"action": "mark_ready"})

    assert (status, code) == (answer.status_code, answer.get_json()["code"])
    assert "success" not in answer.get_json()


@pytest.mark.parametrize(
    "body", [{}, [], None, {"action": None}, {"action": ""}, {"action": "win"}, {"action": 1}]
)
def test_bad_action_is_refused(service: Service, body: Any) -> None:
    """An unknown action gets a 400 before the database is called."""
    answer = post(service, body)

    assert (400, "VALIDATION_ERROR") == (answer.status_code, answer.get_json()["code"])
    assert "act_on_order" not in service.called


def test_routes_have_their_limits() -> None:
    """Reads and actions have separate limits per user."""
    limited = {"allowed": False, "retry_after_ms": 1_500}
    for call, action in (
        (get, "get_order"),
        (lambda service: post(service, {"action": "cancel"}), "act_on_order"),
    ):
        service = make_service()
        service.database.call.side_effect = [LIVE, limited]

        answer = call(service)

        assert (429, "2") == (answer.status_code, answer.headers["Retry-After"])
        assert {"action": action, "key": BUYER_ID} == service.database.call.call_args.kwargs
