"""A withdrawal meets bids and closes on other connections."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor, signed_up
from tests.sql.auctioning import auction_row, move_time, set_setting
from tests.sql.bidding.bidding_log import verified
from tests.sql.bidding.bidding_view import in_database
from tests.sql.bidding.oracle_auction import step
from tests.sql.concurrency.crowd import (
    OnOwnConnection,
    Waits,
    at_once,
    bid_until_answered,
    under_way,
)
from tests.sql.paying import service_of


WITHDRAW = "select private.withdraw_bids(%s, %s, null, 'A race')"
BIDDERS = 8


def test_bid_that_waited_for_a_withdrawal_meets_what_it_left(
    owner: Connection,
    auction_id: UUID,
    *,
    alice: Actor,
    bob: Actor,
    carol: Actor,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
) -> None:
    """A bid reads leader, maximum and seq after its wait for a withdrawal."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=3000)
    bob.call("place_bid", auction_id=auction_id, amount_cents=3100, max_proxy_cents=9000)
    owner.commit()
    bidder = on_own_connection(carol)

    with psycopg.connect(owner.info.dsn) as staff:
        staff.execute(WITHDRAW, [auction_id, [bob.id]])
        with under_way(
            partial(watcher, bidder),
            partial(bid_until_answered, bidder, auction_id=auction_id, amount_cents=1200),
        ) as answer:
            staff.commit()

    receipt = answer.result()
    assert (True, str(alice.id), 1300) == (
        receipt["success"],
        receipt["previous_bidder_id"],
        receipt["current_price_cents"],
    )
    assert str(alice.id) == auction_row(owner, auction_id)["high_bidder_id"]


def test_withdrawal_that_waited_uses_the_increments_that_its_log_states(
    owner: Connection,
    auction_id: UUID,
    *,
    alice: Actor,
    bob: Actor,
    carol: Actor,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
) -> None:
    """Increments that changed during the wait apply to the new price, and the log says so."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=3000)
    bob.call("place_bid", auction_id=auction_id, amount_cents=2000, max_proxy_cents=2000)
    carol.call("place_bid", auction_id=auction_id, amount_cents=3100)
    owner.commit()
    staff = on_own_connection(Actor(connection=owner, role="postgres"))

    owner.execute("select from public.auctions where id = %s for no key update", [auction_id])
    with under_way(
        partial(watcher, staff),
        partial(staff.connection.execute, WITHDRAW, [auction_id, [carol.id]]),
    ) as answer:
        set_setting(owner, "bid_increments", '[{"below_cents": null, "step_cents": 7}]')
        owner.commit()
    answer.result()
    staff.connection.commit()

    assert 2007 == auction_row(owner, auction_id)["current_price_cents"]
    service_of(owner).call("end_auction", auction_id=auction_id, force=True)
    verified(alice.call("get_bid_log", auction_id=auction_id))


def test_withdrawal_that_waited_for_a_bid_counts_it(
    owner: Connection,
    auction_id: UUID,
    *,
    alice: Actor,
    bob: Actor,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
) -> None:
    """A withdrawal waits for a bid of the same user, and withdraws it too."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    owner.commit()
    staff = on_own_connection(Actor(connection=owner, role="postgres"))
    # In a transaction that goes on, the bid does not end it.
    owner.execute("set local statement_timeout = '30s'")
    bob.call("place_bid", auction_id=auction_id, amount_cents=4000)

    with under_way(
        partial(watcher, staff),
        partial(staff.connection.execute, WITHDRAW, [auction_id, [bob.id]]),
    ) as answer:
        owner.commit()

    assert (True,) == answer.result().fetchone()
    row = auction_row(owner, auction_id)
    assert (1000, str(alice.id), 1) == (
        row["current_price_cents"],
        row["high_bidder_id"],
        row["bid_count"],
    )


@pytest.mark.parametrize("is_close_first", [False, True])
def test_withdrawal_and_close_come_one_after_the_other(
    owner: Connection,
    auction_id: UUID,
    *,
    alice: Actor,
    bob: Actor,
    service: Actor,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
    is_close_first: bool,
) -> None:
    """The first to lock the auction decides: a sale stands, or the next bidder buys."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    bob.call("place_bid", auction_id=auction_id, amount_cents=4000)
    move_time(owner, "1 hour")
    owner.commit()
    other = on_own_connection(Actor(connection=owner, role="service_role"))

    def close(actor: Actor) -> Any:
        return actor.call("end_auction", auction_id=auction_id)

    def withdraw(connection: Connection) -> Any:
        return connection.execute(WITHDRAW, [auction_id, [bob.id]]).fetchone()

    # In a transaction that goes on, the call does not end it.
    owner.execute("set local statement_timeout = '30s'")
    if is_close_first:
        close(service)
        with under_way(partial(watcher, other), partial(withdraw, other.connection)) as answer:
            owner.commit()
        assert (False,) == answer.result()
    else:
        withdraw(owner)
        with under_way(partial(watcher, other), partial(close, other)):
            owner.commit()

    [(buyer_id, amount)] = owner.execute("select buyer_id, amount_cents from public.orders")
    assert ((bob.id, 4000) if is_close_first else (alice.id, 1000)) == (buyer_id, amount)


def test_crowd_bids_while_bids_are_withdrawn(
    owner: Connection, auction_id: UUID, on_own_connection: OnOwnConnection
) -> None:
    """Half of the bidders lose their bids while all bid; the other maxima decide."""
    people = [signed_up(owner, f"bidder{number}") for number in range(BIDDERS)]
    for number, person in enumerate(people):
        assert person.call("place_bid", auction_id=auction_id, amount_cents=1000 + 100 * number)
    owner.commit()
    gone = people[: BIDDERS // 2]
    staff = on_own_connection(Actor(connection=owner, role="postgres")).connection

    def bid(bidder: Actor) -> None:
        minimum = 1000
        for extra in (0, 700, 0, 2500, 90):
            answer = bid_until_answered(
                bidder,
                auction_id=auction_id,
                amount_cents=minimum,
                max_proxy_cents=minimum + extra,
            )
            assert answer["success"] or answer["code"] in (
                "BID_TOO_LOW",
                "MAX_NOT_HIGHER",
                "BIDDER_BLOCKED",
            )
            minimum = answer.get("min_next_bid_cents") or answer.get("minimum_bid_cents") or minimum

    def withdraw() -> None:
        for person in gone:
            assert (True,) == staff.execute(WITHDRAW, [auction_id, [person.id]]).fetchone()

    tasks: list[Callable[[], None]] = [withdraw]
    tasks += [partial(bid, on_own_connection(person)) for person in people]
    at_once(tasks)

    found = in_database(owner, auction_id)
    assert {person.id for person in gone} == found["barred"]
    assert_standing_is_of_the_maxima(found)


def assert_standing_is_of_the_maxima(found: dict[str, Any]) -> None:
    """Compute leader and price from bids and maxima as the oracle does, and compare."""
    row, maxima = found["auction"], found["maxima"]
    accepted = [bid for bid in found["bids"] if bid[5]]
    assert {bid[0] for bid in accepted} == set(maxima)
    assert list(range(1, len(found["bids"]) + 1)) == [bid[4] for bid in found["bids"]]
    assert row["bid_count"] == sum(not bid[2] for bid in accepted)
    ranking = sorted(maxima, key=lambda who: (-maxima[who][0], maxima[who][1]))
    if not ranking:
        assert row["high_bidder_id"] is None
        return
    own = max(bid[1] for bid in accepted if bid[0] == ranking[0] and not bid[2])
    price = own
    if len(ranking) > 1:
        runner_up = maxima[ranking[1]][0]
        price = max(own, min(maxima[ranking[0]][0], runner_up + step(runner_up)))
    assert (ranking[0], price) == (row["high_bidder_id"], row["current_price_cents"])
