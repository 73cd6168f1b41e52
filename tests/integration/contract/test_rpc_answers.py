"""The answers of the RPCs of the contract, key by key, through the gateway."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from tests.integration.contract.market import Market, Role, Visitor
from tests.support.waits import ANSWER_S


Visitors = Mapping[Role, Visitor]

_TIME = {"auction_id", "status", "end_at", "server_time", "time_remaining", "version"}
_STATE = _TIME | {
    "current_price_cents", "bid_count", "high_bidder_id", "min_next_bid_cents", "reserve_met",
}  # fmt: skip
_RECEIPT = {
    "success", "bid_id", "amount_cents", "is_proxy_bid", "outbid_previous", "previous_bidder_id",
    "previous_amount_cents", "extension_seconds", "new_end_at", "is_leading",
    "current_price_cents", "min_next_bid_cents", "reserve_met", "end_at", "server_time", "version",
    "seq", "received_at", "time_left_ms", "hash", "salt", "idempotent",
}  # fmt: skip


def called(visitor: Visitor, function: str, **arguments: object) -> Any:
    """Call a function with the official library."""
    return visitor.client.rpc(function, dict(arguments)).execute().data


@pytest.mark.parametrize("role", list(Role))
def test_everybody_asks_for_the_time(market: Market, visitors: Visitors, role: Role) -> None:
    """Every role reads the time, and an auction that is over has none left."""
    running = called(visitors[role], "get_time_remaining", auction_id=market.ids["live"])
    over = called(visitors[role], "get_time_remaining", auction_id=market.ids["sold"])
    state = called(visitors[role], "get_auction_state", auction_id=market.ids["live"])

    assert (_TIME, _TIME, _STATE) == (running.keys(), over.keys(), state.keys())
    assert running["time_remaining"] > over["time_remaining"] == 0


@pytest.mark.parametrize("function", ["get_time_remaining", "get_auction_state"])
def test_time_is_asked_by_get_as_well(market: Market, function: str) -> None:
    """A GET request reads the time, because reading has no effect."""
    environment = market.shop.environment

    answer = httpx.get(
        f"{environment['SUPABASE_URL']}/rest/v1/rpc/{function}",
        params={"auction_id": market.ids["live"]},
        headers={"apikey": environment["SUPABASE_PUBLISHABLE_KEY"]},
        timeout=ANSWER_S,
    )

    assert (200, market.ids["live"]) == (answer.status_code, answer.json()["auction_id"])


def test_bid_is_answered_with_a_receipt(market: Market, visitors: Visitors) -> None:
    """Each bid gets a receipt with the same keys, whether it leads or raises a maximum (A1)."""
    auction_id = str(market.shop.auction(market.people[Role.LOSER].actor))
    for role, cents, maximum in (
        (Role.BUYER, 20_000, 30_000),
        (Role.LOSER, 25_000, 25_000),
        (Role.BUYER, 31_000, 40_000),
    ):
        receipt = called(
            visitors[role],
            "place_bid",
            auction_id=auction_id,
            amount_cents=cents,
            max_proxy_cents=maximum,
        )

        assert _RECEIPT == receipt.keys()
        # The receipt has neither another user's maximum nor the reserve (B18).
        assert role is Role.BUYER or not {30_000, 40_000} & set(receipt.values())


def test_refusal_is_no_error(market: Market, visitors: Visitors) -> None:
    """A refusal has status 200, a code for programs, a text for people, and the minimum."""
    refusal = called(
        visitors[Role.LOSER], "place_bid", auction_id=market.ids["live"], amount_cents=100
    )

    assert {"success", "code", "error", "minimum_bid_cents"} == refusal.keys()
    assert (False, "BID_TOO_LOW") == (refusal["success"], refusal["code"])
    assert f"${refusal['minimum_bid_cents'] / 100:.2f}" in refusal["error"]


def test_own_maximum_is_read_by_its_bidder_alone(market: Market, visitors: Visitors) -> None:
    """Rivals, the seller, staff and other users get no maximum (B18)."""
    answers = {
        role: called(visitors[role], "get_my_proxy", auction_id=market.ids["live"])
        for role in Role
        if role is not Role.ANON
    }

    assert {"auction_id", "max_cents", "is_leading", "updated_at"} == answers[Role.BUYER].keys()
    assert {Role.BUYER: True, Role.LOSER: False} == {
        role: answer["is_leading"] for role, answer in answers.items() if answer is not None
    }


def test_secrets_of_a_listing_are_its_sellers(market: Market, visitors: Visitors) -> None:
    """Seller and staff read reserve and street; the others get the answer of no listing."""
    answers = {
        role: called(visitors[role], "get_listing_private", listing_id=market.ids["listing"])
        for role in Role
        if role is not Role.ANON
    }

    for role in (Role.SELLER, Role.STAFF):
        assert {"reserve_cents", "street"} == answers.pop(role).keys()
    assert {"LISTING_NOT_FOUND"} == {answer["code"] for answer in answers.values()}


def test_closing_is_answered_the_same_again(market: Market) -> None:
    """A sale names its order and split; a repeated call says that it was processed."""
    sale = {
        "success", "status", "order_id", "winning_bid_amount", "buyer_id", "seller_id",
        "platform_fee_cents", "seller_amount_cents",
    }  # fmt: skip
    service = market.shop.service

    again = service.call("end_auction", auction_id=market.ids["sold"])
    early = service.call("end_auction", auction_id=market.ids["live"])
    deadline = service.call("next_auction_deadline")
    batch = service.call("end_expired_auctions")

    assert sale | {"already_processed"} == again.keys()
    assert {"success", "code", "error", "ends_at"} == early.keys()
    assert {"next_at", "next_mark_at", "server_time"} == deadline.keys()
    assert {"success", "auctions_processed", "failed", "results", "lags_s"} == batch.keys()
