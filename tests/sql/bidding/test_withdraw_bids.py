"""`withdraw_bids`: price and leader follow from the maxima that remain."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auction_row, auctioned, move_time


def withdraw(owner: Connection, auction_id: UUID, *people: Actor) -> bool:
    """Withdraw the bids of `people`; return whether there were any."""
    query = "select private.withdraw_bids(%s, %s, null, 'Shill bidding')"
    ids = [person.id for person in people]
    [(answer,)] = owner.execute(query, [auction_id, ids]).fetchall()
    return bool(answer)


def bids(owner: Connection, auction_id: UUID, **people: Actor) -> list[tuple[str, int, bool, bool]]:
    """Return the bids in their order: bidder, amount, is_proxy, accepted."""
    names = {actor.id: name for name, actor in people.items()}
    query = """
      select bidder_id, amount_cents, is_proxy, accepted from public.bids
      where auction_id = %s order by seq
    """
    return [(names[row[0]], *row[1:]) for row in owner.execute(query, [auction_id])]


def standing(owner: Connection, auction_id: UUID) -> dict[str, Any]:
    """Return the values of an auction that a withdrawal may change."""
    row = auction_row(owner, auction_id)
    keys = ("current_price_cents", "min_next_bid_cents", "high_bidder_id", "bid_count")
    return {key: row[key] for key in (*keys, "reserve_met", "version")}


def notified(owner: Connection, actor: Actor) -> list[str]:
    query = "select type from public.notifications where user_id = %s and type = 'bids_withdrawn'"
    return [kind for (kind,) in owner.execute(query, [actor.id])]


def test_leader_without_bids_leaves_the_lead_to_the_next(
    owner: Connection, auction_id: UUID, seller: Actor, alice: Actor, bob: Actor, carol: Actor
) -> None:
    """The next highest maximum leads, a step above the following one."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=2000)
    bob.call("place_bid", auction_id=auction_id, amount_cents=2100, max_proxy_cents=4000)
    carol.call("place_bid", auction_id=auction_id, amount_cents=2200, max_proxy_cents=9000)
    version = auction_row(owner, auction_id)["version"]

    assert withdraw(owner, auction_id, carol)

    assert {
        "current_price_cents": 2100,
        "min_next_bid_cents": 2200,
        "high_bidder_id": str(bob.id),
        "bid_count": 2,
        "reserve_met": True,
        "version": version + 1,
    } == standing(owner, auction_id)
    assert [
        ("alice", 1000, False, True),
        ("bob", 2100, False, True),
        ("alice", 2000, True, True),
        ("carol", 2200, False, False),
        ("bob", 4000, True, False),
        ("carol", 4100, True, False),
    ] == bids(owner, auction_id, alice=alice, bob=bob, carol=carol)
    assert [(2100, 2)] == owner.execute(
        "select current_bid_cents, bid_count from public.listings"
    ).fetchall()
    kinds = [notified(owner, person) for person in (seller, bob, alice, carol)]
    assert [["bids_withdrawn"], ["bids_withdrawn"], [], []] == kinds


def test_underbidder_without_bids_lowers_the_price(
    owner: Connection, auction_id: UUID, seller: Actor, alice: Actor, bob: Actor
) -> None:
    """The leader stays, at the own open bid, and only the seller is notified."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=9000)
    bob.call("place_bid", auction_id=auction_id, amount_cents=2000)

    assert withdraw(owner, auction_id, bob)

    row = auction_row(owner, auction_id)
    assert (1000, 1100, str(alice.id)) == (
        row["current_price_cents"],
        row["min_next_bid_cents"],
        row["high_bidder_id"],
    )
    assert [
        ("alice", 1000, False, True),
        ("bob", 2000, False, False),
        ("alice", 2100, True, False),
    ] == bids(owner, auction_id, alice=alice, bob=bob)
    assert ([], ["bids_withdrawn"]) == (notified(owner, alice), notified(owner, seller))


def test_last_bidder_without_bids_leaves_the_auction_as_it_began(
    owner: Connection, seller: Actor, alice: Actor
) -> None:
    """Without any bid the auction has its start price, no leader, and an unmet reserve."""
    auction_id = auctioned(seller, reserve_cents=5000)
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=9000)
    assert auction_row(owner, auction_id)["reserve_met"]

    assert withdraw(owner, auction_id, alice)

    assert {
        "current_price_cents": 1000,
        "min_next_bid_cents": 1000,
        "high_bidder_id": None,
        "bid_count": 0,
        "reserve_met": False,
        "version": 3,
    } == standing(owner, auction_id)
    assert [(None, 0)] == owner.execute(
        "select current_bid_cents, bid_count from public.listings"
    ).fetchall()


def test_price_stays_at_a_reserve_that_is_still_met(
    owner: Connection, seller: Actor, alice: Actor, bob: Actor
) -> None:
    """The leader's maximum reaches the reserve, so the price does not fall below it."""
    auction_id = auctioned(seller, reserve_cents=3000)
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=6000)
    bob.call("place_bid", auction_id=auction_id, amount_cents=5000)

    withdraw(owner, auction_id, bob)

    row = auction_row(owner, auction_id)
    assert (3000, True) == (row["current_price_cents"], row["reserve_met"])


def test_bidder_may_reach_a_withdrawn_amount_again(
    owner: Connection, auction_id: UUID, alice: Actor, bob: Actor, carol: Actor
) -> None:
    """A bidder may reach the amount of an own automatic bid that a withdrawal removed."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=9000)
    bob.call("place_bid", auction_id=auction_id, amount_cents=2000)
    withdraw(owner, auction_id, bob)

    receipt = carol.call("place_bid", auction_id=auction_id, amount_cents=2000)

    assert (True, 2100) == (receipt["success"], receipt["current_price_cents"])
    rows = bids(owner, auction_id, alice=alice, bob=bob, carol=carol)
    assert [("alice", 2100, True, False), ("alice", 2100, True, True)] == [
        row for row in rows if row[1] == 2100
    ]


def test_bidder_without_bids_is_barred_from_this_auction_alone(
    owner: Connection, seller: Actor, auction_id: UUID, alice: Actor
) -> None:
    """A bidder whose bids were withdrawn may bid in other auctions only."""
    other_id = auctioned(seller)
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    withdraw(owner, auction_id, alice)

    refusal = alice.call("place_bid", auction_id=auction_id, amount_cents=2000)

    assert (False, "BIDDER_BLOCKED") == (refusal["success"], refusal["code"])
    assert alice.call("place_bid", auction_id=other_id, amount_cents=1000)["success"]


def test_receipt_of_a_withdrawn_bid_is_still_answered(
    owner: Connection, auction_id: UUID, alice: Actor
) -> None:
    """A repeated call gets the first receipt, and get_my_proxy returns null."""
    bid = {"auction_id": auction_id, "amount_cents": 1000, "client_bid_id": uuid4()}
    receipt = alice.call("place_bid", **bid)
    withdraw(owner, auction_id, alice)

    repeat = alice.call("place_bid", **bid)

    assert receipt | {"idempotent": True} == repeat
    assert alice.call("get_my_proxy", auction_id=auction_id) is None


def test_state_follows_a_withdrawal(
    owner: Connection, auction_id: UUID, anonymous: Actor, alice: Actor, bob: Actor
) -> None:
    """A client that reconnects reads the lower price under a higher version."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    receipt = bob.call("place_bid", auction_id=auction_id, amount_cents=4000)

    withdraw(owner, auction_id, bob)

    state = anonymous.call("get_auction_state", auction_id=auction_id)
    assert (1000, 1100, 1, str(alice.id), receipt["version"] + 1) == (
        state["current_price_cents"],
        state["min_next_bid_cents"],
        state["bid_count"],
        state["high_bidder_id"],
        state["version"],
    )
    assert [(alice.id,)] == anonymous.rows("select bidder_id from public.bids where accepted")


def test_second_withdrawal_changes_nothing(
    owner: Connection, auction_id: UUID, seller: Actor, alice: Actor, bob: Actor
) -> None:
    """A second withdrawal changes no version and notifies nobody; nor does one without bids."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    withdraw(owner, auction_id, alice)
    before = auction_row(owner, auction_id)

    assert not withdraw(owner, auction_id, alice)
    assert not withdraw(owner, auction_id, bob)
    assert not withdraw(owner, uuid4(), alice)

    assert before == auction_row(owner, auction_id)
    assert ["bids_withdrawn"] == notified(owner, seller)
    assert [(1,)] == owner.execute("select count(*) from private.bid_withdrawals").fetchall()


def test_withdrawal_moves_no_end(
    owner: Connection, auction_id: UUID, alice: Actor, bob: Actor
) -> None:
    """A withdrawal does not move the end."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    bob.call("place_bid", auction_id=auction_id, amount_cents=2000)
    move_time(owner, "59 minutes")
    before = auction_row(owner, auction_id)["end_at"]

    withdraw(owner, auction_id, bob)

    assert before == auction_row(owner, auction_id)["end_at"]


def test_closed_auction_keeps_its_bids(
    owner: Connection, auction_id: UUID, alice: Actor, service: Actor
) -> None:
    """The bids of a closed auction are not withdrawn."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    service.call("end_auction", auction_id=auction_id, force=True)
    before = auction_row(owner, auction_id)

    assert not withdraw(owner, auction_id, alice)

    assert before == auction_row(owner, auction_id)


def test_high_bid_is_an_accepted_one(owner: Connection, auction_id: UUID, alice: Actor) -> None:
    """A trigger refuses a high bid that was withdrawn."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    owner.execute("update public.bids set accepted = false")

    with pytest.raises(psycopg.errors.ForeignKeyViolation), owner.transaction():
        owner.execute("update public.auctions set high_bid_id = high_bid_id")


def test_clients_withdraw_nothing(auction_id: UUID, alice: Actor, service: Actor) -> None:
    """Only functions with the owner's rights withdraw bids."""
    for actor in (alice, service):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.rows(
                "select private.withdraw_bids(%(id)s, '{}', null, 'No reason')", id=auction_id
            )
