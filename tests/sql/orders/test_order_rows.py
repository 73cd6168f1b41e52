"""The constraints and the guard of `orders`: which rows may be written."""

from typing import LiteralString
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auctioned
from tests.sql.paying import ROUTES, attached, brought_to, order_row


INSERT = """
  insert into public.orders (
    id, listing_id, auction_id, winning_bid_id, buyer_id, seller_id, amount_cents,
    platform_fee_cents, seller_amount_cents, platform_fee_bps, payment_due_at,
    stripe_payment_intent_id, state
  )
  select md5('order:' || a.id)::uuid, a.listing_id, a.id, a.high_bid_id, a.high_bidder_id,
    l.seller_id, 1000, 50, 950, 500, now(), %(intent)s, coalesce(
      %(state)s::public.order_state, 'pending_payment'
    )
  from public.auctions as a join public.listings as l on l.id = a.listing_id
  where a.id = %(auction)s
  returning state::text, stripe_payment_intent_id
"""


@pytest.fixture
def led_auction(seller: Actor, alice: Actor) -> UUID:
    """Open an auction that alice leads."""
    auction_id = auctioned(seller)
    assert alice.call("place_bid", auction_id=auction_id, amount_cents=1_000)["success"]
    return auction_id


@pytest.mark.parametrize("intent", [None, "pi_1"])
def test_unpaid_order_is_inserted_with_or_without_an_intent(
    owner: Connection, led_auction: UUID, intent: str | None
) -> None:
    """A7: the default state violates no constraint, and an unpaid order may have an intent."""
    values = {"auction": led_auction, "intent": intent, "state": None}

    assert [("pending_payment", intent)] == owner.execute(INSERT, values).fetchall()


@pytest.mark.parametrize("state", ["paid", "shipped", "released", "cancelled", "disputed"])
def test_order_begins_unpaid(owner: Connection, led_auction: UUID, state: str) -> None:
    """An order is inserted as unpaid only, with or without an intent."""
    for intent in (None, "pi_1"):
        with pytest.raises(psycopg.errors.CheckViolation), owner.transaction():
            owner.execute(INSERT, {"auction": led_auction, "intent": intent, "state": state})


@pytest.mark.parametrize("state", ["pending_payment", *ROUTES])
def test_update_that_keeps_the_state_passes(owner: Connection, order_id: UUID, state: str) -> None:
    """A7: the guard refuses changes of the state, not updates of other columns."""
    if state == "pending_payment":
        attached(owner, order_id)
    else:
        brought_to(owner, order_id, state)
    statements: list[LiteralString] = [
        "update public.orders set protection_eligible = false where id = %s",
        "update public.orders set state = state where id = %s",
    ]

    for statement in statements:
        assert 1 == owner.execute(statement, [order_id]).rowcount

    assert (state, False) == (
        order_row(owner, order_id)["state"],
        order_row(owner, order_id)["protection_eligible"],
    )


def test_intent_of_an_unpaid_order_may_change(owner: Connection, order_id: UUID) -> None:
    """A7: the order stays unpaid while intents come and go."""
    for intent in ("pi_1", None, "pi_2"):
        owner.execute(
            "update public.orders set stripe_payment_intent_id = %s where id = %s",
            [intent, order_id],
        )

        row = order_row(owner, order_id)
        assert ("pending_payment", intent) == (row["state"], row["stripe_payment_intent_id"])


@pytest.mark.parametrize("state", ["ready_for_handover", "shipped", "released", "cancelled"])
def test_only_transition_order_moves_an_order(
    owner: Connection, order_id: UUID, state: str
) -> None:
    """A8: no other statement changes a state, not even the owner's."""
    brought_to(owner, order_id, "paid")

    with pytest.raises(psycopg.errors.CheckViolation), owner.transaction():
        owner.execute("update public.orders set state = %s where id = %s", [state, order_id])
    assert "paid" == order_row(owner, order_id)["state"]


def test_paid_order_keeps_its_intent(owner: Connection, order_id: UUID) -> None:
    """A7: an intent is optional before the payment and needed after it."""
    brought_to(owner, order_id, "paid")

    with pytest.raises(psycopg.errors.CheckViolation), owner.transaction():
        owner.execute("update public.orders set stripe_payment_intent_id = null")
    assert "pi_current" == order_row(owner, order_id)["stripe_payment_intent_id"]


@pytest.mark.parametrize(
    "statement",
    [
        "update public.order_events set reason = 'other'",
        "delete from public.order_events",
        "truncate public.order_events",
    ],
)
def test_history_stays(owner: Connection, order_id: UUID, statement: LiteralString) -> None:
    """No statement changes the history of an order, not even the owner's."""
    with pytest.raises(psycopg.errors.RestrictViolation), owner.transaction():
        owner.execute(statement)
    assert "pending_payment" == order_row(owner, order_id)["state"]
