"""`staff_withdraw_bids`, `staff_remove_listing`: staff act on one auction."""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auction_row, listed, move_time
from tests.sql.moderation.staff_actions import REASON, audited
from tests.sql.writing import listing_of


def withdraw(staff: Actor, auction_id: UUID, bidder: Actor) -> Any:
    return staff.call(
        "staff_withdraw_bids", auction_id=auction_id, bidder_id=bidder.id, reason=REASON
    )


def remove(staff: Actor, listing_id: object) -> Any:
    return staff.call("staff_remove_listing", listing_id=listing_id, reason=REASON)


def notified(owner: Connection, *people: Actor) -> list[list[str]]:
    query = """
      select type from public.notifications
      where user_id = %s and type in ('bids_withdrawn', 'auction_cancelled')
    """
    return [[kind for (kind,) in owner.execute(query, [person.id])] for person in people]


def test_withdrawn_bidder_is_barred(
    owner: Connection, auction_id: UUID, *, alice: Actor, bob: Actor, seller: Actor,
    moderator: Actor,
) -> None:  # fmt: skip
    """The next bidder leads; a repeat changes nothing; the action is audited once."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    bob.call("place_bid", auction_id=auction_id, amount_cents=4000)

    for _ in range(2):
        assert {"success": True} == withdraw(moderator, auction_id, bob)

    row = auction_row(owner, auction_id)
    assert (1000, str(alice.id)) == (row["current_price_cents"], row["high_bidder_id"])
    bid = bob.call("place_bid", auction_id=auction_id, amount_cents=9000)
    assert "BIDDER_BLOCKED" == bid["code"]
    assert [("bids_withdrawn", "auctions", str(auction_id), REASON)] == audited(moderator)
    assert [["bids_withdrawn"], ["bids_withdrawn"], []] == notified(owner, seller, alice, bob)


def test_withdrawal_needs_bids_of_a_live_auction(
    owner: Connection, auction_id: UUID, *, alice: Actor, bob: Actor, moderator: Actor
) -> None:
    """A user without bids, and an auction that is over, are refused."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)

    assert "CONFLICT" == withdraw(moderator, auction_id, bob)["code"]
    owner.execute("select private.end_auction(%s, true)", [auction_id])
    assert "AUCTION_NOT_LIVE" == withdraw(moderator, auction_id, alice)["code"]
    assert [] == audited(moderator)


def test_staff_who_take_part_decide_nothing(
    owner: Connection, auction_id: UUID, listing_id: UUID, *, alice: Actor, bob: Actor,
    seller: Actor,
) -> None:  # fmt: skip
    """A seller or rival on the staff would decide for themselves."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    bob.call("place_bid", auction_id=auction_id, amount_cents=4000)
    owner.execute("update public.users set role = 'moderator'")

    for actor in (alice, bob, seller):
        staff = actor.with_second_factor()
        assert "FORBIDDEN" == withdraw(staff, auction_id, bob)["code"]
        assert "FORBIDDEN" == remove(staff, listing_id)["code"]


@pytest.mark.parametrize("has_bids", [False, True])
def test_removed_listing_is_cancelled(
    owner: Connection, auction_id: UUID, listing_id: UUID, *, alice: Actor, bob: Actor,
    seller: Actor, moderator: Actor, anonymous: Actor, has_bids: bool,
) -> None:  # fmt: skip
    """Staff remove a listing with and without bids; seller and bidders are notified once."""
    if has_bids:
        alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
        bob.call("place_bid", auction_id=auction_id, amount_cents=4000)
    version = auction_row(owner, auction_id)["version"]

    for _ in range(2):
        assert {"success": True} == remove(moderator, listing_id)

    row = auction_row(owner, auction_id)
    assert ("cancelled", version + 1) == (row["status"], row["version"])
    expected = ["auction_cancelled"] if has_bids else []
    assert [["auction_cancelled"], expected, expected] == notified(owner, seller, alice, bob)
    assert [("listing_removed", "listings", str(listing_id), REASON)] == audited(moderator)
    query = "select status::text from public.listings where id = %(id)s"
    assert [[], [("cancelled",)], [("cancelled",)]] == [
        actor.rows(query, id=listing_id) for actor in (anonymous, seller, moderator)
    ]
    bid = alice.call("place_bid", auction_id=auction_id, amount_cents=9000)
    assert "AUCTION_NOT_LIVE" == bid["code"]


def test_scheduled_listing_is_removed(owner: Connection, seller: Actor, moderator: Actor) -> None:
    """Staff remove a scheduled listing, which then never becomes live."""
    [(start_at,)] = owner.execute("select private.clock() + interval '1 hour'").fetchall()
    offered = listed(seller, start_at=start_at)

    assert {"success": True} == remove(moderator, offered["listing"]["id"])

    move_time(owner, "2 hours")
    assert [(0,)] == owner.execute("select private.activate_due_auctions(10)").fetchall()
    assert "cancelled" == auction_row(owner, UUID(offered["auction_id"]))["status"]


def test_sold_listing_is_over(
    owner: Connection, auction_id: UUID, listing_id: UUID, *, alice: Actor, moderator: Actor
) -> None:
    """A sold listing is not removed; an expired one without a close is."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    move_time(owner, "1 hour")
    owner.execute("savepoint expired")
    assert {"success": True} == remove(moderator, listing_id)
    owner.execute("rollback to expired")
    owner.execute("select private.end_auction(%s, false)", [auction_id])

    assert "LISTING_OVER" == remove(moderator, listing_id)["code"]
    assert [] == audited(moderator)


def test_cancellation_by_staff_is_audited(
    owner: Connection, auction_id: UUID, *, seller: Actor, moderator: Actor
) -> None:
    """cancel_listing takes no reason, but the log names the member of staff, not the seller."""
    listing_id = listing_of(owner, auction_id)

    assert moderator.call("cancel_listing", listing_id=listing_id)["success"]
    assert seller.call("cancel_listing", listing_id=listing_id)["success"]

    [(action, entity, entity_id, _)] = audited(moderator)
    assert ("listing_cancelled", "listings", str(listing_id)) == (action, entity, entity_id)
    assert [(1,)] == owner.execute("select count(*) from public.audit_logs").fetchall()
