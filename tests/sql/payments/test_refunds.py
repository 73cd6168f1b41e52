"""Refunds after their request: sent by the outbox, settled by answers and events."""

import itertools
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.paying import (
    INTENT,
    attached,
    brought_to,
    drift,
    moved,
    notified,
    order_row,
    outbox_rows,
    paid,
    refund_finished,
    refund_requested,
    refunds,
    report_refund,
    stored,
    succeeded,
)


@pytest.mark.parametrize("state", ["paid", "ready_for_handover", "shipped", "delivered"])
def test_full_refund_ends_the_order(
    owner: Connection, order_id: UUID, alice: Actor, seller: Actor, *, state: str
) -> None:
    """The order is refunded once all its money went back, and not before (C9)."""
    brought_to(owner, order_id, state)
    refund_requested(owner, order_id, None)
    assert state == order_row(owner, order_id)["state"]

    assert {"stale": False, "status": "done", "alerts": []} == refund_finished(owner, "succeeded")

    order = order_row(owner, order_id)
    assert ("refunded", 10_000, False) == (
        order["state"],
        order["refunded_cents"],
        order["refund_pending"],
    )
    assert "refund_processed" in notified(owner, alice)
    assert "refund_processed" in notified(owner, seller)
    assert [("refunded",)] == owner.execute("select status::text from public.payments").fetchall()
    assert [] == drift(owner)


def test_partial_refund_changes_no_state(owner: Connection, order_id: UUID) -> None:
    """A partial refund does not change the state (C9)."""
    paid(owner, order_id)
    refund_requested(owner, order_id, 3_000)

    refund_finished(owner, "succeeded")

    order = order_row(owner, order_id)
    assert ("paid", 3_000, False) == (
        order["state"],
        order["refunded_cents"],
        order["refund_pending"],
    )
    assert [("partially_refunded",)] == owner.execute(
        "select status::text from public.payments"
    ).fetchall()
    assert moved(owner, order_id, "shipped", "seller")["success"]
    assert [] == drift(owner)


def test_parts_that_add_up_end_the_order(owner: Connection, order_id: UUID) -> None:
    """Partial refunds that add up to the payment end the order."""
    paid(owner, order_id)
    for amount, refund_id in ((3_000, "re_1"), (7_000, "re_2")):
        refund_requested(owner, order_id, amount)
        refund_finished(owner, "succeeded", refund_id)

    assert "refunded" == order_row(owner, order_id)["state"]
    assert [] == drift(owner)


def test_pending_refund_waits_for_stripe(owner: Connection, order_id: UUID) -> None:
    """A refund that Stripe calls pending has not succeeded (C9)."""
    paid(owner, order_id)
    refund_requested(owner, order_id, None)

    refund_finished(owner, "pending")

    order = order_row(owner, order_id)
    assert ("paid", True, 0) == (
        order["state"],
        order["refund_pending"],
        order["refunded_cents"],
    )
    assert [(10_000, "pending", "re_1")] == refunds(owner)
    assert "processed" == report_refund(owner, "succeeded", 10_000)["outcome"]
    assert "refunded" == order_row(owner, order_id)["state"]


@pytest.mark.parametrize("status", ["failed", "canceled"])
def test_failed_refund_frees_the_order(owner: Connection, order_id: UUID, status: str) -> None:
    """A failed refund is reversed in the ledger, with an alert (C9)."""
    paid(owner, order_id)
    refund_requested(owner, order_id, None)
    refund_finished(owner, "pending")

    answer = report_refund(owner, status, 10_000)

    assert ("processed", [f"refund_{status}"]) == (answer["outcome"], answer["alerts"])
    order = order_row(owner, order_id)
    assert ("paid", False, 0) == (
        order["state"],
        order["refund_pending"],
        order["refunded_cents"],
    )
    assert [] == drift(owner)
    assert refund_requested(owner, order_id, None)["success"]


def test_refund_that_comes_back_after_its_success(owner: Connection, order_id: UUID) -> None:
    """A refund that fails after its success counts as not refunded."""
    paid(owner, order_id)
    refund_requested(owner, order_id, 3_000)
    refund_finished(owner, "succeeded")

    answer = report_refund(owner, "failed", 3_000)

    assert ["refund_failed"] == answer["alerts"]
    assert 0 == order_row(owner, order_id)["refunded_cents"]
    assert [("captured",)] == owner.execute("select status::text from public.payments").fetchall()
    assert [] == drift(owner)


def test_event_overtakes_our_own_answer(owner: Connection, order_id: UUID) -> None:
    """An event settles its row, and the later answer of our call is stale."""
    paid(owner, order_id)
    refund_requested(owner, order_id, None)
    service = Actor(connection=owner, role="service_role")
    [job] = service.call("claim_outbox", max_rows=10, lease_s=60)

    reported = report_refund(owner, "succeeded", 10_000, outbox_id=job["id"])

    answer = service.call(
        "finish_outbox",
        outbox_id=job["id"],
        lease_token=job["lease_token"],
        stripe_object_id="re_1",
        result='{"status": "succeeded"}',
    )
    assert ("processed", {"stale": True}) == (reported["outcome"], answer)
    assert [(10_000, "succeeded", "re_1")] == refunds(owner)
    [row] = outbox_rows(owner, "refund")
    assert ("done", "re_1") == (row["status"], row["stripe_object_id"])
    assert [] == drift(owner)


def test_refund_events_are_counted_once(owner: Connection, order_id: UUID) -> None:
    """A refund and status have one effect; a repetition and a late pending have none."""
    paid(owner, order_id)

    outcomes = [
        report_refund(owner, status, 3_000)["outcome"]
        for status in ("pending", "succeeded", "succeeded", "pending", "requires_action")
    ]

    assert ["processed", "processed"] + ["order_already_processed"] * 3 == outcomes
    assert [(3_000, "succeeded", "re_1")] == refunds(owner)
    assert 3_000 == order_row(owner, order_id)["refunded_cents"]
    assert [] == drift(owner)


def test_refund_made_outside_counts(owner: Connection, order_id: UUID) -> None:
    """A dashboard refund is posted, and a full one ends the order.

    A12: only its intent finds the order.
    """
    paid(owner, order_id)

    report_refund(owner, "pending", 10_000)
    order = order_row(owner, order_id)
    assert ("paid", True) == (order["state"], order["refund_pending"])
    report_refund(owner, "succeeded", 10_000)

    assert "refunded" == order_row(owner, order_id)["state"]
    assert [] == drift(owner)


def test_events_in_any_order_end_the_same(owner: Connection, order_id: UUID) -> None:
    """Two partial refunds have the same end in any sequence of events."""
    paid(owner, order_id)
    ends = set()

    reported = [
        ("re_1", 4_000, "pending"),
        ("re_1", 4_000, "succeeded"),
        ("re_2", 6_000, "succeeded"),
    ]
    for order in itertools.permutations(reported):
        owner.execute("savepoint before")
        for refund_id, amount, status in order:
            report_refund(owner, status, amount, stripe_refund_id=refund_id)
        row = order_row(owner, order_id)
        ends.add((row["state"], row["refunded_cents"], row["refund_pending"], str(drift(owner))))
        owner.execute("rollback to before")

    assert {("refunded", 10_000, False, "[]")} == ends


def test_refund_of_another_payment_is_not_ours(owner: Connection, order_id: UUID) -> None:
    """An outbox id that belongs to another payment does not settle our refund."""
    paid(owner, order_id)
    refund_requested(owner, order_id, 3_000)
    [row] = outbox_rows(owner, "refund")
    succeeded(owner, order_id, "pi_second")

    report_refund(owner, "succeeded", 10_000, outbox_id=row["id"], intent="pi_second")

    assert [(3_000, "pending")] == [
        (amount, status) for amount, status, _ in refunds(owner) if amount == 3_000
    ]
    assert 0 == order_row(owner, order_id)["refunded_cents"]


def test_refund_of_an_unknown_intent_asks_for_its_order(owner: Connection, order_id: UUID) -> None:
    """A refund of an unknown intent raises INTENT_UNKNOWN until the caller names the order."""
    with pytest.raises(psycopg.DatabaseError, match="INTENT_UNKNOWN") as raised:
        report_refund(owner, "succeeded", 10_000)
    assert "PT409" == raised.value.sqlstate

    for order_ref in (str(uuid4()), "not-an-id"):
        answer = report_refund(owner, "succeeded", 10_000, order_ref=order_ref)
        assert ("order_not_found", ["order_not_found"]) == (answer["outcome"], answer["alerts"])
    assert order_row(owner, order_id)["state"] == "pending_payment"


@pytest.mark.parametrize("is_attached", [True, False])
def test_refund_waits_for_its_payment(
    owner: Connection, order_id: UUID, service: Actor, *, is_attached: bool
) -> None:
    """A refund that precedes its payment is retried once the payment is booked."""
    if is_attached:
        attached(owner, order_id)
    token = uuid4()
    event_id = stored(owner, "refund.updated", lease_token=token)
    refund = {
        "event_id": event_id,
        "stripe_refund_id": "re_1",
        "outbox_id": None,
        "payment_intent_id": "pi_current",
        "amount_cents": 10_000,
        "status": "succeeded",
        "order_ref": str(order_id),
    }
    with pytest.raises(psycopg.DatabaseError, match="PREDECESSOR_MISSING") as raised:
        service.call("apply_refund", **refund)
    assert "PT409" == raised.value.sqlstate
    failure = {"error_code": "PREDECESSOR_MISSING", "error_message": "", "lease_token": token}
    service.call("fail_webhook_event", event_id=event_id, **failure)
    assert [] == service.call("claim_webhook_retries", max_rows=10, lease_s=60)

    if not is_attached:
        attached(owner, order_id)
    succeeded(owner, order_id)

    [row] = service.call("claim_webhook_retries", max_rows=10, lease_s=60)
    assert event_id == row["event_id"]
    assert "processed" == service.call("apply_refund", **refund)["outcome"]
    assert "refunded" == order_row(owner, order_id)["state"]
    assert [] == drift(owner)


def test_ended_order_stays_ended(owner: Connection, order_id: UUID) -> None:
    """No event moves an ended order; the failure raises an alert."""
    paid(owner, order_id)
    report_refund(owner, "succeeded", 10_000)

    answer = report_refund(owner, "failed", 10_000)

    assert ["refund_failed"] == answer["alerts"]
    assert "refunded" == order_row(owner, order_id)["state"]


def test_stale_success_waits_for_the_failure(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """A success that exceeds the payment waits until the other refund fails.

    R1 succeeded and failed later at Stripe; a full R2 was made after that, and its event is
    first.
    """
    paid(owner, order_id)
    report_refund(owner, "succeeded", 10_000, stripe_refund_id="re_2")
    token = uuid4()
    event_id = stored(owner, "refund.updated", lease_token=token)
    stale = {
        "event_id": event_id,
        "stripe_refund_id": "re_1",
        "outbox_id": None,
        "payment_intent_id": INTENT,
        "amount_cents": 10_000,
        "status": "succeeded",
    }

    with pytest.raises(psycopg.DatabaseError, match="REFUND_CONTRADICTED") as raised:
        service.call("apply_refund", **stale)

    assert "PT409" == raised.value.sqlstate
    assert [(10_000, "succeeded", "re_2")] == refunds(owner)
    failure = {"error_code": "REFUND_CONTRADICTED", "error_message": "", "lease_token": token}
    service.call("fail_webhook_event", event_id=event_id, **failure)
    assert [] == service.call("claim_webhook_retries", max_rows=10, lease_s=60)
    report_refund(owner, "failed", 10_000, stripe_refund_id="re_2")
    [row] = service.call("claim_webhook_retries", max_rows=10, lease_s=60)
    assert event_id == row["event_id"]
    assert "processed" == service.call("apply_refund", **stale)["outcome"]
    assert 10_000 == order_row(owner, order_id)["refunded_cents"]
    assert [] == drift(owner)


def test_stale_success_is_due_when_its_own_failure_is_known(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """A success that waits has no effect once its refund has failed, and waits no longer."""
    paid(owner, order_id)
    report_refund(owner, "succeeded", 10_000, stripe_refund_id="re_2")
    token = uuid4()
    event_id = stored(owner, "refund.updated", lease_token=token)
    failure = {"error_code": "REFUND_CONTRADICTED", "error_message": "", "lease_token": token}
    service.call("fail_webhook_event", event_id=event_id, **failure)

    report_refund(owner, "failed", 10_000, stripe_refund_id="re_1")

    [row] = service.call("claim_webhook_retries", max_rows=10, lease_s=60)
    assert event_id == row["event_id"]
    answer = service.call(
        "apply_refund",
        event_id=event_id,
        stripe_refund_id="re_1",
        outbox_id=None,
        payment_intent_id=INTENT,
        amount_cents=10_000,
        status="succeeded",
    )
    assert "order_already_processed" == answer["outcome"]
    assert [] == drift(owner)


def test_failure_told_after_all_is_applied_before_its_success(
    owner: Connection, order_id: UUID
) -> None:
    """A success that arrives after the refund's failure has no effect."""
    paid(owner, order_id)
    report_refund(owner, "failed", 10_000, stripe_refund_id="re_1")
    report_refund(owner, "succeeded", 10_000, stripe_refund_id="re_2")

    answer = report_refund(owner, "succeeded", 10_000, stripe_refund_id="re_1")

    assert "order_already_processed" == answer["outcome"]
    assert 10_000 == order_row(owner, order_id)["refunded_cents"]
    assert [] == drift(owner)


@pytest.mark.parametrize("is_stray", [True, False])
@pytest.mark.parametrize("amount", [1, 10_000])
def test_refunds_never_exceed_their_payment(
    owner: Connection, order_id: UUID, *, amount: int, is_stray: bool
) -> None:
    """Refunds of a stray never exceed it either."""
    paid(owner, order_id)
    intent = INTENT
    if is_stray:
        intent = "pi_stray"
        succeeded(owner, order_id, intent)
    report_refund(owner, "succeeded", 10_000, stripe_refund_id="re_2", intent=intent)

    with pytest.raises(psycopg.DatabaseError, match="REFUND_CONTRADICTED"), owner.transaction():
        report_refund(owner, "succeeded", amount, stripe_refund_id="re_1", intent=intent)

    assert (
        "processed"
        == (
            report_refund(owner, "pending", amount, stripe_refund_id="re_1", intent=intent)[
                "outcome"
            ]
        )
    )
    report_refund(owner, "failed", amount, stripe_refund_id="re_1", intent=intent)
    assert [] == drift(owner)


def test_our_own_answer_waits_too_when_it_exceeds(owner: Connection, order_id: UUID) -> None:
    """The worker's row is settled, and its refund stays pending until the other one fails."""
    paid(owner, order_id)
    refund_requested(owner, order_id, None)
    report_refund(owner, "succeeded", 10_000, stripe_refund_id="re_outside")

    assert "done" == refund_finished(owner, "succeeded", "re_ours")["status"]

    order = order_row(owner, order_id)
    assert ("refunded", 10_000, True) == (
        order["state"],
        order["refunded_cents"],
        order["refund_pending"],
    )
    assert [] == drift(owner)
    report_refund(owner, "failed", 10_000, stripe_refund_id="re_outside")
    report_refund(owner, "succeeded", 10_000, stripe_refund_id="re_ours")
    order = order_row(owner, order_id)
    assert (10_000, False) == (order["refunded_cents"], order["refund_pending"])
    assert [] == drift(owner)


def test_refund_refused_by_stripe_is_reversed(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """A refused refund is reversed, and one that Stripe made all the same is posted as another."""
    paid(owner, order_id)
    refund_requested(owner, order_id, 3_000)
    [job] = service.call("claim_outbox", max_rows=10, lease_s=60)

    answer = service.call(
        "reject_outbox",
        outbox_id=job["id"],
        lease_token=job["lease_token"],
        error_code="STRIPE_REJECTED",
    )

    assert (False, "canceled", ["outbox_row_rejected", "refund_failed"]) == (
        answer["stale"],
        answer["status"],
        answer["alerts"],
    )
    assert [(3_000, "failed", None)] == refunds(owner)
    assert False is order_row(owner, order_id)["refund_pending"]
    assert [] == drift(owner)
    report_refund(owner, "succeeded", 3_000, outbox_id=job["id"])
    assert 3_000 == order_row(owner, order_id)["refunded_cents"]
    assert [] == drift(owner)
