"""`expire_unpaid_orders`, `settle_due_orders`: orders whose parties do nothing."""

from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time
from tests.sql.paying import (
    attached,
    balances,
    brought_to,
    drift,
    moved,
    notified,
    order_row,
    ordered,
    outbox_rows,
    paid,
    refund_requested,
    report_refund,
    stored,
    succeeded,
)


def points(owner: Connection, user: Actor) -> int:
    query = "select private.live_strike_points(%s, private.clock())"
    [(count,)] = owner.execute(query, [user.id]).fetchall()
    assert isinstance(count, int)
    return count


def test_order_in_time_is_left_alone(owner: Connection, order_id: UUID, service: Actor) -> None:
    """An unpaid order waits for 48 hours."""
    move_time(owner, "47 hours 59 minutes")

    assert 0 == service.call("expire_unpaid_orders")
    assert "pending_payment" == order_row(owner, order_id)["state"]


def test_unpaid_order_is_cancelled_once(
    owner: Connection, order_id: UUID, service: Actor, alice: Actor, seller: Actor
) -> None:
    """An unpaid order is cancelled once, with one strike, and both parties are notified."""
    move_time(owner, "49 hours")

    assert [1, 0] == [service.call("expire_unpaid_orders") for _ in range(2)]

    order = order_row(owner, order_id)
    assert ("cancelled", "unpaid") == (order["state"], order["cancel_reason"])
    assert 1 == points(owner, alice)
    assert 0 == points(owner, seller)
    assert "order_cancelled" in notified(owner, alice)
    assert "order_cancelled" in notified(owner, seller)


def test_intent_is_canceled_before_its_order(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """An order with an open intent is cancelled only after Stripe has canceled the intent."""
    attached(owner, order_id)
    move_time(owner, "49 hours")
    assert 0 == service.call("expire_unpaid_orders")
    assert 0 == service.call("expire_unpaid_orders")
    [job] = service.call("claim_outbox", max_rows=10, lease_s=60)
    assert ("cancel_intent", "pi_current") == (job["kind"], job["payload"]["payment_intent_id"])

    service.call(
        "finish_outbox",
        outbox_id=job["id"],
        lease_token=job["lease_token"],
        stripe_object_id="pi_current",
        result='{"status": "canceled"}',
    )

    assert 1 == service.call("expire_unpaid_orders")
    assert "cancelled" == order_row(owner, order_id)["state"]


def test_payment_before_the_cancellation_counts(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """Money that arrives before the cancellation pays for the order, even past its due time."""
    attached(owner, order_id)
    move_time(owner, "49 hours")
    service.call("expire_unpaid_orders")

    assert "processed" == succeeded(owner, order_id)["outcome"]

    assert 0 == service.call("expire_unpaid_orders")
    assert "paid" == order_row(owner, order_id)["state"]
    [job] = service.call("claim_outbox", max_rows=10, lease_s=60)
    answer = service.call(
        "claim_send_permission", outbox_id=job["id"], lease_token=job["lease_token"]
    )
    assert (False, "INTENT_HAS_SUCCEEDED") == (answer["may_send"], answer["reason"])


def test_intent_that_stripe_would_not_cancel_is_tried_again(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """A buyer whose intent Stripe does not cancel keeps the order for an hour at a time."""
    attached(owner, order_id)
    move_time(owner, "49 hours")
    service.call("expire_unpaid_orders")
    [job] = service.call("claim_outbox", max_rows=10, lease_s=60)
    service.call(
        "reject_outbox",
        outbox_id=job["id"],
        lease_token=job["lease_token"],
        error_code="STRIPE_REJECTED",
    )
    service.call("expire_unpaid_orders")
    assert [] == service.call("claim_outbox", max_rows=10, lease_s=60)

    move_time(owner, "61 minutes")
    service.call("expire_unpaid_orders")

    [again] = service.call("claim_outbox", max_rows=10, lease_s=60)
    assert job["id"] == again["id"]


def test_order_that_cannot_go_holds_up_no_other(
    owner: Connection, order_id: UUID, seller: Actor, alice: Actor, service: Actor
) -> None:
    """A failure in one order of a batch is undone for that order alone (A4)."""
    other_id = ordered(seller, alice)
    owner.execute(
        """
        create function pg_temp.fail() returns trigger language plpgsql as $$
        begin
          raise exception 'poisoned';
        end $$
        """
    )
    # The trigger is deferred, so it fails at the commit.
    owner.execute(
        f"""
        create constraint trigger poison after update on public.orders
        deferrable initially deferred for each row when (new.id = '{order_id}')
        execute function pg_temp.fail()
        """.encode()
    )
    move_time(owner, "49 hours")

    assert 1 == service.call("expire_unpaid_orders")

    assert "cancelled" == order_row(owner, other_id)["state"]
    assert "pending_payment" == order_row(owner, order_id)["state"]
    owner.execute("drop trigger poison on public.orders")


@pytest.mark.parametrize(
    ("state", "after", "expected"),
    [
        ("shipped", "13 days", "shipped"),
        ("shipped", "15 days", "delivered"),
        ("delivered", "2 days", "delivered"),
        ("delivered", "4 days", "released"),
        ("ready_for_handover", "13 days", "ready_for_handover"),
        ("disputed", "100 days", "disputed"),
    ],
)
def test_silent_orders_move_on(
    owner: Connection, order_id: UUID, service: Actor, *, state: str, after: str, expected: str
) -> None:
    """Without a response an order is delivered after 14 days, and released after 3 more."""
    brought_to(owner, order_id, state)
    move_time(owner, after)

    assert (expected != state) == service.call("settle_due_orders")

    assert expected == order_row(owner, order_id)["state"]
    assert [] == drift(owner)


def test_silent_orders_take_one_step_at_a_time(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """An order that was delivered by time waits its own days before it is released."""
    brought_to(owner, order_id, "shipped")
    move_time(owner, "100 days")

    assert [1, 0] == [service.call("settle_due_orders") for _ in range(2)]

    assert "delivered" == order_row(owner, order_id)["state"]


def test_money_on_its_way_back_stops_the_clock(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """A pending refund stops the release by time."""
    brought_to(owner, order_id, "delivered")
    refund_requested(owner, order_id, 1_000)
    move_time(owner, "10 days")

    assert 0 == service.call("settle_due_orders")


@pytest.mark.parametrize("state", ["paid", "ready_for_handover"])
def test_seller_who_does_not_hand_over_keeps_no_money(
    owner: Connection, order_id: UUID, service: Actor, seller: Actor, state: str
) -> None:
    """After 14 days the money goes back and the seller has a strike (C11).

    The order is cancelled when the money has arrived.
    """
    brought_to(owner, order_id, state)
    move_time(owner, "15 days")

    assert [1, 0] == [service.call("settle_due_orders") for _ in range(2)]

    order = order_row(owner, order_id)
    assert (state, True) == (order["state"], order["refund_pending"])
    assert 1 == points(owner, seller)
    [row] = outbox_rows(owner, "refund")
    assert 10_000 == row["payload"]["amount_cents"]
    report_refund(owner, "succeeded", 10_000, outbox_id=row["id"])
    order = order_row(owner, order_id)
    assert ("cancelled", "not_handed_over") == (order["state"], order["cancel_reason"])
    assert ({}, []) == (balances(owner, order_id), drift(owner))


def test_time_to_hand_over_begins_anew_after_a_dispute(
    owner: Connection, order_id: UUID, service: Actor, seller: Actor
) -> None:
    """The seller could not hand over meanwhile, so a won dispute brings no strike."""
    brought_to(owner, order_id, "paid")
    moved(owner, order_id, "disputed", "stripe")
    move_time(owner, "60 days")
    moved(owner, order_id, "paid", "stripe")
    move_time(owner, "13 days")

    assert (0, 0) == (service.call("settle_due_orders"), points(owner, seller))

    move_time(owner, "2 days")
    assert (1, 1) == (service.call("settle_due_orders"), points(owner, seller))


def test_refused_return_is_left_to_staff(owner: Connection, order_id: UUID, service: Actor) -> None:
    """A refund that Stripe has refused is requested once, and not at every run."""
    paid(owner, order_id)
    move_time(owner, "15 days")
    service.call("settle_due_orders")
    [row] = outbox_rows(owner, "refund")
    answer = report_refund(owner, "failed", 10_000, outbox_id=row["id"])
    assert ["refund_failed"] == answer["alerts"]

    assert 0 == service.call("settle_due_orders")
    assert 1 == len(outbox_rows(owner, "refund"))


def test_refused_return_keeps_no_other_order_waiting(
    owner: Connection, order_id: UUID, service: Actor, seller: Actor, bob: Actor
) -> None:
    """A batch leaves out orders that only staff can move, or these would fill it in time."""
    paid(owner, order_id)
    other_id = ordered(seller, bob)
    attached(owner, other_id, "pi_other")
    succeeded(owner, other_id, "pi_other")
    move_time(owner, "15 days")
    assert 1 == service.call("settle_due_orders", max_rows=1)
    [row] = outbox_rows(owner, "refund")
    report_refund(
        owner, "failed", 10_000, outbox_id=row["id"], intent=row["payload"]["payment_intent_id"]
    )

    assert 1 == service.call("settle_due_orders", max_rows=1)
    assert 2 == len(outbox_rows(owner, "refund"))


def test_buyer_may_begin_again_until_it_is_due(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """A canceled intent does not cancel the order; past due no new one is made."""
    attached(owner, order_id)
    service.call(
        "apply_payment_canceled",
        event_id=stored(owner, "payment_intent.canceled"),
        order_id=str(order_id),
        payment_intent_id="pi_current",
    )
    assert attached(owner, order_id, "pi_next")["success"]
    move_time(owner, "49 hours")

    answer = service.call(
        "begin_payment", order_id=order_id, buyer_id=order_row(owner, order_id)["buyer_id"]
    )

    assert ("TRANSACTION_FAILED", "Order is past due") == (answer["code"], answer["error"])
    assert moved(owner, order_id, "cancelled", "system")["success"]
