"""`unknown_event_ids`, `requeue_found_events`: events that reconcile brings into the inbox."""

from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auctioned
from tests.sql.paying import AMOUNT, attached, canceled, order_row, ordered, stored, succeeded


def event(owner: Connection, event_id: str) -> tuple[str, str | None]:
    query = "select status::text, outcome from public.webhook_events where event_id = %s"
    [row] = owner.execute(query, [event_id]).fetchall()
    return (row[0], row[1])


def test_only_ids_that_are_missing_are_named(owner: Connection, service: Actor) -> None:
    """The answer names only ids without a row; waiting events are left to the inbox job."""
    known = stored(owner, "refund.updated")

    ids = ["evt_b", known, "evt_a"]

    assert ["evt_b", "evt_a"] == service.call("unknown_event_ids", ids=ids)
    assert [] == service.call("unknown_event_ids", ids=[known])
    assert [] == service.call("unknown_event_ids", ids=[])


@pytest.fixture
def early(owner: Connection, seller: Actor, alice: Actor) -> tuple[UUID, str]:
    """Let an event come before the order that it names; return the auction and the event."""
    auction_id = auctioned(seller)
    assert alice.call("place_bid", auction_id=auction_id, amount_cents=AMOUNT)["success"]
    [(order_id,)] = owner.execute("select md5('order:' || %s::text)::uuid", [auction_id]).fetchall()
    event_id = stored(owner, "payment_intent.succeeded", "pi_lost", order_ref=str(order_id))
    answer = succeeded(owner, order_id, "pi_lost", event_id=event_id, buyer_id=str(alice.id))
    assert "order_not_found" == answer["outcome"]
    return auction_id, event_id


def test_new_order_makes_its_events_due(
    owner: Connection, service: Actor, early: tuple[UUID, str]
) -> None:
    """A new order makes earlier events about it due, as after a restore."""
    auction_id, event_id = early

    service.call("end_auction", auction_id=auction_id, force=True)

    assert ("received", None) == event(owner, event_id)
    [claimed] = service.call("claim_webhook_retries", max_rows=10, lease_s=60)
    assert event_id == claimed["event_id"]
    answer = succeeded(owner, claimed["order_ref"], "pi_lost", event_id=event_id)
    assert "processed" == answer["outcome"]


def test_event_that_raced_the_new_order_is_found_later(
    owner: Connection, service: Actor, seller: Actor, alice: Actor
) -> None:
    """An event that was settled before its order was visible is requeued later."""
    order_id = ordered(seller, alice)
    event_id = stored(owner, "payment_intent.succeeded", order_ref=str(order_id))
    other_id = stored(owner, "payment_intent.succeeded", order_ref=str(uuid4()))
    owner.execute(
        "update public.webhook_events set status = 'ignored', outcome = 'order_not_found',"
        " next_attempt_at = null, processed_at = received_at"
        " where event_id = any(%s)",
        [[event_id, other_id]],
    )

    assert [1, 0] == [service.call("requeue_found_events") for _ in range(2)]

    assert ("received", None) == event(owner, event_id)
    assert ("ignored", "order_not_found") == event(owner, other_id)


def test_event_that_names_its_order_elsewhere_is_found(
    owner: Connection, service: Actor, seller: Actor, alice: Actor
) -> None:
    """A refund of the dashboard is found by its intent, because only that names the order."""
    auction_id = auctioned(seller)
    assert alice.call("place_bid", auction_id=auction_id, amount_cents=AMOUNT)["success"]
    [(order_id,)] = owner.execute("select md5('order:' || %s::text)::text", [auction_id]).fetchall()
    event_id = stored(owner, "refund.created", "pi_lost")
    answer = service.call(
        "apply_refund",
        event_id=event_id,
        stripe_refund_id="re_1",
        outbox_id=None,
        payment_intent_id="pi_lost",
        amount_cents=100,
        status="succeeded",
        order_ref=str(UUID(order_id)),
    )
    assert "order_not_found" == answer["outcome"]

    service.call("end_auction", auction_id=auction_id, force=True)

    assert ("received", None) == event(owner, event_id)


def test_settled_events_of_an_order_stay(
    owner: Connection, service: Actor, seller: Actor, alice: Actor
) -> None:
    """Only an event that found no order is due again."""
    order_id = ordered(seller, alice)
    attached(owner, order_id)
    canceled(owner, order_id)

    assert 0 == service.call("requeue_found_events")
    assert "pending_payment" == order_row(owner, order_id)["state"]
