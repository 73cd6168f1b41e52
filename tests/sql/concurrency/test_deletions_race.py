"""A deletion of an account meets bids, listings, closes and payments on other connections."""

from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor, signed_up
from tests.sql.auctioning import auction_row, auctioned, listed
from tests.sql.concurrency.crowd import (
    OnOwnConnection,
    Prepare,
    Waits,
    at_once,
    bid_until_answered,
    under_way,
)
from tests.sql.paying import moved, ordered, outbox_rows, service_of, succeeded


@pytest.fixture
def other(owner: Connection) -> Iterator[Connection]:
    """Open a connection whose transaction stays open until the test commits it."""
    with psycopg.connect(owner.info.dsn, options="-c search_path=") as connection:
        connection.execute("select")
        yield connection


def anonymise(service: Actor, person: Actor) -> Any:
    return service.call("anonymise_account", user_id=person.id)


def is_deleted(owner: Connection, person: Actor) -> bool:
    query = "select deleted_at is not null from public.users where id = %s"
    [(is_marked,)] = owner.execute(query, [person.id]).fetchall()
    return bool(is_marked)


def test_bid_that_waited_for_a_deletion_is_refused(
    owner: Connection,
    other: Connection,
    auction_id: UUID,
    *,
    alice: Actor,
    bob: Actor,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
) -> None:
    """A bid that began before the deletion committed finds no profile and changes nothing."""
    bob.call("place_bid", auction_id=auction_id, amount_cents=1000)
    owner.commit()
    before = auction_row(owner, auction_id)
    bidder = on_own_connection(alice)

    assert anonymise(service_of(other), alice)["success"]
    with under_way(
        partial(watcher, bidder),
        partial(bid_until_answered, bidder, auction_id=auction_id, amount_cents=9000),
    ) as answer:
        other.commit()

    assert "PROFILE_NOT_FOUND" == answer.result()["code"]
    assert before == auction_row(owner, auction_id)


def test_listing_that_waited_for_a_deletion_is_refused(
    owner: Connection,
    other: Connection,
    *,
    seller: Actor,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
) -> None:
    """A deleted account lists nothing, even if the call began before."""
    owner.commit()
    lister = on_own_connection(seller)

    assert anonymise(service_of(other), seller)["success"]
    with under_way(partial(watcher, lister), partial(listed, lister)) as answer:
        other.commit()

    assert "PROFILE_NOT_FOUND" == answer.result()["code"]
    assert [(0,)] == owner.execute("select count(*) from public.listings").fetchall()


def test_deletion_that_waited_for_a_listing_is_busy(
    owner: Connection,
    other: Connection,
    service: Actor,
    *,
    seller: Actor,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
) -> None:
    """A deletion that waited for a listing finds the account busy."""
    owner.commit()
    worker = on_own_connection(service)

    auctioned(Actor(connection=other, role="authenticated", user_id=seller.id))
    with under_way(partial(watcher, worker), partial(anonymise, worker, seller)) as answer:
        other.commit()

    assert "ACCOUNT_BUSY" == answer.result()["code"]


def test_deletion_that_waited_for_a_close_is_busy(
    owner: Connection,
    other: Connection,
    service: Actor,
    auction_id: UUID,
    *,
    alice: Actor,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
) -> None:
    """A deletion that waited for a close finds the winner busy with an order."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    owner.commit()
    worker = on_own_connection(service)

    service_of(other).call("end_auction", auction_id=auction_id, force=True)
    with under_way(partial(watcher, worker), partial(anonymise, worker, alice)) as answer:
        other.commit()

    assert "ACCOUNT_BUSY" == answer.result()["code"]
    assert not is_deleted(owner, alice)


def test_deletion_that_waited_for_a_late_payment_is_busy(
    owner: Connection,
    other: Connection,
    service: Actor,
    *,
    seller: Actor,
    alice: Actor,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
) -> None:
    """A deletion waits for the refund of a cancelled order's payment."""
    order_id = ordered(seller, alice)
    moved(owner, order_id, "cancelled", "buyer")
    owner.commit()
    worker = on_own_connection(service)

    assert "processed" == succeeded(other, order_id, "pi_late")["outcome"]
    with under_way(partial(watcher, worker), partial(anonymise, worker, alice)) as answer:
        other.commit()

    assert "ACCOUNT_BUSY" == answer.result()["code"]


def test_payment_that_waited_for_a_deletion_still_goes_back(
    owner: Connection,
    other: Connection,
    *,
    seller: Actor,
    alice: Actor,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
) -> None:
    """Stripe's event is applied to a deleted account too, so its money is refunded."""
    order_id = ordered(seller, alice)
    moved(owner, order_id, "cancelled", "buyer")
    owner.commit()
    inbox = on_own_connection(service_of(owner))

    assert anonymise(service_of(other), alice)["success"]
    with under_way(
        partial(watcher, inbox), partial(succeeded, inbox.connection, order_id, "pi_late")
    ) as answer:
        other.commit()

    assert "processed" == answer.result()["outcome"]
    assert 1 == len(outbox_rows(owner, "auto_refund"))


def test_deletions_at_once_are_one(owner: Connection, rpc: Prepare, alice: Actor) -> None:
    """Each call succeeds, and one of them did the work."""
    owner.commit()

    answers = at_once([rpc("anonymise_account", user_id=alice.id) for _ in range(4)])

    assert [{"success": True}] * 4 == answers
    assert [(1,)] == owner.execute("select count(*) from public.audit_logs").fetchall()


def test_of_two_admins_one_stays(owner: Connection, rpc: Prepare) -> None:
    """Two last admins delete their accounts at once, and one stays."""
    admins = [signed_up(owner, name, role="admin") for name in ("first", "second")]
    owner.commit()

    answers = at_once([rpc("anonymise_account", user_id=admin.id) for admin in admins])

    assert {None, "ACCOUNT_BUSY"} == {answer.get("code") for answer in answers}


def test_no_deleted_account_leads(
    owner: Connection,
    rpc: Prepare,
    *,
    seller: Actor,
    alice: Actor,
    on_own_connection: OnOwnConnection,
) -> None:
    """Bids on several auctions and the deletion at once: the account leads or is deleted."""
    auctions = [auctioned(seller) for _ in range(4)]
    owner.commit()

    def bid(auction_id: UUID) -> Any:
        bidder = on_own_connection(alice)
        return partial(bid_until_answered, bidder, auction_id=auction_id, amount_cents=1000)

    at_once([*map(bid, auctions), rpc("anonymise_account", user_id=alice.id)])

    leads = [auction_row(owner, one)["high_bidder_id"] == str(alice.id) for one in auctions]
    assert is_deleted(owner, alice) != any(leads)
