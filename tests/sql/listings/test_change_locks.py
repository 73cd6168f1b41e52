"""`update_listing`, `cancel_listing`: their locks, and the calls that wait for them."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auction_row, listed
from tests.sql.locks import let_bids_wait, wait_until_blocked
from tests.support.database_copies import copy_database


@pytest.fixture
def declared_url(declared_url: str) -> str:
    """Give each test a database of its own, in which it may commit."""
    return copy_database(declared_url, "market_change_locks")


@pytest.mark.parametrize("function", ["update_listing", "cancel_listing"])
def test_other_user_locks_nothing(
    owner: Connection, other: Connection, auction_id: UUID, alice: Actor, function: str
) -> None:
    """Another user's call takes no lock, so it cannot block bidders."""
    more = {"changes": "{}"} if function == "update_listing" else {}
    listing_id = auction_row(owner, auction_id)["listing_id"]
    owner.commit()
    other.execute("select from public.auctions where id = %s for update", [auction_id])
    # A wait for that row fails the test instead of blocking it.
    owner.execute("set lock_timeout = '1s'")

    assert "LISTING_NOT_FOUND" == alice.call(function, listing_id=listing_id, **more)["code"]


def test_bid_goes_by_the_reserve_of_its_time(
    owner: Connection, other: Connection, seller: Actor, alice: Actor
) -> None:
    """A bid that waited for a change is compared with the new reserve."""
    [(now,)] = owner.execute("select private.clock()").fetchall()
    assert isinstance(now, datetime)
    announced = listed(seller, start_at=now + timedelta(hours=1), reserve_cents=5000)
    let_bids_wait(owner)
    owner.commit()
    # Begin here, so that the call does not commit what it changes.
    other.execute("select")
    changing = Actor(connection=other, role="authenticated", user_id=seller.user_id)
    changes = json.dumps({"reserve_cents": 3000, "start_at": None})
    assert changing.call("update_listing", listing_id=announced["listing"]["id"], changes=changes)[
        "success"
    ]

    with ThreadPoolExecutor(1) as thread:
        bid = thread.submit(
            alice.call, "place_bid", auction_id=announced["auction_id"], amount_cents=3000
        )
        wait_until_blocked(other, owner, bid)
        # The closer comes between the change and the bid; here in the change's own transaction.
        other.execute("select private.activate(%s)", [announced["auction_id"]])
        other.commit()

    receipt = bid.result()
    assert (True, True) == (receipt["success"], receipt["reserve_met"])
