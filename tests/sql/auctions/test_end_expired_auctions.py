"""`end_expired_auctions` and `end_auction`: the result of an auction whose end has come."""

from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auction_row, auctioned, hold_clock, move_time


#: A trigger that makes the close of one auction fail, as a bug would.
POISON = """
  create function pg_temp.poison() returns trigger language plpgsql as $$
  begin
    raise exception 'poisoned';
  end $$;
  create trigger poison before update on public.listings
  for each row when (new.status = 'ended' and new.title = 'A poisoned teapot')
  execute function pg_temp.poison();
"""
#: A deferred trigger that makes the close of one auction fail at the commit.
LATE_POISON = """
  create function pg_temp.poison() returns trigger language plpgsql as $$
  begin
    raise exception 'poisoned late';
  end $$;
  create constraint trigger poison after update on public.listings
  deferrable initially deferred
  for each row when (new.status = 'ended' and new.title = 'A poisoned teapot')
  execute function pg_temp.poison();
"""


def notified(owner: Connection, actor: Actor) -> list[str]:
    query = "select type from public.notifications where user_id = %s and type like 'auction_%%'"
    return [kind for (kind,) in owner.execute(query, [actor.id])]


def test_auction_with_a_winner_is_finalized(
    owner: Connection, auction_id: UUID, alice: Actor, bob: Actor, seller: Actor, service: Actor
) -> None:
    """The leader buys at the price, with an order, a fee split and two notifications (A2)."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=5000)
    bob.call("place_bid", auction_id=auction_id, amount_cents=1990)
    move_time(owner, "1 hour")

    answer = service.call("end_expired_auctions")

    [(order_id,)] = owner.execute("select id from public.orders").fetchall()
    result = {
        "auction_id": str(auction_id),
        "success": True,
        "status": "finalized",
        "order_id": str(order_id),
        "winning_bid_amount": 2090,
        "buyer_id": str(alice.id),
        "seller_id": str(seller.id),
        "platform_fee_cents": 105,
        "seller_amount_cents": 1985,
    }
    assert 0 <= answer.pop("lags_s")[0] < 60
    assert {"success": True, "auctions_processed": 1, "failed": 0, "results": [result]} == answer
    assert (["auction_won"], ["auction_ended"], []) == (
        notified(owner, alice),
        notified(owner, seller),
        notified(owner, bob),
    )


def test_close_is_one_change_of_the_row(
    owner: Connection, auction_id: UUID, alice: Actor, service: Actor
) -> None:
    """Status, time and version change, and with them the listing; price and winner stay."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    before = auction_row(owner, auction_id)
    move_time(owner, "1 hour")

    service.call("end_expired_auctions")

    after = auction_row(owner, auction_id)
    changed = {key for key in before if before[key] != after[key]}
    assert {"status", "finalized_at", "version", "updated_at"} == changed
    assert ("finalized", before["version"] + 1) == (after["status"], after["version"])
    assert [("ended",)] == owner.execute("select status::text from public.listings").fetchall()


@pytest.mark.parametrize(("has_bid", "message"), [(False, "No bids"), (True, "Reserve not met")])
def test_unsold_auction_tells_its_seller(
    owner: Connection, seller: Actor, alice: Actor, service: Actor, *, has_bid: bool, message: str
) -> None:
    """An auction without a bid, or below its reserve, has no order (C17, case 6)."""
    auction_id = auctioned(seller, reserve_cents=5000)
    if has_bid:
        alice.call("place_bid", auction_id=auction_id, amount_cents=4999)
    move_time(owner, "1 hour")

    answer = service.call("end_auction", auction_id=auction_id)

    assert {"success": True, "status": "no_sale", "message": message} == answer
    assert ("no_sale", ["auction_no_sale"], []) == (
        auction_row(owner, auction_id)["status"],
        notified(owner, seller),
        notified(owner, alice),
    )
    assert [(0,)] == owner.execute("select count(*) from public.orders").fetchall()


def test_repeat_answers_as_the_first_time(
    owner: Connection, seller: Actor, auction_id: UUID, alice: Actor, service: Actor
) -> None:
    """Closing a closed auction changes nothing, and the answer says so."""
    unsold_id = auctioned(seller)
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    move_time(owner, "1 hour")

    for one in (auction_id, unsold_id):
        first = service.call("end_auction", auction_id=one)
        row = auction_row(owner, one)

        repeat = service.call("end_auction", auction_id=one, force=True)

        assert first | {"already_processed": True} == repeat
        assert row == auction_row(owner, one)
    assert 0 == service.call("end_expired_auctions")["auctions_processed"]


def test_early_close_is_refused(owner: Connection, auction_id: UUID, service: Actor) -> None:
    """An auction is not closed before its end, and the answer names the end."""
    refusal = service.call("end_auction", auction_id=auction_id)

    assert {
        "success": False,
        "code": "AUCTION_NOT_OVER",
        "error": "Auction is not over yet",
        "ends_at": auction_row(owner, auction_id)["end_at"],
    } == refusal
    assert 0 == service.call("end_expired_auctions")["auctions_processed"]


def test_forced_close_comes_before_the_end(auction_id: UUID, alice: Actor, service: Actor) -> None:
    """Staff may end an auction early; the leader has won it."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)

    answer = service.call("end_auction", auction_id=auction_id, force=True)

    assert ("finalized", 1000) == (answer["status"], answer["winning_bid_amount"])


def test_extended_auction_closes_at_its_new_end(
    owner: Connection, auction_id: UUID, alice: Actor, service: Actor
) -> None:
    """The end that counts is the one that a late bid has moved."""
    move_time(owner, "59 minutes")
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    move_time(owner, "4 minutes")

    assert 0 == service.call("end_expired_auctions")["auctions_processed"]

    move_time(owner, "1 minute")
    assert 1 == service.call("end_expired_auctions")["auctions_processed"]


@pytest.mark.parametrize("poison", [POISON, LATE_POISON])
def test_poison_auction_blocks_no_other(
    owner: Connection, seller: Actor, service: Actor, poison: str
) -> None:
    """An auction that fails, even at a deferred constraint, blocks no other one (A4)."""
    owner.execute(poison.encode())
    poisoned_id = auctioned(seller, title="A poisoned teapot", ends_in="10 minutes")
    others = {auctioned(seller) for _ in range(2)}
    move_time(owner, "1 hour")

    answer = service.call("end_expired_auctions")

    assert (2, 1) == (answer["auctions_processed"], answer["failed"])
    assert {str(one) for one in others} == {one["auction_id"] for one in answer["results"]}
    assert "live" == auction_row(owner, poisoned_id)["status"]


def test_failed_auction_is_backed_off(owner: Connection, seller: Actor, service: Actor) -> None:
    """A failed auction is retried after 5 s, then 10; a later close clears the failure."""
    hold_clock(owner)
    owner.execute(POISON)
    auction_id = auctioned(seller, title="A poisoned teapot")
    move_time(owner, "1 hour")
    failures = """
      select attempts, error, round(extract(epoch from retry_at - updated_at))::integer
      from private.finalize_failures
    """

    assert 1 == service.call("end_expired_auctions")["failed"]
    assert [(1, "poisoned")] == [row[:2] for row in owner.execute(failures)]
    assert 0 == service.call("end_expired_auctions")["failed"]
    deadline = service.call("next_auction_deadline")
    assert deadline["server_time"] < deadline["next_at"]
    move_time(owner, "5 seconds")
    assert 1 == service.call("end_expired_auctions")["failed"]

    assert [(2, "poisoned", 10)] == owner.execute(failures).fetchall()
    owner.execute("drop trigger poison on public.listings")
    move_time(owner, "10 seconds")
    assert 1 == service.call("end_expired_auctions")["auctions_processed"]
    assert [] == owner.execute(failures).fetchall()
    assert "no_sale" == auction_row(owner, auction_id)["status"]


def test_batch_is_as_large_as_asked(owner: Connection, seller: Actor, service: Actor) -> None:
    """A batch has the earliest ends first, and at most the requested number."""
    late_id = auctioned(seller, ends_in="50 minutes")
    early_id = auctioned(seller, ends_in="40 minutes")
    move_time(owner, "1 hour")

    first, second = (service.call("end_expired_auctions", max_rows=1) for _ in range(2))

    assert [str(early_id), str(late_id)] == [
        answer["results"][0]["auction_id"] for answer in (first, second)
    ]


def test_what_cannot_be_closed_is_refused(
    owner: Connection, seller: Actor, service: Actor, auction_id: UUID
) -> None:
    """Force closes no unknown, cancelled or scheduled auction."""
    listing_id = auction_row(owner, auction_id)["listing_id"]
    seller.call("cancel_listing", listing_id=listing_id)
    [(start_at,)] = owner.execute("select private.clock() + interval '1 hour'").fetchall()
    scheduled_id = auctioned(seller, start_at=start_at, ends_in="2 hours")

    codes = [
        service.call("end_auction", auction_id=one, force=True)["code"]
        for one in (uuid4(), auction_id, scheduled_id)
    ]

    assert ["AUCTION_NOT_FOUND", "AUCTION_NOT_LIVE", "AUCTION_NOT_LIVE"] == codes


def test_only_our_processes_close(auction_id: UUID, anonymous: Actor, seller: Actor) -> None:
    """Neither visitors nor users may execute the functions (B16)."""
    for actor in (anonymous, seller):
        for function, arguments in (
            ("end_auction", {"auction_id": auction_id}),
            ("end_expired_auctions", {}),
            ("activate_due_auctions", {}),
            ("broadcast_time_remaining", {}),
            ("next_auction_deadline", {}),
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                actor.call(function, **arguments)
