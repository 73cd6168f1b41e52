"""Closes that meet other closes or a bid."""

from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auctioned, move_time
from tests.support.database_copies import copy_database


@pytest.fixture
def declared_url(declared_url: str) -> str:
    """Give each test a database of its own, in which it may commit."""
    return copy_database(declared_url, "market_closing_locks")


def test_locked_auction_is_left_out(
    owner: Connection, other: Connection, seller: Actor, service: Actor
) -> None:
    """The closer skips auctions that another closer or a bid has locked, and closes the others."""
    held_id, free_id = auctioned(seller), auctioned(seller)
    move_time(owner, "1 hour")
    owner.execute("set statement_timeout = '10s'")
    owner.commit()
    other.execute("select from public.auctions where id = %s for update", [held_id])

    answer = service.call("end_expired_auctions")

    assert [str(free_id)] == [one["auction_id"] for one in answer["results"]]
    other.rollback()
    assert 1 == service.call("end_expired_auctions")["auctions_processed"]


def test_two_closers_make_one_order(
    owner: Connection, other: Connection, auction_id: UUID, alice: Actor, service: Actor
) -> None:
    """The second closer finds the auction closed, and returns the first one's answer."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    move_time(owner, "1 hour")
    owner.commit()
    query = "select private.end_auction(%s, false)"
    [(first,)] = other.execute(query, [auction_id]).fetchall()
    other.commit()

    second = service.call("end_auction", auction_id=auction_id)

    assert first | {"already_processed": True} == second
    assert [(1,)] == owner.execute("select count(*) from public.orders").fetchall()


@pytest.mark.usefixtures("auction_id")
def test_two_broadcasters_send_once(owner: Connection, other: Connection, service: Actor) -> None:
    """A second broadcaster sends nothing that the first one has committed."""
    owner.commit()
    assert [(1,)] == other.execute("select private.broadcast_time_remaining(10)").fetchall()
    other.commit()

    assert 0 == service.call("broadcast_time_remaining")
