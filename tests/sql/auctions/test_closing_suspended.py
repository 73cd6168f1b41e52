"""`end_expired_auctions` and `end_auction`: suspended and deleted users neither win nor sell."""

from typing import LiteralString
from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auction_row, move_time


WAYS_OUT: list[LiteralString] = ["suspended_at", "deleted_at"]


def shut_out(owner: Connection, actor: Actor, way_out: LiteralString) -> None:
    """Suspend or delete a user."""
    owner.execute(
        f"update public.users set {way_out} = private.clock() where id = %s",  # noqa: S608 - a name from the list above
        [actor.id],
    )


def notified(owner: Connection, actor: Actor) -> list[str]:
    query = "select type from public.notifications where user_id = %s order by type"
    return [kind for (kind,) in owner.execute(query, [actor.id])]


@pytest.mark.parametrize("way_out", WAYS_OUT)
@pytest.mark.parametrize("is_forced", [False, True])
def test_leader_who_is_out_does_not_win(
    owner: Connection,
    auction_id: UUID,
    *,
    alice: Actor,
    bob: Actor,
    seller: Actor,
    service: Actor,
    way_out: LiteralString,
    is_forced: bool,
) -> None:
    """The close withdraws a suspended leader's bids, and the next bidder buys at the own price."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1500, max_proxy_cents=2000)
    bob.call("place_bid", auction_id=auction_id, amount_cents=2100, max_proxy_cents=9000)
    shut_out(owner, bob, way_out)
    if not is_forced:
        move_time(owner, "1 hour")

    answer = service.call("end_auction", auction_id=auction_id, force=is_forced)

    assert ("finalized", 1500, str(alice.id)) == (
        answer["status"],
        answer["winning_bid_amount"],
        answer["buyer_id"],
    )
    assert ["auction_won", "bids_withdrawn", "outbid"] == notified(owner, alice)
    assert ["auction_ended", "bids_withdrawn"] == notified(owner, seller)
    assert [] == notified(owner, bob)


def test_deleted_underbidder_keeps_the_price_up(
    owner: Connection,
    auction_id: UUID,
    *,
    alice: Actor,
    bob: Actor,
    seller: Actor,
    service: Actor,
    carol: Actor,
) -> None:
    """A deleted underbidder's maximum still sets the price.

    Otherwise two accounts could keep rivals away by a high price and then buy at a low one.
    """
    alice.call("place_bid", auction_id=auction_id, amount_cents=1500)
    bob.call("place_bid", auction_id=auction_id, amount_cents=1600, max_proxy_cents=90_000)
    carol.call("place_bid", auction_id=auction_id, amount_cents=80_000)
    assert service.call("anonymise_account", user_id=carol.id)["success"]
    move_time(owner, "1 hour")

    [result] = service.call("end_expired_auctions")["results"]

    assert (str(bob.id), 82_500) == (result["buyer_id"], result["winning_bid_amount"])
    assert ["auction_ended"] == notified(owner, seller)


def test_deleted_users_never_win_one_after_the_other(
    owner: Connection, auction_id: UUID, alice: Actor, bob: Actor, service: Actor
) -> None:
    """The withdrawal of the leader's bids gives the lead to another deleted user."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1500)
    bob.call("place_bid", auction_id=auction_id, amount_cents=2100)
    shut_out(owner, alice, "deleted_at")
    shut_out(owner, bob, "suspended_at")
    move_time(owner, "1 hour")

    [result] = service.call("end_expired_auctions")["results"]

    assert ("no_sale", "No bids") == (result["status"], result["message"])


def test_batch_withdraws_all_who_are_out(
    owner: Connection, auction_id: UUID, alice: Actor, bob: Actor, service: Actor
) -> None:
    """An auction whose bidders are all suspended or deleted is not sold."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1500)
    bob.call("place_bid", auction_id=auction_id, amount_cents=2100)
    shut_out(owner, alice, "suspended_at")
    shut_out(owner, bob, "deleted_at")
    move_time(owner, "1 hour")

    [result] = service.call("end_expired_auctions")["results"]

    assert ("no_sale", "No bids") == (result["status"], result["message"])
    assert [(0,)] == owner.execute("select count(*) from public.orders").fetchall()


@pytest.mark.parametrize("way_out", WAYS_OUT)
def test_auction_of_a_seller_who_is_out_takes_no_bids(
    owner: Connection, auction_id: UUID, alice: Actor, seller: Actor, way_out: LiteralString
) -> None:
    """A suspended seller's auction refuses bids until the suspension is lifted."""
    shut_out(owner, seller, way_out)

    refusal = alice.call("place_bid", auction_id=auction_id, amount_cents=1000)

    assert {"success": False, "code": "AUCTION_NOT_LIVE", "error": "Auction is not live"} == refusal
    owner.execute("update public.users set suspended_at = null, deleted_at = null")
    assert alice.call("place_bid", auction_id=auction_id, amount_cents=1000)["success"]


@pytest.mark.parametrize("way_out", WAYS_OUT)
def test_auction_of_a_seller_who_is_out_is_cancelled_at_its_end(
    owner: Connection,
    auction_id: UUID,
    *,
    alice: Actor,
    bob: Actor,
    seller: Actor,
    service: Actor,
    way_out: LiteralString,
) -> None:
    """A suspended seller's auction is cancelled at its end, with one notification each."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1500)
    bob.call("place_bid", auction_id=auction_id, amount_cents=2100)
    shut_out(owner, seller, way_out)
    move_time(owner, "1 hour")

    answer = service.call("end_expired_auctions")

    assert (1, 0, "cancelled") == (
        answer["auctions_processed"],
        answer["failed"],
        answer["results"][0]["status"],
    )
    row = auction_row(owner, auction_id)
    assert ("cancelled", row["updated_at"]) == (row["status"], row["finalized_at"])
    assert [("cancelled",)] == owner.execute("select status::text from public.listings").fetchall()
    assert [(0,)] == owner.execute("select count(*) from public.orders").fetchall()
    for person in (seller, alice, bob):
        assert ["auction_cancelled"] == [
            kind for kind in notified(owner, person) if kind != "outbid"
        ]
    again = service.call("end_auction", auction_id=auction_id, force=True)
    assert "AUCTION_NOT_LIVE" == again["code"]
