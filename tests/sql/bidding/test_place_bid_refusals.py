"""`place_bid`: the users, times and auctions that it refuses."""

from typing import LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor, no_one
from tests.sql.auctioning import auctioned, listed, move_time


@pytest.fixture
def scheduled_id(owner: Connection, seller: Actor) -> UUID:
    """Schedule an auction for tomorrow."""
    [(start_at,)] = owner.execute("select private.clock() + interval '1 day'").fetchall()
    return UUID(listed(seller, start_at=start_at)["auction_id"])


def test_refusal_is_not_kept(owner: Connection, auction_id: UUID, alice: Actor) -> None:
    """A refused call may be repeated under its id once the reason is gone."""
    bid = {"auction_id": auction_id, "amount_cents": 1100, "client_bid_id": uuid4()}
    owner.execute("update public.users set kyc = 'pending'")
    assert "KYC_REQUIRED" == alice.call("place_bid", **bid)["code"]

    owner.execute("update public.users set kyc = 'passed'")

    assert False is alice.call("place_bid", **bid)["idempotent"]


def test_first_bid_below_the_start_price_leaves_no_trace(
    owner: Connection, auction_id: UUID, alice: Actor
) -> None:
    """A first bid below the start price is refused, and leaves no row (C19)."""
    refusal = alice.call(
        "place_bid", auction_id=auction_id, amount_cents=999, client_bid_id=uuid4()
    )

    assert (False, "BID_TOO_LOW") == (refusal["success"], refusal["code"])
    query = """
      select (select count(*) from public.bids), (select count(*) from private.proxy_bids),
        (select count(*) from private.bid_receipts)
    """
    assert [(0, 0, 0)] == owner.execute(query).fetchall()


def test_bid_at_the_end_is_refused(owner: Connection, auction_id: UUID, alice: Actor) -> None:
    """A bid at the end is refused, although the status is still live (case 4)."""
    move_time(owner, "1 hour")

    refusal = alice.call("place_bid", auction_id=auction_id, amount_cents=1100)

    assert {"success": False, "code": "AUCTION_ENDED", "error": "Auction has ended"} == refusal


def test_bid_on_a_scheduled_auction_is_refused(scheduled_id: UUID, alice: Actor) -> None:
    """A scheduled auction takes no bids (C19)."""
    refusal = alice.call("place_bid", auction_id=scheduled_id, amount_cents=1100)

    assert {"success": False, "code": "AUCTION_NOT_LIVE", "error": "Auction is not live"} == refusal


def test_bid_on_a_closed_auction_is_refused(auction_id: UUID, alice: Actor, service: Actor) -> None:
    """A closed auction takes no bids, even if force closed it before its end."""
    service.call("end_auction", auction_id=auction_id, force=True)

    refusal = alice.call("place_bid", auction_id=auction_id, amount_cents=1100)

    assert "AUCTION_NOT_LIVE" == refusal["code"]


def test_bid_on_nothing_is_refused(alice: Actor) -> None:
    """An unknown id gets a refusal and no error."""
    refusal = alice.call("place_bid", auction_id=uuid4(), amount_cents=1100)

    assert {"success": False, "code": "AUCTION_NOT_FOUND", "error": "Auction not found"} == refusal


@pytest.mark.parametrize(
    ("amount_cents", "max_cents", "code"),
    [
        (None, None, "BAD_AMOUNT"),
        (99, None, "BAD_AMOUNT"),
        (-5000, None, "BAD_AMOUNT"),
        (10**8, None, "BAD_AMOUNT"),
        (1100, 10**8, "BAD_AMOUNT"),
        (2**63 - 1, None, "BAD_AMOUNT"),
        (1100, 1099, "MAX_BELOW_AMOUNT"),
        (1100, 0, "MAX_BELOW_AMOUNT"),
    ],
)
def test_impossible_amount_is_refused(
    auction_id: UUID, alice: Actor, amount_cents: int, max_cents: int | None, code: str
) -> None:
    """Bid and maximum must be collectable prices, and the maximum not below the bid."""
    refusal = alice.call(
        "place_bid", auction_id=auction_id, amount_cents=amount_cents, max_proxy_cents=max_cents
    )

    assert code == refusal["code"]


def test_the_highest_price_can_be_bid(auction_id: UUID, alice: Actor, bob: Actor) -> None:
    """The highest amount of money may be bid, and no later bid can reach the next minimum."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=99_999_999)

    refusal = bob.call("place_bid", auction_id=auction_id, amount_cents=99_999_999)

    assert ("BID_TOO_LOW", 100_024_999, "Minimum bid is $1000249.99") == (
        refusal["code"],
        refusal["minimum_bid_cents"],
        refusal["error"],
    )


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        (
            "update public.users set kyc = 'pending'",
            ("KYC_REQUIRED", "KYC verification required to bid"),
        ),
        (
            "update public.users set suspended_at = private.clock()",
            ("USER_SUSPENDED", "Your account is suspended"),
        ),
        (
            "update public.users set deleted_at = private.clock()",
            ("PROFILE_NOT_FOUND", "User profile not found"),
        ),
    ],
)
def test_bidder_must_be_in_good_standing(
    owner: Connection,
    auction_id: UUID,
    alice: Actor,
    change: LiteralString,
    refused: tuple[str, str],
) -> None:
    """Only people who are verified and not suspended may bid."""
    owner.execute(change)

    refusal = alice.call("place_bid", auction_id=auction_id, amount_cents=1100)

    assert refused == (refusal["code"], refusal["error"])


def test_bidder_must_have_a_profile(owner: Connection, auction_id: UUID) -> None:
    """A token without a profile places no bid, with a key or without."""
    refusal = no_one(owner, "stray").call(
        "place_bid", auction_id=auction_id, amount_cents=1100, client_bid_id=uuid4()
    )

    assert "PROFILE_NOT_FOUND" == refusal["code"]


def test_seller_cannot_bid(auction_id: UUID, seller: Actor) -> None:
    """Sellers cannot bid up their own price (B4)."""
    refusal = seller.call("place_bid", auction_id=auction_id, amount_cents=1100)

    assert {
        "success": False,
        "code": "OWN_LISTING",
        "error": "You cannot bid on your own listing",
    } == refusal


def test_bidder_with_three_strikes_is_blocked(
    owner: Connection, seller: Actor, service: Actor, auction_id: UUID, alice: Actor
) -> None:
    """A user with three strikes cannot bid until they expire."""
    for _ in range(3):
        won_id = auctioned(seller)
        alice.call("place_bid", auction_id=won_id, amount_cents=1000)
        service.call("end_auction", auction_id=won_id, force=True)
    owner.execute("""
      insert into public.user_strikes (user_id, order_id, reason, expires_at)
      select buyer_id, id, 'unpaid', private.clock() + interval '180 days' from public.orders
    """)

    refusal = alice.call("place_bid", auction_id=auction_id, amount_cents=1100)

    assert {
        "success": False,
        "code": "BIDDER_BLOCKED",
        "error": "Too many unpaid purchases. Contact support",
    } == refusal
    owner.execute("update public.user_strikes set expires_at = private.clock()")
    assert alice.call("place_bid", auction_id=auction_id, amount_cents=1100)["success"]


def test_only_signed_in_users_bid(auction_id: UUID, anonymous: Actor, service: Actor) -> None:
    """Neither visitors nor our own processes may execute the function."""
    for actor in (anonymous, service):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call("place_bid", auction_id=auction_id, amount_cents=1100)


@pytest.mark.parametrize(
    "write",
    [
        """
          insert into public.bids (auction_id, bidder_id, amount_cents, placed_at, seq)
          select %(auction_id)s, %(user_id)s, 1100, now(), 1
        """,
        "update public.bids set amount_cents = 1",
        "delete from public.bids",
        "update public.auctions set high_bidder_id = %(user_id)s",
        "select from private.proxy_bids",
        "select from private.bid_receipts",
    ],
)
def test_nobody_writes_bids_directly(
    auction_id: UUID, alice: Actor, bob: Actor, anonymous: Actor, write: LiteralString
) -> None:
    """Nobody writes bids directly, so each passes the checks of place_bid (B4)."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1100)

    for actor in (bob, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.change(write, auction_id=auction_id, user_id=bob.id)


def test_live_maximum_and_unmet_reserve_are_hidden(seller: Actor, alice: Actor, bob: Actor) -> None:
    """No row, receipt, refusal or notification of a rival has a maximum or the reserve (B18)."""
    auction_id = auctioned(seller, reserve_cents=8_888_888)
    alice.call("place_bid", auction_id=auction_id, amount_cents=1100, max_proxy_cents=7_777_777)

    answers = [
        bob.call("place_bid", auction_id=auction_id, amount_cents=1100),
        bob.call("place_bid", auction_id=auction_id, amount_cents=1500),
        bob.call("get_auction_state", auction_id=auction_id),
        bob.call("get_my_proxy", auction_id=auction_id),
        bob.rows("select to_jsonb(a) from public.auctions as a"),
        bob.rows("select to_jsonb(l) from public.listings as l"),
        bob.rows("select to_jsonb(b) from public.bids as b"),
        bob.rows("select to_jsonb(n) from public.notifications as n"),
    ]

    assert "7777777" not in str(answers)
    assert "8888888" not in str(answers)


def test_maximum_is_ones_own(auction_id: UUID, alice: Actor, bob: Actor) -> None:
    """`get_my_proxy` returns the caller's own maximum, and null without one."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1100, max_proxy_cents=5000)

    mine = alice.call("get_my_proxy", auction_id=auction_id)

    assert (str(auction_id), 5000, True) == (
        mine["auction_id"],
        mine["max_cents"],
        mine["is_leading"],
    )
    assert {"auction_id", "max_cents", "is_leading", "updated_at"} == mine.keys()
    assert bob.call("get_my_proxy", auction_id=auction_id) is None


def test_deleted_user_has_no_maximum(owner: Connection, auction_id: UUID, alice: Actor) -> None:
    """`get_my_proxy` refuses a token that outlives its account, as `place_bid` does."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1100, max_proxy_cents=5000)
    owner.execute("update public.users set deleted_at = private.clock() where id = %s", [alice.id])

    refusal = alice.call("get_my_proxy", auction_id=auction_id)

    expected = {"success": False, "code": "PROFILE_NOT_FOUND", "error": "User profile not found"}
    assert expected == refusal
