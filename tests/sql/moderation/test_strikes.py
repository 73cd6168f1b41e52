"""`user_strikes`: broken promises, and how long they count."""

from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auctioned, move_time
from tests.sql.paying import moved, ordered


def points(owner: Connection, user: Actor) -> object:
    query = "select private.live_strike_points(%s, private.clock())"
    return owner.execute(query, [user.id]).fetchall()[0][0]


def test_strike_counts_for_its_time(owner: Connection, order_id: UUID, alice: Actor) -> None:
    """A strike expires after 180 days."""
    moved(owner, order_id, "cancelled", "buyer")
    assert 1 == points(owner, alice)
    move_time(owner, "179 days")
    assert 1 == points(owner, alice)

    move_time(owner, "2 days")

    assert 0 == points(owner, alice)


def test_order_gives_one_strike_for_one_reason(
    owner: Connection, order_id: UUID, alice: Actor
) -> None:
    """An order gives one strike for one reason."""
    for _ in range(2):
        owner.execute(
            "select private.strike(%s, %s, 'unpaid', private.clock())", [alice.id, order_id]
        )

    assert 1 == points(owner, alice)


def test_third_strike_blocks_the_bidder(
    owner: Connection, order_id: UUID, seller: Actor, alice: Actor
) -> None:
    """A user with three strikes cannot bid until one has expired."""
    for lapsed in (order_id, ordered(seller, alice), ordered(seller, alice)):
        moved(owner, lapsed, "cancelled", "system")
    auction_id = auctioned(seller, ends_in="200 days")

    refusal = alice.call("place_bid", auction_id=auction_id, amount_cents=5_000)

    assert "BIDDER_BLOCKED" == refusal["code"]
    move_time(owner, "181 days")
    assert alice.call("place_bid", auction_id=auction_id, amount_cents=5_000)["success"]


def test_strikes_are_for_who_has_them_and_staff(
    owner: Connection, order_id: UUID, *, alice: Actor, bob: Actor, seller: Actor, moderator: Actor
) -> None:
    """A user reads the own strikes, staff read all, and the other party none."""
    moved(owner, order_id, "cancelled", "buyer")
    query = "select reason, points from public.user_strikes"

    for actor in (alice, moderator):
        assert [("unpaid", 1)] == actor.rows(query)
    for actor in (bob, seller):
        assert [] == actor.rows(query)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        alice.change("delete from public.user_strikes")
