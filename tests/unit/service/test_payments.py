"""`service.payments`: the answers to a buyer's browser."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from market.errors import RejectedError, TransientError
from tests.support.factories import BUYER_ID, ORDER_ID, make_intent
from tests.unit.service.adapters import Service, make_service, make_token


CREATE = "/api/payments/create-intent"
CONFIRM = "/api/payments/confirm"
REFUND = "/api/payments/refund"
LIVE = {"is_live": True, "is_suspended": False, "role": "buyer"}
ALLOWED = {"allowed": True, "retry_after_ms": 0}
TERMS = {
    "success": True,
    "attempt": 1,
    "amount_cents": 12_500,
    "currency": "aud",
    "listing_title": "Camera",
    "receipt_email": "buyer@example.test",
}
ATTACHED = {"success": True, "payment_intent_id": "pi_00001"}
CREATE_BODY = {"orderId": ORDER_ID, "amount": 12_500, "currency": "aud"}
CONFIRM_BODY = {"orderId": ORDER_ID, "paymentIntentId": "pi_00001"}
REQUEST_ID = "0d5a4e0c-95a5-4c1d-8f0a-6f9b1c8a4d44"
REFUND_BODY = {"orderId": ORDER_ID, "amount_cents": 500, "client_request_id": REQUEST_ID}


@pytest.fixture
def service() -> Service:
    service = make_service()
    service.database.call.side_effect = [LIVE, ALLOWED, TERMS, ATTACHED]
    service.stripe_api.create_payment_intent.return_value = make_intent(
        status="requires_payment_method"
    )
    service.stripe_api.retrieve_payment_intent.return_value = make_intent()
    return service


def post(service: Service, path: str, body: Any, **headers: str) -> TestResponse:
    sent = {"Authorization": f"Bearer {make_token()}"} | headers
    answer: TestResponse = service.client.post(path, json=body, headers=sent)
    return answer


def test_buyer_gets_an_intent(service: Service) -> None:
    """The secret is what the browser pays with; the calls before it are as few as can be."""
    answer = post(service, CREATE, CREATE_BODY)

    expected = {"clientSecret": "pi_00001_secret_1", "paymentIntentId": "pi_00001"}
    assert (200, expected) == (answer.status_code, answer.get_json())
    assert [
        "session_is_live",
        "rate_limit_hit",
        "begin_payment",
        "attach_payment_intent",
    ] == service.called


def test_buyer_is_who_the_token_says(service: Service) -> None:
    """The buyer is the user of the token, whatever the body says."""
    post(service, CREATE, CREATE_BODY | {"buyerId": "eve", "userId": "eve"})

    assert BUYER_ID == service.database.call.call_args_list[2].kwargs["buyer_id"]


def test_currency_is_ours_by_default(service: Service) -> None:
    """The default currency is the Australian dollar."""
    assert 200 == post(service, CREATE, {"orderId": ORDER_ID, "amount": 12_500}).status_code


def test_confirmed_payment_is_answered(service: Service) -> None:
    """The answer has the order's state, and the time that the service took."""
    service.database.call.side_effect = [
        LIVE,
        ALLOWED,
        {"success": True, "order_id": ORDER_ID, "state": "paid"},
    ]

    answer = post(service, CONFIRM, CONFIRM_BODY)

    body = answer.get_json()
    assert (200, True, "paid", "pi_00001", 12_500) == (
        answer.status_code,
        *(body[key] for key in ("success", "orderState", "paymentIntentId", "amount")),
    )
    assert {"message", "timestamp", "processingTimeMs"} < set(body)
    assert ["session_is_live", "rate_limit_hit", "confirm_payment_transaction"] == service.called


@pytest.mark.parametrize(("code", "status"), [("CONFLICT", 409), ("STRIPE_EMAIL_REFUSED", 400)])
def test_intent_that_fails_twice_is_answered(service: Service, code: str, status: int) -> None:
    """The route begins once more by itself; then the caller begins again."""
    refusal = {"success": False, "code": code, "error": "No"}
    service.database.call.side_effect = [LIVE, ALLOWED, refusal, refusal]

    answer = post(service, CREATE, CREATE_BODY)

    assert (status, code) == (answer.status_code, answer.get_json()["code"])


def test_unpaid_intent_is_told(service: Service) -> None:
    """The answer about an unpaid intent has its status."""
    service.stripe_api.retrieve_payment_intent.return_value = make_intent(status="requires_action")

    answer = post(service, CONFIRM, CONFIRM_BODY)

    body = answer.get_json()
    assert (400, "Payment not completed", "requires_action") == (
        answer.status_code,
        body["error"],
        body["paymentStatus"],
    )


@pytest.mark.parametrize("path", [CREATE, CONFIRM, REFUND])
def test_request_without_a_session_is_refused(service: Service, path: str) -> None:
    """A request without a session calls no other system."""
    answer = service.client.post(path, json={})

    assert (401, "No valid session found") == (answer.status_code, answer.get_json()["error"])
    assert [] == service.called


@pytest.mark.parametrize("path", [CREATE, CONFIRM, REFUND])
@pytest.mark.parametrize(
    ("answer", "status"),
    [({"is_live": False}, 401), ({"is_suspended": True}, 403)],
)
def test_ended_session_moves_no_money(
    service: Service, path: str, answer: dict[str, bool], status: int
) -> None:
    """An ended session or a suspended user pays nothing."""
    service.database.call.side_effect = [LIVE | answer]

    assert status == post(service, path, CREATE_BODY | CONFIRM_BODY).status_code
    assert ["session_is_live"] == service.called


@pytest.mark.parametrize(
    ("path", "action"),
    [(CREATE, "create_intent"), (CONFIRM, "confirm_payment"), (REFUND, "refund_payment")],
)
def test_route_has_its_limit(service: Service, path: str, action: str) -> None:
    """Each route counts under its own name, and says when to come back."""
    service.database.call.side_effect = [LIVE, {"allowed": False, "retry_after_ms": 90_000}]

    answer = post(service, path, CREATE_BODY | CONFIRM_BODY)

    assert (429, "90") == (answer.status_code, answer.headers["Retry-After"])
    assert "Too many requests. Please slow down." == answer.get_json()["error"]
    assert {"action": action, "key": BUYER_ID} == service.database.call.call_args.kwargs


@pytest.mark.parametrize("path", [CREATE, CONFIRM, REFUND])
def test_page_of_another_site_is_refused(service: Service, path: str) -> None:
    """A form of another site has the cookie and another origin, so it is refused."""
    service.client.set_cookie("sb-project-auth-token", f'["{make_token()}"]')

    answer = service.client.post(path, json={}, headers={"Origin": "https://evil.test"})

    assert (403, "CSRF_INVALID", "origin-mismatch") == (
        answer.status_code,
        answer.get_json()["code"],
        answer.headers["X-CSRF-Error"],
    )
    assert [] == service.called


@pytest.mark.parametrize(
    "change",
    [
        {"orderId": None},
        {"orderId": ""},
        {"orderId": "1 or 1=1"},
        {"orderId": 7},
        {"amount": None},
        {"amount": 99},
        {"amount": 0},
        {"amount": -12_500},
        {"amount": 12_500.5},
        {"amount": 100_000_000},
        {"amount": 10**400},
        {"amount": "a lot"},
        {"amount": [12_500]},
        {"currency": ""},
        {"currency": "australian dollars"},
        {"currency": None},
    ],
)
def test_bad_request_for_an_intent_is_refused(service: Service, change: dict[str, Any]) -> None:
    """Any bad value in the body is a 400 that names the field."""
    answer = post(service, CREATE, CREATE_BODY | change)

    body = answer.get_json()
    assert (400, "VALIDATION_ERROR") == (answer.status_code, body["code"])
    assert next(iter(change)) in body["error"]
    service.stripe_api.create_payment_intent.assert_not_called()


@pytest.mark.parametrize(
    "change",
    [
        {"orderId": "x"},
        {"paymentIntentId": "pi_1"},
        {"paymentIntentId": None},
        {"paymentIntentId": "../refunds"},
        {"paymentIntentId": "pi_00001?expand[]=x"},
        {"paymentIntentId": "p" * 256},
        {"paymentIntentId": "pi_00001\n"},
    ],
)
def test_bad_confirmation_is_refused(service: Service, change: dict[str, Any]) -> None:
    """An id goes into an address at Stripe, so it is nothing but letters and digits."""
    answer = post(service, CONFIRM, CONFIRM_BODY | change)

    assert (400, "VALIDATION_ERROR") == (answer.status_code, answer.get_json()["code"])
    service.stripe_api.retrieve_payment_intent.assert_not_called()


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        ({"code": "RESOURCE_NOT_FOUND", "error": "Order not found"}, 404),
        ({"code": "FORBIDDEN", "error": "Only the buyer can pay for this order"}, 403),
        ({"code": "TRANSACTION_FAILED", "error": "Order is already paid"}, 400),
        ({"code": "TRANSACTION_FAILED", "error": "Order is past due"}, 400),
    ],
)
def test_refused_order_is_told(service: Service, refusal: dict[str, str], status: int) -> None:
    """The database refuses another user's order, and one that cannot be paid."""
    service.database.call.side_effect = [LIVE, ALLOWED, {"success": False} | refusal]

    answer = post(service, CREATE, CREATE_BODY)

    assert (status, refusal["error"]) == (answer.status_code, answer.get_json()["error"])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"amount": 12_400}, "Amount does not match the order"),
        ({"currency": "usd"}, "Currency does not match the order"),
    ],
)
def test_wrong_price_is_refused(service: Service, change: dict[str, Any], error: str) -> None:
    """A request with another price than the order's is refused."""
    answer = post(service, CREATE, CREATE_BODY | change)

    assert (400, error) == (answer.status_code, answer.get_json()["error"])


def test_unknown_intent_is_not_found(service: Service) -> None:
    """An unknown intent gets a 404."""
    service.stripe_api.retrieve_payment_intent.side_effect = RejectedError("RESOURCE_NOT_FOUND")

    assert 404 == post(service, CONFIRM, CONFIRM_BODY).status_code


def test_lost_stripe_is_told(service: Service) -> None:
    """An outage of Stripe gets a 503, so the browser may try again."""
    service.stripe_api.create_payment_intent.side_effect = TransientError("STRIPE_UNREACHABLE")

    assert 503 == post(service, CREATE, CREATE_BODY).status_code


@pytest.mark.parametrize("path", [CREATE, CONFIRM, REFUND])
def test_get_changes_nothing(service: Service, path: str) -> None:
    """A GET is refused."""
    assert 405 == service.client.get(path).status_code
    assert [] == service.called


@pytest.fixture
def refunding() -> Service:
    service = make_service()
    reserved = {"success": True, "refund_id": "refund-1", "status": "pending"}
    service.database.call.side_effect = [LIVE, ALLOWED, reserved]
    return service


def test_refund_is_reserved(refunding: Service) -> None:
    """The database reserves the refund, and only the outbox calls Stripe (C8)."""
    answer = post(refunding, REFUND, REFUND_BODY)

    assert (200, {"success": True, "refund_id": "refund-1", "status": "pending"}) == (
        answer.status_code,
        answer.get_json(),
    )
    assert ["session_is_live", "rate_limit_hit", "refund_order"] == refunding.called
    assert {
        "order_id": ORDER_ID,
        "refund_amount_cents": 500,
        "user_id": BUYER_ID,
        "aal": "aal1",
        "client_request_id": REQUEST_ID,
    } == refunding.database.call.call_args.kwargs


def request_id_of(*bodies_and_keys: tuple[dict[str, str], dict[str, str]]) -> list[str]:
    """Return the request ids that the database gets for refunds with these bodies and headers."""
    ids = []
    for body, headers in bodies_and_keys:
        service = make_service()
        service.database.call.side_effect = [
            LIVE,
            ALLOWED,
            {"success": True, "refund_id": "refund-1", "status": "pending"},
        ]
        assert 200 == post(service, REFUND, {"orderId": ORDER_ID} | body, **headers).status_code
        ids.append(service.database.call.call_args.kwargs["client_request_id"])
    return ids


def test_request_id_comes_from_body_or_header() -> None:
    """The body is first. Any text of a client is a key, and without one each call is new."""
    header = {"Idempotency-Key": REQUEST_ID}
    other = {"Idempotency-Key": "a return of May"}
    body = {"client_request_id": "7b0d3d52-4a3e-4f0e-8a77-5c9b6a1e2d22"}

    ids = request_id_of(({}, header), (body, header), ({}, other), ({}, other), ({}, {}), ({}, {}))

    assert [REQUEST_ID, body["client_request_id"]] == ids[:2]
    assert ids[2] == ids[3]
    assert 5 == len(set(ids))


@pytest.mark.parametrize(
    "change",
    [
        {"orderId": "x"},
        {"orderId": None},
        {"amount_cents": 0},
        {"amount_cents": -1},
        {"amount_cents": True},
        {"amount_cents": 1.5},
        {"amount_cents": 100_000_000},
        {"amount_cents": "all"},
        {"client_request_id": "x"},
        {"client_request_id": ""},
        {"client_request_id": 1},
    ],
)
def test_bad_refund_is_refused(refunding: Service, change: dict[str, Any]) -> None:
    """A malformed value gets a 400 with the field's name."""
    answer = post(refunding, REFUND, REFUND_BODY | change)

    assert (400, "VALIDATION_ERROR") == (answer.status_code, answer.get_json()["code"])
    assert next(iter(change)) in answer.get_json()["error"]
    assert "refund_order" not in refunding.called


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("VALIDATION_ERROR", 400),
        ("REQUEST_ID_REUSED", 400),
        ("FORBIDDEN", 403),
        ("RESOURCE_NOT_FOUND", 404),
        ("CONFLICT", 409),
    ],
)
def test_refused_refund_is_answered(refunding: Service, code: str, status: int) -> None:
    """A refused refund is never answered as a success (C8)."""
    refusal = {"success": False, "code": code, "error": "No"}
    refunding.database.call.side_effect = [LIVE, ALLOWED, refusal]

    assert status == post(refunding, REFUND, REFUND_BODY).status_code
