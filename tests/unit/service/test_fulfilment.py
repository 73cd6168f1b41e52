"""`service.fulfilment`: pickup codes, shipments and the steps of a parcel."""

import re
import secrets
import uuid
from typing import Any
from unittest.mock import Mock, call

import pytest
from werkzeug.test import TestResponse

from tests.support.factories import BUYER_ID, ORDER_ID
from tests.unit.service.adapters import Service, make_service, make_token


PICKUP = f"/api/pickup/{ORDER_ID}"
SHIPMENT = f"/api/shipments/{ORDER_ID}"
EVENTS = f"/api/shipments/{ORDER_ID}/events"
ROUTES = {
    PICKUP: ({"action": "redeem", "code6": "123456"}, "redeem_pickup"),
    SHIPMENT: ({"carrier": "AusPost", "tracking": "33ABC"}, "save_shipment"),
    EVENTS: ({"status": "in_transit"}, "add_shipment_event"),
}
LIVE = {"is_live": True, "is_suspended": False, "role": "buyer"}
ALLOWED = {"allowed": True, "retry_after_ms": 0}
MADE = {"success": True, "expires_at": "2026-12-02T20:00:00+00:00"}
DELIVERED = {"success": True, "state": "delivered"}
AT = "2026-12-02T20:00:00+00:00"
PARCEL = {
    **dict.fromkeys(("id", "order_id"), ORDER_ID),
    **dict.fromkeys(("label_url", "first_scan_at", "delivered_at")),
    **dict.fromkeys(("created_at", "updated_at"), AT),
    "carrier": "AusPost",
    "tracking": "33ABC",
}
STEP = {
    **dict.fromkeys(("id", "shipment_id"), ORDER_ID),
    **dict.fromkeys(("description", "location")),
    **dict.fromkeys(("event_time", "created_at"), AT),
    "status": "delivered",
}


def served(answer: dict[str, Any]) -> Service:
    """Make a service whose database answers this to the call of the route."""
    service = make_service()
    service.database.call.side_effect = [LIVE, ALLOWED, answer]
    return service


def post(service: Service, path: str, body: Any) -> TestResponse:
    headers = {"Authorization": f"Bearer {make_token()}"}
    answer: TestResponse = service.client.post(path, json=body, headers=headers)
    return answer


def sent(service: Service) -> dict[str, Any]:
    """Return the arguments of the last call."""
    arguments: dict[str, Any] = service.database.call.call_args.kwargs
    return arguments


@pytest.mark.parametrize("body", [{}, {"action": "init"}, None])
def test_seller_gets_a_code(body: Any) -> None:
    """Six digits and a token for the seller; the database gets only their HMACs (B13)."""
    service = served(MADE)

    answer = post(service, PICKUP, body)

    made = answer.get_json()
    assert (200, True) == (answer.status_code, made["success"])
    assert {"success", "code6", "qr_token", "pickup"} == set(made)
    assert re.fullmatch(r"[0-9]{6}", made["code6"])
    assert 4 == uuid.UUID(made["qr_token"]).version
    assert {"expires_at": MADE["expires_at"]} == made["pickup"]
    assert {"order_id", "user_id", "code_hmac", "qr_token_hmac"} == set(sent(service))
    for name in ("code_hmac", "qr_token_hmac"):
        assert re.fullmatch(r"[0-9a-f]{64}", sent(service)[name])
    assert not {made["code6"], made["qr_token"]} & set(sent(service).values())


def test_code_is_drawn_by_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """C22: each code is a new number of the system's, of six digits."""
    draw = Mock(side_effect=[7, 999_999])
    monkeypatch.setattr(secrets, "randbelow", draw)

    codes = [post(served(MADE), PICKUP, {}).get_json()["code6"] for _ in range(2)]

    assert ["000007", "999999"] == codes
    assert [call(10**6)] * 2 == draw.call_args_list


def test_redeemed_code_has_the_hmac_of_the_made_one() -> None:
    """Digits and token have the same HMACs when the code is made and redeemed."""
    making, redeeming = served(MADE), served(DELIVERED)
    made = post(making, PICKUP, {}).get_json()
    body = {"action": "redeem", "code6": made["code6"], "qr_token": made["qr_token"].upper()}

    answer = post(redeeming, PICKUP, body)

    assert (200, DELIVERED) == (answer.status_code, answer.get_json())
    for name in ("code_hmac", "qr_token_hmac"):
        assert sent(making)[name] == sent(redeeming)[name]


@pytest.mark.parametrize(
    ("body", "absent"),
    [({"code6": "123456"}, "qr_token_hmac"), ({"qr_token": str(uuid.uuid4())}, "code_hmac")],
)
def test_either_secret_redeems(body: dict[str, str], absent: str) -> None:
    """A secret that was not sent is null."""
    service = served(DELIVERED)

    assert 200 == post(service, PICKUP, {"action": "redeem"} | body).status_code
    assert [absent] == [name for name, value in sent(service).items() if value is None]


def test_hmac_depends_on_order_and_pepper() -> None:
    """Equal codes of two orders look different, and a new pepper voids all codes."""
    hmacs = set()
    for pepper, order_id in (("a", ORDER_ID), ("b", ORDER_ID), ("a", str(uuid.uuid4()))):
        service = make_service(pickup_pepper=pepper)
        service.database.call.side_effect = [LIVE, ALLOWED, DELIVERED]
        post(service, f"/api/pickup/{order_id}", {"action": "redeem", "code6": "123456"})
        hmacs.add(sent(service)["code_hmac"])

    assert 3 == len(hmacs)


@pytest.mark.parametrize(
    "body",
    [
        {"action": "redeem"},
        {"action": "steal"},
        {"action": None},
        {"action": "redeem", "code6": "12345"},
        {"action": "redeem", "code6": "1234567"},
        {"action": "redeem", "code6": "12345a"},
        {"action": "redeem", "code6": "123456\n"},
        {"action": "redeem", "code6": "١٢٣٤٥٦"},
        {"action": "redeem", "code6": 123456},
        {"action": "redeem", "code6": None},
        {"action": "redeem", "qr_token": "x"},
        [],
    ],
)
def test_malformed_code_is_no_try(body: Any) -> None:
    """A body that holds no code is a 400; it spends a call of the rate limit and no try."""
    service = served(DELIVERED)

    answer = post(service, PICKUP, body)

    assert (400, "VALIDATION_ERROR") == (answer.status_code, answer.get_json()["code"])
    assert ["session_is_live", "rate_limit_hit"] == service.called


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("INVALID_CODE", 400),
        ("CODE_EXPIRED", 400),
        ("PICKUP_LOCKED", 400),
        ("NOT_READY", 400),
        ("FORBIDDEN", 403),
        ("RESOURCE_NOT_FOUND", 404),
        ("CONFLICT", 409),
        ("SHIPPING_NOT_OFFERED", 409),
        ("PAYMENT_IN_TEXT", 400),
        ("VALIDATION_ERROR", 400),
    ],
)
@pytest.mark.parametrize("path", list(ROUTES))
def test_refusal_has_its_status(path: str, code: str, status: int) -> None:
    """The status follows from the code, never from the text (C12)."""
    service = served({"success": False, "code": code, "error": "No", "field": "x"})

    answer = post(service, path, ROUTES[path][0])

    assert (status, code, "x") == (
        answer.status_code,
        answer.get_json()["code"],
        answer.get_json()["field"],
    )


def test_shipment_is_answered() -> None:
    """The answer is the row of the database."""
    service = served({"success": True, "shipment": PARCEL})

    answer = post(service, SHIPMENT, {"carrier": "AusPost", "tracking": "33ABC", "label_url": ""})

    expected = {"success": True, "shipment": PARCEL}
    assert (200, expected) == (answer.status_code, answer.get_json())
    assert {
        "order_id": ORDER_ID,
        "user_id": BUYER_ID,
        "carrier": "AusPost",
        "tracking": "33ABC",
        "label_url": "",
    } == sent(service)


def test_event_is_answered() -> None:
    """Each request has an event id of its own; the database reads the time."""
    service = served({"success": True, "event": STEP})
    step = {"status": "delivered", "event_time": "2026-12-02T20:00:00+11:00"}

    answer = post(service, EVENTS, step)

    assert (200, {"success": True, "event": STEP}) == (
        answer.status_code,
        answer.get_json(),
    )
    arguments = sent(service)
    uuid.UUID(arguments.pop("event_id"))
    assert (
        step
        | {
            "order_id": ORDER_ID,
            "user_id": BUYER_ID,
            "description": None,
            "location": None,
        }
        == arguments
    )


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (SHIPMENT, {"carrier": None}),
        (SHIPMENT, {"carrier": 7}),
        (SHIPMENT, {"tracking": ["x"]}),
        (SHIPMENT, {"label_url": 1}),
        (SHIPMENT, {"carrier": "x" * 8_193}),
        (EVENTS, {"status": None}),
        (EVENTS, {"status": {}}),
        (EVENTS, {"description": 1}),
        (EVENTS, {"event_time": 1_790_000_000}),
    ],
)
def test_bad_body_is_refused(path: str, change: dict[str, Any]) -> None:
    """A value that is no text gets a 400 with the field's name."""
    service = served({"success": True})

    answer = post(service, path, ROUTES[path][0] | change)

    assert (400, "VALIDATION_ERROR") == (answer.status_code, answer.get_json()["code"])
    assert next(iter(change)) in answer.get_json()["error"]
    assert ["session_is_live", "rate_limit_hit"] == service.called


@pytest.mark.parametrize(
    ("path", "body", "action"),
    [(path, body, action) for path, (body, action) in ROUTES.items()]
    + [(PICKUP, {"action": "init"}, "init_pickup")],
)
def test_route_has_its_limit(path: str, body: dict[str, str], action: str) -> None:
    """Each route counts under its own name, and both actions of a pickup do."""
    service = make_service()
    service.database.call.side_effect = [LIVE, {"allowed": False, "retry_after_ms": 90_000}]

    answer = post(service, path, body)

    assert (429, "90") == (answer.status_code, answer.headers["Retry-After"])
    assert {"action": action, "key": BUYER_ID} == sent(service)


@pytest.mark.parametrize("path", list(ROUTES))
def test_malformed_order_is_not_found(path: str) -> None:
    """An order id that is no UUID gets a 404."""
    service = served({"success": True})

    answer = post(service, path.replace(ORDER_ID, "x"), ROUTES[path][0])

    assert (404, "RESOURCE_NOT_FOUND") == (answer.status_code, answer.get_json()["code"])


@pytest.mark.parametrize("path", list(ROUTES))
def test_get_changes_nothing(path: str) -> None:
    """A GET is refused."""
    service = make_service()

    assert 405 == service.client.get(path).status_code
    assert [] == service.called


@pytest.mark.parametrize("body", [{"action": "x"}, {"action": "redeem"}, [], {"code6": "\x00"}])
def test_refused_pickup_body_spends_the_rate_limit(body: Any) -> None:
    """A refused body counts towards the limit."""
    service = make_service()
    service.database.call.side_effect = [LIVE, {"allowed": False, "retry_after_ms": 9_000}]

    answer = post(service, PICKUP, body)

    assert 429 == answer.status_code
    assert "redeem_pickup" == sent(service)["action"]
