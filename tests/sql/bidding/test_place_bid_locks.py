"""`place_bid` while another session holds its locks."""

from concurrent.futures import ThreadPoolExecutor
from typing import LiteralString
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.locks import let_bids_wait, wait_until_blocked
from tests.support.database_copies import copy_database


@pytest.fixture
def declared_url(declared_url: str) -> str:
    """Give each test a database of its own, in which it may commit."""
    return copy_database(declared_url, "market_bid_locks")


@pytest.mark.parametrize(
    "held",
    [
        "select private.stored_receipt(%(bidder_id)s, %(client_bid_id)s, %(auction_id)s)",
        "select pg_advisory_xact_lock(hashtextextended(%(auction_id)s::text, 0))",
        "select from public.auctions where id = %(auction_id)s for update",
    ],
    ids=["key", "auction", "row"],
)
def test_bid_that_gets_no_lock_is_refused(
    owner: Connection, other: Connection, auction_id: UUID, alice: Actor, held: LiteralString
) -> None:
    """A bid that gets no lock is refused soon, leaves no row, and may be repeated."""
    bid = {"auction_id": auction_id, "amount_cents": 1100, "client_bid_id": uuid4()}
    # A bid that waits for ever fails the test instead of blocking it.
    owner.execute("set statement_timeout = '10s'")
    owner.commit()
    other.execute(held, bid | {"bidder_id": alice.user_id})

    refusal = alice.call("place_bid", **bid)

    assert {
        "success": False,
        "code": "AUCTION_BUSY",
        "error": "Please try again in a moment",
    } == refusal
    query = """
      select (select count(*) from public.bids),
        (select count(*) from private.rate_limits where key like 'place_bid:%')
    """
    assert [(0, 0)] == owner.execute(query).fetchall()
    other.rollback()
    assert False is alice.call("place_bid", **bid)["idempotent"]


def test_limits_end_with_the_bid(owner: Connection, auction_id: UUID, alice: Actor) -> None:
    """Later locks of the transaction have the caller's timeout, after a repeated bid too."""
    bid = {"auction_id": auction_id, "amount_cents": 1100, "client_bid_id": uuid4()}
    owner.execute("set lock_timeout = '7s'")

    for _ in range(2):
        alice.call("place_bid", **bid)

        assert [("7s",)] == owner.execute("show lock_timeout").fetchall()


@pytest.mark.parametrize(
    "held",
    [
        "select pg_advisory_xact_lock(hashtextextended(%(auction_id)s::text, 0))",
        "select from public.auctions where id = %(auction_id)s for update",
    ],
    ids=["auction", "row"],
)
def test_bid_that_waited_past_the_end_is_refused(
    owner: Connection, other: Connection, auction_id: UUID, alice: Actor, held: LiteralString
) -> None:
    """The clock is read under the locks, so a bid that waited past the end is late (C19)."""
    let_bids_wait(owner)
    owner.commit()
    other.execute(held, {"auction_id": auction_id})

    with ThreadPoolExecutor(1) as thread:
        bid = thread.submit(alice.call, "place_bid", auction_id=auction_id, amount_cents=1100)
        wait_until_blocked(other, owner, bid)
        other.execute("update private.test_clock set ahead_by = '1 hour'")
        other.commit()

    assert "AUCTION_ENDED" == bid.result()["code"]


def test_no_key_of_a_caller_is_an_auctions(
    owner: Connection, auction_id: UUID, alice: Actor
) -> None:
    """The lock of a caller's key differs in kind, so no key can block an auction."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1100, client_bid_id=uuid4())

    # objsubid is 1 for the locks of one number, and 2 for those of two.
    query = """
      select objsubid, count(*) from pg_locks
      where locktype = 'advisory' and pid = pg_backend_pid() group by objsubid order by objsubid
    """
    assert [(1, 1), (2, 1)] == owner.execute(query).fetchall()
