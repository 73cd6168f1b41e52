"""Bids and closers meet at the end of an auction."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, LiteralString, TypeVar
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from devstack.supervisor.processes import wait_until
from tests.sql.actors import Actor, signed_up
from tests.sql.auctioning import auction_row, auctioned, move_time, set_setting
from tests.sql.bidding.oracle_auction import SoftClose
from tests.sql.concurrency.crowd import (
    OnOwnConnection,
    Waits,
    at_once,
    bid_until_answered,
    under_way,
)
from tests.sql.concurrency.replay import as_opened, assert_same, replayed


BIDDERS = 12
CLOSERS = 4
SECOND = timedelta(seconds=1)
Accepted = list[tuple[UUID, int, dict[str, Any]]]


def bid_until_over(bidder: Actor, auction_id: UUID) -> Accepted:
    """Bid the minimum until the auction is over; return the accepted bids."""
    accepted: Accepted = []
    minimum = 1000
    while True:
        answer = bid_until_answered(bidder, auction_id=auction_id, amount_cents=minimum)
        if answer["success"]:
            accepted.append((bidder.id, minimum, answer))
        elif answer["code"] not in ("BID_TOO_LOW", "MAX_NOT_HIGHER"):
            assert answer["code"] in ("AUCTION_ENDED", "AUCTION_NOT_LIVE")
            return accepted
        minimum = answer.get("min_next_bid_cents") or answer.get("minimum_bid_cents") or minimum


def close_until_over(closer: Actor, auction_id: UUID) -> dict[str, Any]:
    """Ask for the auction to be closed until it is; return the answer."""
    while True:
        answer: dict[str, Any] = closer.call("end_auction", auction_id=auction_id)
        if answer["success"]:
            return answer
        assert answer["code"] == "AUCTION_NOT_OVER"


def test_no_bid_stands_that_came_at_the_end(
    owner: Connection, seller: Actor, service: Actor, on_own_connection: OnOwnConnection
) -> None:
    """Each bid came before the end, and the last one is the price; 12 bid while 4 close.

    Time moves on to the end after the first bid. By the clock alone the auction might end earlier.
    """
    for key in ("snipe_window_s", "snipe_extend_s", "snipe_max_total_s"):
        set_setting(owner, key, "1")
    people = [signed_up(owner, f"bidder{number}") for number in range(BIDDERS)]
    bidders = [on_own_connection(person) for person in people]
    closers = [on_own_connection(service) for _ in range(CLOSERS)]
    clock = on_own_connection(Actor(connection=owner, role="postgres")).connection
    auction_id = auctioned(seller)
    auction = as_opened(
        owner, auction_id, SoftClose(window=SECOND, extend=SECOND, max_total=SECOND)
    )
    stood: Accepted = []
    closed: list[dict[str, Any]] = []

    def bid(bidder: Actor) -> Callable[[], None]:
        return lambda: stood.extend(bid_until_over(bidder, auction_id))

    def close(closer: Actor) -> Callable[[], None]:
        return lambda: closed.append(close_until_over(closer, auction_id))

    def come_to_the_end() -> None:
        has_bid = wait_until(lambda: auction_row(clock, auction_id)["bid_count"] > 0, 60, 0)
        # Without a bid time moves on, too: else the closers would ask for an hour.
        move_time(clock, "59 minutes 59.7 seconds")
        assert has_bid, "no bid was accepted"

    at_once([*map(bid, bidders), *map(close, closers), come_to_the_end])

    replayed(auction, stood)
    finalized_at = datetime.fromisoformat(auction_row(owner, auction_id)["finalized_at"])
    assert auction.end_at <= finalized_at
    auction.close(finalized_at)
    assert_same(owner, auction)
    assert [False] + [True] * (CLOSERS - 1) == sorted("already_processed" in one for one in closed)
    assert {auction.price} == {one["winning_bid_amount"] for one in closed}


T = TypeVar("T")


@pytest.mark.parametrize(
    "held",
    [
        "select pg_advisory_xact_lock(hashtextextended(%(id)s::text, 0))",
        "select from public.auctions where id = %(id)s for update",
    ],
    ids=["auction", "row"],
)
def test_bid_that_waited_past_the_end_is_late(
    owner: Connection,
    auction_id: UUID,
    alice: Actor,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
    held: LiteralString,
) -> None:
    """A bid that was sent in time and got its locks after the end is late."""
    bidder = on_own_connection(alice)
    move_time(owner, "59 minutes")
    owner.commit()

    with psycopg.connect(owner.info.dsn) as holder:
        holder.execute(held, {"id": auction_id})
        with under_way(
            partial(watcher, bidder),
            partial(bid_until_answered, bidder, auction_id=auction_id, amount_cents=1000),
        ) as answer:
            move_time(owner, "1 minute")
            owner.commit()
            holder.rollback()

    assert "AUCTION_ENDED" == answer.result()["code"]
    assert [(0,)] == owner.execute("select count(*) from public.bids").fetchall()


def test_closer_that_waited_for_a_bid_sees_the_end_it_moved(
    owner: Connection,
    auction_id: UUID,
    alice: Actor,
    service: Actor,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
) -> None:
    """A closer that waited for a bid in time finds the end moved, and closes nothing."""
    closer = on_own_connection(service)
    clock = on_own_connection(Actor(connection=owner, role="postgres")).connection
    move_time(owner, "59 minutes")
    owner.commit()
    # In a transaction that goes on, the bid does not end it.
    owner.execute("set local statement_timeout = '30s'")
    receipt = alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    move_time(clock, "1 minute")

    with under_way(
        partial(watcher, closer), partial(closer.call, "end_auction", auction_id=auction_id)
    ) as answer:
        owner.commit()

    refusal = answer.result()
    assert ("AUCTION_NOT_OVER", receipt["end_at"]) == (refusal["code"], refusal["ends_at"])
    assert "live" == auction_row(owner, auction_id)["status"]
