"""Many workers close auctions at the same time."""

import itertools
from functools import partial
from typing import Any
from uuid import UUID

from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auctioned, move_time
from tests.sql.concurrency.crowd import OnOwnConnection, at_once


CLOSERS = 16
AUCTIONS = 48
#: A trigger that refuses one order, as a bug would.
POISON = """
  create function private.poison() returns trigger language plpgsql set search_path = '' as $$
  begin
    raise exception 'poisoned';
  end $$;
  create constraint trigger poison after insert on public.orders
  deferrable initially deferred
  for each row when (new.amount_cents = 6666) execute function private.poison();
"""


def sold_auctions(owner: Connection, seller: Actor, buyer: Actor, prices: list[int]) -> list[UUID]:
    """Open auctions with a bid on each, and let time pass beyond their ends."""
    auction_ids = []
    for price in prices:
        auction_id = auctioned(seller)
        assert buyer.call("place_bid", auction_id=auction_id, amount_cents=price)["success"]
        auction_ids.append(auction_id)
    move_time(owner, "1 hour")
    owner.commit()
    return auction_ids


def close_until_none_is_left(closer: Actor) -> list[dict[str, Any]]:
    """Close a few auctions at a time; return all answers."""
    answers: list[dict[str, Any]] = []
    while not answers or answers[-1]["auctions_processed"]:
        answers.append(closer.call("end_expired_auctions", max_rows=5))
    return answers


def closers_of(service: Actor, connect: OnOwnConnection, number: int) -> list[Actor]:
    return [connect(service) for _ in range(number)]


def orders(owner: Connection) -> dict[UUID, int]:
    return dict(owner.execute("select auction_id, amount_cents from public.orders").fetchall())


def test_each_auction_is_closed_by_one_closer(
    owner: Connection,
    seller: Actor,
    alice: Actor,
    service: Actor,
    on_own_connection: OnOwnConnection,
) -> None:
    """16 closers share the work: each auction is closed once, and none is left (C17)."""
    prices = [1000 + number for number in range(AUCTIONS)]
    auction_ids = sold_auctions(owner, seller, alice, prices)
    closers = closers_of(service, on_own_connection, CLOSERS)

    answers = at_once([partial(close_until_none_is_left, closer) for closer in closers])

    batches = list(itertools.chain.from_iterable(answers))
    closed = [UUID(one["auction_id"]) for batch in batches for one in batch["results"]]
    assert sorted(auction_ids) == sorted(closed)
    assert {0} == {batch["failed"] for batch in batches}
    assert dict(zip(auction_ids, prices, strict=True)) == orders(owner)


def test_each_lag_is_taken_by_one_worker(
    owner: Connection,
    seller: Actor,
    alice: Actor,
    service: Actor,
    on_own_connection: OnOwnConnection,
) -> None:
    """Two fleets read the lags of pg_cron's closes, and the histogram counts each close once."""
    sold_auctions(owner, seller, alice, [1000 + number for number in range(20)])
    owner.execute("select private.close_as_scheduled_job(1000)")
    owner.commit()

    def take_until_none_is_left(worker: Actor) -> int:
        count = last = len(worker.call("take_measurements", max_rows=3)["close_lags_s"])
        while last:
            last = len(worker.call("take_measurements", max_rows=3)["close_lags_s"])
            count += last
        return count

    workers = closers_of(service, on_own_connection, 4)
    counts = at_once([partial(take_until_none_is_left, worker) for worker in workers])

    assert 20 == sum(counts)


def test_poison_blocks_no_closer(
    owner: Connection,
    seller: Actor,
    alice: Actor,
    service: Actor,
    on_own_connection: OnOwnConnection,
) -> None:
    """An auction that fails at its commit blocks no other one (A4, case 6)."""
    prices = [1000, 1500, 6666, 2000, 2500, 3000]
    auction_ids = sold_auctions(owner, seller, alice, prices)
    owner.execute(POISON)
    owner.commit()
    closers = closers_of(service, on_own_connection, 4)

    at_once([partial(close_until_none_is_left, closer) for closer in closers])

    sold = dict(zip(auction_ids, prices, strict=True))
    poisoned = auction_ids[prices.index(6666)]
    del sold[poisoned]
    assert sold == orders(owner)
    failures = "select auction_id, error from private.finalize_failures"
    assert [(poisoned, "poisoned")] == owner.execute(failures).fetchall()
    owner.execute("drop trigger poison on public.orders")
    move_time(owner, "1 hour")
    owner.commit()
    assert [1, 0] == [batch["auctions_processed"] for batch in close_until_none_is_left(closers[0])]
    assert 6666 == orders(owner)[poisoned]
