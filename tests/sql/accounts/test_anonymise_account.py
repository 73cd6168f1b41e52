"""`anonymise_account`: a user without open business leaves, and the history stays."""

from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auctioned
from tests.support.database_copies import copy_database


def anonymise(service: Actor, person: Actor) -> Any:
    return service.call("anonymise_account", user_id=person.id)


def is_deleted(owner: Connection, person: Actor) -> bool:
    query = "select deleted_at is not null, phone is null from public.users where id = %s"
    [(is_marked, is_empty)] = owner.execute(query, [person.id]).fetchall()
    assert is_marked == is_empty
    return bool(is_marked)


@pytest.fixture
def alice(owner: Connection, alice: Actor) -> Actor:
    """Give Alice a phone number."""
    owner.execute("update public.users set phone = '0400' where id = %s", [alice.id])
    return alice


def test_idle_account_is_anonymised_once(owner: Connection, service: Actor, alice: Actor) -> None:
    """A repeated call succeeds and changes nothing."""
    assert {"success": True} == anonymise(service, alice)
    assert is_deleted(owner, alice)
    query = "select to_jsonb(u) from public.users as u"
    before = owner.execute(query).fetchall()

    assert {"success": True} == anonymise(service, alice)

    assert before == owner.execute(query).fetchall()


def test_unknown_account_is_not_found(service: Actor) -> None:
    """A user id without a profile gets PROFILE_NOT_FOUND."""
    answer = service.call("anonymise_account", user_id=uuid4())

    assert (False, "PROFILE_NOT_FOUND") == (answer["success"], answer["code"])


def test_leader_of_a_running_auction_is_busy(
    owner: Connection, service: Actor, alice: Actor, bob: Actor, auction_id: UUID
) -> None:
    """The leader of a running auction stays, and an outbid user may leave."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)

    answer = anonymise(service, alice)

    assert (False, "ACCOUNT_BUSY") == (answer["success"], answer["code"])
    assert not is_deleted(owner, alice)
    bob.call("place_bid", auction_id=auction_id, amount_cents=5000)
    assert {"success": True} == anonymise(service, alice)


@pytest.mark.parametrize("starts_in", [None, "30 minutes"])
def test_seller_of_an_open_auction_is_busy(
    owner: Connection, service: Actor, seller: Actor, starts_in: str | None
) -> None:
    """The seller of a live or scheduled auction stays."""
    [(start_at,)] = owner.execute("select private.clock() + %s::interval", [starts_in]).fetchall()
    auction_id = auctioned(seller, start_at=start_at)
    owner.execute("update public.users set phone = '0400'")

    assert "ACCOUNT_BUSY" == anonymise(service, seller)["code"]

    query = "select listing_id from public.auctions where id = %s"
    [(listing_id,)] = owner.execute(query, [auction_id]).fetchall()
    seller.call("cancel_listing", listing_id=listing_id)
    assert {"success": True} == anonymise(service, seller)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("pending_payment", "ACCOUNT_BUSY"),
        ("paid", "ACCOUNT_BUSY"),
        ("ready_for_handover", "ACCOUNT_BUSY"),
        ("shipped", "ACCOUNT_BUSY"),
        ("delivered", "ACCOUNT_BUSY"),
        ("disputed", "ACCOUNT_BUSY"),
        ("released", None),
        ("refunded", None),
        ("cancelled", None),
    ],
)
def test_party_of_an_unfinished_order_is_busy(
    owner: Connection,
    service: Actor,
    seller: Actor,
    alice: Actor,
    auction_id: UUID,
    state: LiteralString,
    code: str | None,
) -> None:
    """Buyer and seller stay until the order has ended."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    service.call("end_auction", auction_id=auction_id, force=True)
    owner.execute("alter table public.orders disable trigger user")
    owner.execute(
        """
        update public.orders
        set state = %s, state_before_dispute = %s, stripe_payment_intent_id = 'pi_1'
        """,
        [state, "paid" if state == "disputed" else None],
    )

    codes = {anonymise(service, person).get("code") for person in (seller, alice)}

    assert {code} == codes


def test_refund_under_way_keeps_its_buyer(
    owner: Connection, service: Actor, alice: Actor, auction_id: UUID
) -> None:
    """The buyer of a refund that is not confirmed stays."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    service.call("end_auction", auction_id=auction_id, force=True)
    owner.execute("alter table public.orders disable trigger user")
    owner.execute("update public.orders set state = 'cancelled', refund_pending = true")

    assert "ACCOUNT_BUSY" == anonymise(service, alice)["code"]


def test_only_our_service_anonymises(alice: Actor, moderator: Actor, anonymous: Actor) -> None:
    """No client may execute the function."""
    for actor in (alice, moderator, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call("anonymise_account", user_id=alice.id)


class TestBidUnderWay:
    """A bid and the deletion of its bidder run at the same time."""

    @pytest.fixture
    def declared_url(self, declared_url: str) -> str:
        """Give each test a database of its own, in which it may commit."""
        return copy_database(declared_url, "market_anonymise_account")

    def test_deletion_waits_for_the_bid(
        self, owner: Connection, other: Connection, alice: Actor, auction_id: UUID
    ) -> None:
        """The deletion waits for the bid, and then finds that the bidder leads."""
        owner.commit()
        service = Actor(connection=other, role="service_role")
        # Without an open transaction an actor's call commits.
        owner.execute("begin")
        alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
        other.execute("set local lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            anonymise(service, alice)
        owner.commit()

        assert "ACCOUNT_BUSY" == anonymise(service, alice)["code"]
