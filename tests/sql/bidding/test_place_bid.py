"""`place_bid`: leader, price, receipts and notifications."""

import json
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auction_row, auctioned, move_time, set_setting


def levels(owner: Connection, auction_id: UUID, **people: Actor) -> list[tuple[str, int, bool]]:
    """Return the bids in their order: bidder, amount, and whether the system placed them."""
    names = {actor.id: name for name, actor in people.items()}
    query = """
      select bidder_id, amount_cents, is_proxy from public.bids
      where auction_id = %s order by seq
    """
    return [
        (names[bidder_id], cents, is_proxy)
        for bidder_id, cents, is_proxy in owner.execute(query, [auction_id])
    ]


def test_first_bid_leads_at_its_amount(auction_id: UUID, alice: Actor) -> None:
    """The first bidder leads at the amount bid, not at the maximum behind it."""
    receipt = alice.call(
        "place_bid", auction_id=auction_id, amount_cents=1100, max_proxy_cents=5000
    )

    assert (True, 1100) == (receipt["is_leading"], receipt["current_price_cents"])


def test_first_bid_may_be_the_start_price(auction_id: UUID, alice: Actor) -> None:
    """The first bid may equal the start price, and the system does not raise it (C19)."""
    receipt = alice.call("place_bid", auction_id=auction_id, amount_cents=1000)

    assert (1000, 1100) == (receipt["current_price_cents"], receipt["min_next_bid_cents"])


def test_lower_rival_lifts_the_price(
    owner: Connection, auction_id: UUID, alice: Actor, bob: Actor
) -> None:
    """The leader's proxy answers a lower maximum with one step above it.

    C21: rows are added, and the maximum stays secret.
    """
    alice.call("place_bid", auction_id=auction_id, amount_cents=1100, max_proxy_cents=5000)

    receipt = bob.call("place_bid", auction_id=auction_id, amount_cents=1500, max_proxy_cents=3000)

    assert (False, 3100) == (receipt["is_leading"], receipt["current_price_cents"])
    expected = [
        ("alice", 1100, False),
        ("bob", 1500, False),
        ("bob", 3000, True),
        ("alice", 3100, True),
    ]
    assert expected == levels(owner, auction_id, alice=alice, bob=bob)


def test_higher_rival_takes_the_lead(
    owner: Connection, auction_id: UUID, alice: Actor, bob: Actor
) -> None:
    """A higher maximum leads, one step above the beaten one, which is bid in full first."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1100, max_proxy_cents=4000)

    receipt = bob.call("place_bid", auction_id=auction_id, amount_cents=1200, max_proxy_cents=9000)

    assert (True, 4100) == (receipt["is_leading"], receipt["current_price_cents"])
    expected = [
        ("alice", 1100, False),
        ("bob", 1200, False),
        ("alice", 4000, True),
        ("bob", 4100, True),
    ]
    assert expected == levels(owner, auction_id, alice=alice, bob=bob)


def test_open_bid_above_all_is_the_price(
    owner: Connection, auction_id: UUID, alice: Actor, bob: Actor
) -> None:
    """The price is the open bid, where that is above the loser's maximum and a step."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1100)

    receipt = bob.call("place_bid", auction_id=auction_id, amount_cents=8000, max_proxy_cents=9000)

    assert (True, 8000) == (receipt["is_leading"], receipt["current_price_cents"])
    assert [("alice", 1100, False), ("bob", 8000, False)] == levels(
        owner, auction_id, alice=alice, bob=bob
    )


def test_winner_may_lead_by_less_than_a_step(auction_id: UUID, alice: Actor, bob: Actor) -> None:
    """The price does not exceed the leader's maximum, even less than a step above the loser's."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1100, max_proxy_cents=4000)

    receipt = bob.call("place_bid", auction_id=auction_id, amount_cents=1200, max_proxy_cents=4030)

    assert (True, 4030) == (receipt["is_leading"], receipt["current_price_cents"])


def test_of_two_equal_maxima_the_earlier_leads(
    owner: Connection, auction_id: UUID, alice: Actor, bob: Actor
) -> None:
    """Of two equal maxima the earlier leads, at the maximum itself (C17)."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1100, max_proxy_cents=4000)

    receipt = bob.call("place_bid", auction_id=auction_id, amount_cents=4000)

    assert (False, 4000) == (receipt["is_leading"], receipt["current_price_cents"])
    expected = [("alice", 1100, False), ("bob", 4000, False), ("alice", 4000, True)]
    assert expected == levels(owner, auction_id, alice=alice, bob=bob)


def test_own_raise_changes_nothing_that_rivals_see(
    owner: Connection, auction_id: UUID, alice: Actor
) -> None:
    """The leader's raise changes neither bids, price, version nor end."""
    first = alice.call("place_bid", auction_id=auction_id, amount_cents=1100)
    move_time(owner, "59 minutes")
    before = auction_row(owner, auction_id)

    raised = alice.call("place_bid", auction_id=auction_id, amount_cents=1100, max_proxy_cents=7000)

    assert before == auction_row(owner, auction_id)
    assert (first["bid_id"], first["seq"], 0) == (
        raised["bid_id"],
        raised["seq"],
        raised["extension_seconds"],
    )
    assert [("alice", 1100, False)] == levels(owner, auction_id, alice=alice)
    assert 7000 == alice.call("get_my_proxy", auction_id=auction_id)["max_cents"]


def test_own_raise_without_a_maximum_is_the_amount(auction_id: UUID, alice: Actor) -> None:
    """Without a maximum the amount becomes the new maximum, whatever the increment."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1100)

    alice.call("place_bid", auction_id=auction_id, amount_cents=1101)

    assert 1101 == alice.call("get_my_proxy", auction_id=auction_id)["max_cents"]


def test_own_raise_is_above_the_old_maximum(auction_id: UUID, alice: Actor) -> None:
    """A leader cannot lower the own maximum."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1100, max_proxy_cents=5000)

    refusal = alice.call("place_bid", auction_id=auction_id, amount_cents=5000)

    assert {
        "success": False,
        "code": "MAX_NOT_HIGHER",
        "error": "Your new maximum must be above your current maximum",
    } == refusal


def test_raise_outlives_the_rival_it_was_made_for(
    auction_id: UUID, alice: Actor, bob: Actor
) -> None:
    """A raised maximum defends the lead against every later rival."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1100)
    alice.call("place_bid", auction_id=auction_id, amount_cents=6000)

    receipt = bob.call("place_bid", auction_id=auction_id, amount_cents=5900)

    assert (False, 6000) == (receipt["is_leading"], receipt["current_price_cents"])


def test_outbid_bidder_returns(auction_id: UUID, alice: Actor, bob: Actor) -> None:
    """An outbid user may bid again, and does not compete with the own old maximum."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=2000)
    bob.call("place_bid", auction_id=auction_id, amount_cents=2500, max_proxy_cents=3000)

    receipt = alice.call(
        "place_bid", auction_id=auction_id, amount_cents=2600, max_proxy_cents=4000
    )

    assert (True, 3100) == (receipt["is_leading"], receipt["current_price_cents"])


def test_bid_below_the_reserve_stands(owner: Connection, seller: Actor, alice: Actor) -> None:
    """A bid below the reserve is accepted at its amount, and leaves the reserve unmet (C19)."""
    auction_id = auctioned(seller, reserve_cents=5000)

    receipt = alice.call(
        "place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=4999
    )

    assert (1000, False) == (receipt["current_price_cents"], receipt["reserve_met"])
    assert not auction_row(owner, auction_id)["reserve_met"]


def test_maximum_that_reaches_the_reserve_lifts_the_price(
    owner: Connection, seller: Actor, alice: Actor
) -> None:
    """A maximum that covers the reserve lifts the price to it, by an automatic bid."""
    auction_id = auctioned(seller, reserve_cents=5000)

    receipt = alice.call(
        "place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=5000
    )

    assert (5000, True) == (receipt["current_price_cents"], receipt["reserve_met"])
    assert [("alice", 1000, False), ("alice", 5000, True)] == levels(owner, auction_id, alice=alice)
    assert 1 == auction_row(owner, auction_id)["bid_count"]


def test_reserve_is_reached_by_the_one_who_defends(seller: Actor, alice: Actor, bob: Actor) -> None:
    """A leader whose maximum covers the reserve reaches it against a rival below it."""
    auction_id = auctioned(seller, reserve_cents=5000)
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=2000)

    receipt = bob.call("place_bid", auction_id=auction_id, amount_cents=1100, max_proxy_cents=6000)

    assert (True, 5000, True) == (
        receipt["is_leading"],
        receipt["current_price_cents"],
        receipt["reserve_met"],
    )


def test_raise_that_reaches_the_reserve_is_a_change_of_price(
    owner: Connection, seller: Actor, alice: Actor
) -> None:
    """A raise to the reserve adds an automatic bid, a version and time, and no counted bid."""
    auction_id = auctioned(seller, reserve_cents=5000, ends_in="10 minutes")
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    before = auction_row(owner, auction_id)
    move_time(owner, "9 minutes")

    receipt = alice.call("place_bid", auction_id=auction_id, amount_cents=9000)

    after = auction_row(owner, auction_id)
    assert (5000, True, 1, before["version"] + 1, 1) == (
        after["current_price_cents"],
        after["reserve_met"],
        after["bid_count"],
        after["version"],
        after["extension_count"],
    )
    assert (after["high_bid_id"], 2) == (receipt["bid_id"], receipt["seq"])
    assert [("alice", 1000, False), ("alice", 5000, True)] == levels(owner, auction_id, alice=alice)


@pytest.mark.parametrize(
    ("price_cents", "minimum_cents"), [(1000, 1100), (1200, 1300), (1350, 1450), (10000, 10500)]
)
def test_next_bid_is_a_step_higher(
    auction_id: UUID, alice: Actor, bob: Actor, price_cents: int, minimum_cents: int
) -> None:
    """A lower bid is answered with the minimum; a bid at the minimum stands (case 3)."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=price_cents)

    refusal = bob.call("place_bid", auction_id=auction_id, amount_cents=minimum_cents - 1)

    assert {
        "success": False,
        "code": "BID_TOO_LOW",
        "error": f"Minimum bid is ${minimum_cents / 100:.2f}",
        "minimum_bid_cents": minimum_cents,
    } == refusal
    assert bob.call("place_bid", auction_id=auction_id, amount_cents=minimum_cents)["success"]


def test_receipt_has_the_contracts_keys(auction_id: UUID, alice: Actor, bob: Actor) -> None:
    """The receipt has price, minimum and time left, so a client needs no second call."""
    first = alice.call("place_bid", auction_id=auction_id, amount_cents=1100)

    receipt = bob.call("place_bid", auction_id=auction_id, amount_cents=1200, max_proxy_cents=2000)

    expected = {
        "success": True,
        "amount_cents": 1200,
        "is_proxy_bid": True,
        "outbid_previous": True,
        "previous_bidder_id": str(alice.id),
        "previous_amount_cents": 1100,
        "extension_seconds": 0,
        "is_leading": True,
        "current_price_cents": 1200,
        "min_next_bid_cents": 1300,
        "reserve_met": True,
        "version": first["version"] + 1,
        "seq": 2,
        "new_end_at": first["end_at"],
        "end_at": first["end_at"],
        "received_at": receipt["server_time"],
        "idempotent": False,
    }
    assert expected == {key: receipt[key] for key in expected}
    others = {"bid_id", "server_time", "time_left_ms", "hash", "salt"}
    assert others == receipt.keys() - expected.keys()
    assert 3_590_000 < receipt["time_left_ms"] <= 3_600_000


def test_repeated_bid_gets_its_first_receipt(
    owner: Connection, auction_id: UUID, alice: Actor
) -> None:
    """A repeated bid counts once and gets the first receipt, after the end and at any price."""
    bid = {"auction_id": auction_id, "amount_cents": 1100, "client_bid_id": uuid4()}
    receipt = alice.call("place_bid", **bid)
    move_time(owner, "1 hour")

    assert receipt | {"idempotent": True} == alice.call("place_bid", **bid)
    assert receipt | {"idempotent": True} == alice.call("place_bid", **bid | {"amount_cents": 1})
    assert [("alice", 1100, False)] == levels(owner, auction_id, alice=alice)


def test_repeated_raise_gets_its_first_receipt(auction_id: UUID, alice: Actor) -> None:
    """A repeated raise gets the first receipt, although a second raise would be refused."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1100)
    bid = {"auction_id": auction_id, "amount_cents": 2000, "client_bid_id": uuid4()}
    receipt = alice.call("place_bid", **bid)

    assert receipt | {"idempotent": True} == alice.call("place_bid", **bid)


def test_key_belongs_to_one_auction(seller: Actor, auction_id: UUID, alice: Actor) -> None:
    """A key that was used in another auction is refused."""
    bid = {"amount_cents": 1100, "client_bid_id": uuid4()}
    alice.call("place_bid", auction_id=auction_id, **bid)

    refusal = alice.call("place_bid", auction_id=auctioned(seller), **bid)

    assert {
        "success": False,
        "code": "REQUEST_ID_REUSED",
        "error": "This request id was used for something else",
    } == refusal


def test_key_belongs_to_one_bidder(auction_id: UUID, alice: Actor, bob: Actor) -> None:
    """Another bidder's key has no effect on a bid."""
    key = uuid4()
    alice.call("place_bid", auction_id=auction_id, amount_cents=1100, client_bid_id=key)

    receipt = bob.call("place_bid", auction_id=auction_id, amount_cents=1200, client_bid_id=key)

    assert (False, 1200) == (receipt["idempotent"], receipt["amount_cents"])


def test_one_update_carries_all_that_is_live(
    owner: Connection, auction_id: UUID, alice: Actor, bob: Actor
) -> None:
    """The auction's row and its listing's snapshot agree, and the ids are right.

    The first backend served the id of the bid as the bidder's (D2).
    """
    alice.call("place_bid", auction_id=auction_id, amount_cents=1100, max_proxy_cents=4000)
    before = auction_row(owner, auction_id)

    bob.call("place_bid", auction_id=auction_id, amount_cents=2000)

    after = auction_row(owner, auction_id)
    [high_bid_id] = owner.execute(
        "select id from public.bids where bidder_id = %s and amount_cents = 2100", [alice.id]
    ).fetchone() or [None]
    expected = {
        "current_price_cents": 2100,
        "min_next_bid_cents": 2200,
        "bid_count": 2,
        "high_bid_id": str(high_bid_id),
        "high_bidder_id": str(alice.id),
        "version": before["version"] + 1,
    }
    assert expected == {key: after[key] for key in expected}
    query = "select current_bid_cents, bid_count, to_jsonb(end_at) #>> '{}' from public.listings"
    assert [(2100, 2, after["end_at"])] == owner.execute(query).fetchall()


def test_outbid_leader_is_told(
    owner: Connection, auction_id: UUID, alice: Actor, bob: Actor
) -> None:
    """Only the former leader is notified, of the new price and not of the maximum."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1100)

    bob.call("place_bid", auction_id=auction_id, amount_cents=1200, max_proxy_cents=7777)

    query = (
        "select user_id, message, metadata::text from public.notifications where type = 'outbid'"
    )
    [(user_id, message, metadata)] = owner.execute(query).fetchall()
    assert (alice.id, "A teapot of blue enamel is at $12.00 now.") == (user_id, message)
    assert "7777" not in message + metadata


def test_beaten_challenger_is_not_told(
    owner: Connection, auction_id: UUID, alice: Actor, bob: Actor
) -> None:
    """A bidder who is beaten at once reads that in the receipt, and is not notified."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1100, max_proxy_cents=7777)

    bob.call("place_bid", auction_id=auction_id, amount_cents=1200)

    query = "select 1 from public.notifications where type = 'outbid'"
    assert [] == owner.execute(query).fetchall()


def test_raises_of_a_day_are_limited(owner: Connection, auction_id: UUID, alice: Actor) -> None:
    """Each raise is a row of the log, which anybody must be able to read in one answer."""
    limits = {
        "place_bid": {"max": 10, "window_s": 60},
        "raise_maximum": {"max": 2, "window_s": 86_400},
    }
    set_setting(owner, "rate_limits", json.dumps(limits))
    for cents in range(1000, 1003):
        assert alice.call("place_bid", auction_id=auction_id, amount_cents=cents)["success"]

    refusal = alice.call("place_bid", auction_id=auction_id, amount_cents=1003)

    assert "RATE_LIMITED" == refusal["code"]
    assert 0 < refusal["retry_after_ms"] <= 86_400_000


def test_eleventh_bid_of_a_minute_is_refused(
    owner: Connection, auction_id: UUID, alice: Actor
) -> None:
    """The eleventh bid of a minute is refused; a repeated call is not counted."""
    key = uuid4()
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, client_bid_id=key)
    for cents in range(1001, 1010):
        assert alice.call("place_bid", auction_id=auction_id, amount_cents=cents)["success"]

    refusal = alice.call("place_bid", auction_id=auction_id, amount_cents=1010)

    assert ("RATE_LIMITED", "Too many requests. Please slow down.") == (
        refusal["code"],
        refusal["error"],
    )
    assert 0 < refusal["retry_after_ms"] <= 60_000
    repeat = alice.call("place_bid", auction_id=auction_id, amount_cents=1000, client_bid_id=key)
    assert repeat["idempotent"]
    move_time(owner, "1 minute")
    assert alice.call("place_bid", auction_id=auction_id, amount_cents=1010)["success"]
