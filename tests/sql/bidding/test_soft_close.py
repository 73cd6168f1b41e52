"""`place_bid`: a late bid moves the end."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auction_row, auctioned, hold_clock, move_time, set_setting


@pytest.mark.usefixtures("held_clock")
def test_late_bid_moves_the_end(owner: Connection, auction_id: UUID, alice: Actor) -> None:
    """With 10 s to go, auction and listing end 300 s after the bid (A5, D2, case 4)."""
    before = auction_row(owner, auction_id)
    move_time(owner, "59 minutes 50 seconds")

    receipt = alice.call("place_bid", auction_id=auction_id, amount_cents=1100)

    after = auction_row(owner, auction_id)
    end_at = datetime.fromisoformat(receipt["received_at"]) + timedelta(seconds=300)
    moved = end_at - datetime.fromisoformat(before["end_at"])
    assert end_at == datetime.fromisoformat(after["end_at"])
    assert (moved, receipt["end_at"], before["end_at"], 1) == (
        timedelta(seconds=receipt["extension_seconds"]),
        receipt["new_end_at"],
        after["scheduled_end_at"],
        after["extension_count"],
    )
    [(listing_end_at,)] = owner.execute("select end_at from public.listings").fetchall()
    assert end_at == listing_end_at
    assert 0 < receipt["time_left_ms"] <= 10_000


def test_bid_before_the_window_moves_nothing(
    owner: Connection, auction_id: UUID, alice: Actor
) -> None:
    """With more than 300 s to go the end stays."""
    before = auction_row(owner, auction_id)
    move_time(owner, "54 minutes")

    receipt = alice.call("place_bid", auction_id=auction_id, amount_cents=1100)

    after = auction_row(owner, auction_id)
    assert (before["end_at"], 0, 0) == (
        after["end_at"],
        after["extension_count"],
        receipt["extension_seconds"],
    )


def test_bid_that_is_beaten_at_once_moves_the_end(
    owner: Connection, auction_id: UUID, alice: Actor, bob: Actor
) -> None:
    """A bid that is beaten at once moves the end too, because it moves the price."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1100, max_proxy_cents=9000)
    move_time(owner, "59 minutes")

    receipt = bob.call("place_bid", auction_id=auction_id, amount_cents=2000)

    assert 240 <= receipt["extension_seconds"] < 300


def test_own_raise_in_the_window_moves_nothing(
    owner: Connection, auction_id: UUID, alice: Actor
) -> None:
    """A raise of the leader's own maximum moves no end (case 4)."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1100)
    move_time(owner, "59 minutes")

    receipt = alice.call("place_bid", auction_id=auction_id, amount_cents=9000)

    assert 0 == receipt["extension_seconds"]


def test_end_moves_up_to_its_cap(owner: Connection, seller: Actor, alice: Actor) -> None:
    """At the cap a bid still counts, and moves nothing (case 4)."""
    set_setting(owner, "snipe_max_total_s", "120")
    auction_id = auctioned(seller, ends_in="1 minute")
    scheduled = datetime.fromisoformat(auction_row(owner, auction_id)["scheduled_end_at"])

    first = alice.call("place_bid", auction_id=auction_id, amount_cents=1000)

    assert scheduled + timedelta(seconds=120) == datetime.fromisoformat(first["end_at"])
    bob_auction = auction_row(owner, auction_id)
    move_time(owner, "2 minutes")
    owner.execute("delete from private.rate_limits")
    second = alice.call("place_bid", auction_id=auction_id, amount_cents=1001)
    assert (True, 0, bob_auction["end_at"]) == (
        second["success"],
        second["extension_seconds"],
        auction_row(owner, auction_id)["end_at"],
    )


def test_rival_at_the_cap_still_counts(
    owner: Connection, seller: Actor, alice: Actor, bob: Actor
) -> None:
    """The lead changes at the cap, with an extension of 0 that is not counted as one."""
    set_setting(owner, "snipe_max_total_s", "120")
    auction_id = auctioned(seller, ends_in="1 minute")
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)

    receipt = bob.call("place_bid", auction_id=auction_id, amount_cents=1100)

    assert (True, 0) == (receipt["is_leading"], receipt["extension_seconds"])
    assert 1 == auction_row(owner, auction_id)["extension_count"]


def test_window_and_length_are_settings(owner: Connection, seller: Actor, alice: Actor) -> None:
    """Window and length are settings; the demo sets 3 s."""
    hold_clock(owner)
    set_setting(owner, "snipe_window_s", "3")
    set_setting(owner, "snipe_extend_s", "3")
    auction_id = auctioned(seller, ends_in="20 seconds")
    move_time(owner, "18 seconds")

    receipt = alice.call("place_bid", auction_id=auction_id, amount_cents=1100)

    assert 0 < receipt["extension_seconds"] <= 3
