"""`service.bids`: a bid over HTTP."""

import uuid
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.unit.service.adapters import Service, make_service, make_token


LISTING_ID = "0c2f7d1a-6d0b-4f6e-9b9c-6f6a1c0e9a11"
AUCTION_ID = "4b1d9e52-2f3a-4d57-8a4e-0f5f3a7d2b22"
BID_ID = "9d8c7b6a-5f4e-4d3c-8b2a-1f0e9d8c7b33"
KEY = "1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c44"
LIVE = {"is_live": True, "is_suspended": False, "role": "buyer"}
FOUND = {"success": True, "auction_id": AUCTION_ID}
BODY = {"listingId": LISTING_ID, "amount_cents": 1350}
RECEIPT = {
    "success": True,
    "bid_id": BID_ID,
    "amount_cents": 1350,
    "is_proxy_bid": False,
    "outbid_previous": True,
    "previous_bidder_id": AUCTION_ID,
    "previous_amount_cents": 1200,
    "extension_seconds": 0,
    "new_end_at": "2026-12-02T09:00:00+00:00",
    "is_leading": True,
    "current_price_cents": 1350,
    "min_next_bid_cents": 1450,
    "reserve_met": False,
    "idempotent": False,
    "commitment": "not for the page",
}


@pytest.fixture
def service() -> Service:
    service = make_service()
    service.database.call.side_effect = [LIVE, FOUND]
    service.database.as_user.return_value.call.return_value = RECEIPT
    return service


def bid(service: Service, **changes: Any) -> TestResponse:
    answer: TestResponse = service.client.post(
        "/api/bids", json=BODY | changes, headers={"Authorization": f"Bearer {make_token()}"}
    )
    return answer


def sent(service: Service) -> dict[str, Any]:
    """Return the arguments of place_bid."""
    call = service.database.as_user.return_value.call
    call.assert_called_once()
    assert ("place_bid",) == call.call_args.args
    arguments: dict[str, Any] = call.call_args.kwargs
    return arguments


def test_bid_is_placed_as_the_user(service: Service) -> None:
    """The call has the token of the request, and the answer exactly the keys of the page (A1)."""
    answer = bid(service, proxy_max_cents=2000, client_bid_id=KEY)

    keys = (
        "amount_cents", "is_proxy_bid", "is_leading", "outbid_previous", "extension_seconds",
        "new_end_at", "previous_bidder_id", "previous_amount_cents",
    )  # fmt: skip
    assert (
        200,
        {"success": True, "bid": {"id": BID_ID} | {key: RECEIPT[key] for key in keys}},
    ) == (answer.status_code, answer.get_json())
    assert {
        "auction_id": AUCTION_ID,
        "amount_cents": 1350,
        "max_proxy_cents": 2000,
        "client_bid_id": KEY,
    } == sent(service)
    [token] = service.database.as_user.call_args.args
    assert 2 == token.count(".")
    assert {"listing_id": LISTING_ID} == service.database.call.call_args.kwargs


@pytest.mark.parametrize("maximum", [0, None])
def test_bid_without_a_maximum_has_none(service: Service, maximum: int | None) -> None:
    """A maximum of 0 becomes null, because the page sends 0 for an empty field."""
    bid(service, proxy_max_cents=maximum)

    assert sent(service)["max_proxy_cents"] is None


def test_bid_without_an_id_gets_one(service: Service) -> None:
    """A bid without an id gets one, so a retry bids once."""
    bid(service)

    assert 4 == uuid.UUID(sent(service)["client_bid_id"]).version


@pytest.mark.parametrize(
    "changes",
    [
        {"listingId": "x"},
        {"listingId": None},
        {"amount_cents": 99},
        {"amount_cents": 1350.5},
        {"amount_cents": "1,350"},
        {"amount_cents": True},
        {"amount_cents": None},
        {"amount_cents": 2**63},
        {"proxy_max_cents": -1},
        {"proxy_max_cents": False},
        {"proxy_max_cents": 0.5},
        {"client_bid_id": "1"},
    ],
)
def test_bad_body_is_refused(service: Service, changes: dict[str, Any]) -> None:
    """A body with other than whole cents and ids is refused."""
    answer = bid(service, **changes)

    assert (400, "VALIDATION_ERROR") == (answer.status_code, answer.get_json()["code"])
    assert ["session_is_live"] == service.called


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AUCTION_NOT_LIVE", 400),
        ("AUCTION_ENDED", 400),
        ("OWN_LISTING", 400),
        ("BIDDER_BLOCKED", 400),
        ("BAD_AMOUNT", 400),
        ("MAX_BELOW_AMOUNT", 400),
        ("MAX_NOT_HIGHER", 400),
        ("REQUEST_ID_REUSED", 400),
        ("KYC_REQUIRED", 403),
        ("PROFILE_NOT_FOUND", 403),
        ("USER_SUSPENDED", 403),
        ("AUCTION_NOT_FOUND", 404),
        ("AUCTION_BUSY", 409),
    ],
)
def test_refusal_has_the_status_of_its_code(service: Service, code: str, status: int) -> None:
    """A refusal has the status of its code and the text of place_bid."""
    service.database.as_user.return_value.call.return_value = {
        "success": False,
        "code": code,
        "error": "The reason",
    }

    answer = bid(service)

    assert (status, code, "The reason") == (
        answer.status_code, answer.get_json()["code"], answer.get_json()["error"],
    )  # fmt: skip


def test_low_bid_gets_the_minimum(service: Service) -> None:
    """A low bid's answer has `minimumBid` in cents."""
    service.database.as_user.return_value.call.return_value = {
        "success": False,
        "code": "BID_TOO_LOW",
        "error": "Minimum bid is $13.00",
        "minimum_bid_cents": 1300,
    }

    answer = bid(service)

    body = answer.get_json()
    assert (400, "BID_TOO_LOW", 1300) == (answer.status_code, body["code"], body["minimumBid"])
    assert "minimum_bid_cents" not in body


def test_eager_bidder_waits(service: Service) -> None:
    """Too many bids get a 429; RPC and route share one limit."""
    service.database.as_user.return_value.call.return_value = {
        "success": False,
        "code": "RATE_LIMITED",
        "error": "Too many requests. Please slow down.",
        "retry_after_ms": 2500,
    }

    answer = bid(service)

    assert (429, "3") == (answer.status_code, answer.headers["Retry-After"])


def test_unknown_listing_is_not_found(service: Service) -> None:
    """An unknown listing gets a 404."""
    refusal = {"success": False, "code": "LISTING_NOT_FOUND", "error": "Listing not found"}
    service.database.call.side_effect = [LIVE, refusal]

    assert 404 == bid(service).status_code
    service.database.as_user.assert_not_called()
