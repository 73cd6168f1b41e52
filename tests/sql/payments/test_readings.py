"""Objects that reconcile reads from Stripe again: claimed in turn, applied as their events are."""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time
from tests.sql.paying import (
    AMOUNT,
    INTENT,
    attached,
    balances,
    canceled,
    declined,
    drift,
    moved,
    order_row,
    ordered,
    outbox_rows,
    paid,
    refund_requested,
    report_refund,
    succeeded,
)


def record(service: Actor, order_id: UUID, status: str, **changes: Any) -> Any:
    buyer = order_row(service.connection, order_id)["buyer_id"]
    intent = {
        "order_id": order_id,
        "payment_intent_id": INTENT,
        "status": status,
        "charge_id": "ch_1",
        "amount_cents": AMOUNT,
        "currency": "aud",
        "buyer_id": buyer,
    }
    return service.call("record_intent", **(intent | changes))


def claimed(service: Actor, **limit: int) -> list[str]:
    return [row["payment_intent_id"] for row in service.call("claim_open_intents", **limit)]


def test_open_intents_are_claimed_in_turn(
    owner: Connection, seller: Actor, alice: Actor, service: Actor
) -> None:
    """Each open intent is claimed at most every ten minutes, and a batch has a limit."""
    for number in range(3):
        attached(owner, ordered(seller, alice), f"pi_{number}")
    assert [] == claimed(service)
    move_time(owner, "11 minutes")

    first, second = claimed(service, max_rows=2), claimed(service, max_rows=2)

    assert (2, 1) == (len(first), len(second))
    assert {"pi_0", "pi_1", "pi_2"} == {*first, *second}
    assert [] == claimed(service)
    move_time(owner, "11 minutes")
    assert {"pi_0", "pi_1", "pi_2"} == set(claimed(service))


def test_settled_intents_are_not_claimed(
    owner: Connection, seller: Actor, alice: Actor, service: Actor
) -> None:
    """A decline leaves an intent open; a capture and a cancellation are final."""
    orders = [ordered(seller, alice) for _ in range(3)]
    for number, order_id in enumerate(orders):
        attached(owner, order_id, f"pi_{number}")
    declined(owner, orders[0], "ch_0", "pi_0")
    canceled(owner, orders[1], "pi_1")
    succeeded(owner, orders[2], "pi_2")
    move_time(owner, "11 minutes")

    assert ["pi_0"] == claimed(service)


def test_success_without_an_event_pays(owner: Connection, order_id: UUID, service: Actor) -> None:
    """The event about the same intent may come later; one of the two takes effect."""
    attached(owner, order_id)

    outcomes = [record(service, order_id, "succeeded")["outcome"] for _ in range(2)]

    assert ["processed", "order_already_processed"] == outcomes
    assert "order_already_processed" == succeeded(owner, order_id)["outcome"]
    assert "paid" == order_row(owner, order_id)["state"]
    assert {"stripe_clearing": AMOUNT, "buyer": -AMOUNT} == balances(owner, order_id)
    assert [] == drift(owner)


def test_intent_that_a_restore_has_lost_pays_without_an_event(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """A reading of a lost intent pays its order without the event."""
    canceled(owner, order_id)

    answer = record(
        service,
        order_id,
        "succeeded",
        payment_intent_id="pi_lost",
        dedupe_key=f"intent:{order_id}:2",
    )

    assert ("processed", []) == (answer["outcome"], answer["alerts"])
    assert "paid" == order_row(owner, order_id)["state"]
    assert [] == drift(owner)


def test_stray_without_an_event_goes_back(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """A reading of a stray refunds it once, with an alert until that is confirmed."""
    attached(owner, order_id)
    moved(owner, order_id, "cancelled", "seller")

    answers = [record(service, order_id, "succeeded") for _ in range(2)]

    assert [["stray_payment:order_cancelled"]] * 2 == [answer["alerts"] for answer in answers]
    assert 1 == len(outbox_rows(owner, "auto_refund"))
    assert [] == drift(owner)


def test_cancellation_without_an_event_detaches(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """A reading of a canceled intent detaches it, so the buyer may begin another."""
    attached(owner, order_id)

    outcomes = [record(service, order_id, "canceled")["outcome"] for _ in range(2)]

    assert ["processed", "order_already_processed"] == outcomes
    assert order_row(owner, order_id)["stripe_payment_intent_id"] is None


@pytest.mark.parametrize("status", ["requires_payment_method", "processing", "requires_action"])
def test_open_intent_changes_nothing(
    owner: Connection, order_id: UUID, service: Actor, status: str
) -> None:
    """A reading of an open intent changes nothing."""
    attached(owner, order_id)

    assert "ignored" == record(service, order_id, status)["outcome"]

    assert INTENT == order_row(owner, order_id)["stripe_payment_intent_id"]


def test_intent_of_another_order_changes_nothing(
    owner: Connection, order_id: UUID, service: Actor, seller: Actor, alice: Actor
) -> None:
    """A reading of another order's intent changes nothing."""
    attached(owner, order_id)
    other_id = ordered(seller, alice)

    assert "order_not_found" == record(service, other_id, "succeeded")["outcome"]

    assert {} == balances(owner, other_id)


def test_pending_refund_is_claimed_until_it_ends(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """A pending refund is claimed once Stripe has made it, until it ends."""
    paid(owner, order_id)
    refund_requested(owner, order_id, 1_000)
    move_time(owner, "11 minutes")
    assert [] == service.call("claim_open_refunds")
    [job] = outbox_rows(owner, "refund")
    refund = {
        "stripe_refund_id": "re_1",
        "outbox_id": job["id"],
        "payment_intent_id": INTENT,
        "amount_cents": 1_000,
    }
    report_refund(owner, "pending", 1_000, outbox_id=job["id"])

    assert ["re_1"] == service.call("claim_open_refunds")
    outcomes = [
        service.call("record_refund", **refund, status="succeeded")["outcome"] for _ in range(2)
    ]

    assert ["processed", "order_already_processed"] == outcomes
    move_time(owner, "11 minutes")
    assert [] == service.call("claim_open_refunds")
    assert 1_000 == order_row(owner, order_id)["refunded_cents"]
    assert [] == drift(owner)


def test_failed_refund_without_an_event_raises_its_alert(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """A reading of a failed refund raises the same alert as its event."""
    paid(owner, order_id)
    report_refund(owner, "pending", 1_000)

    answer = service.call(
        "record_refund",
        stripe_refund_id="re_1",
        outbox_id=None,
        payment_intent_id=INTENT,
        amount_cents=1_000,
        status="failed",
    )

    assert ["refund_failed"] == answer["alerts"]
    assert [] == drift(owner)


def test_refund_of_an_unknown_payment_is_ignored(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """A reading of a refund of an unknown payment is ignored."""
    attached(owner, order_id)

    answer = service.call(
        "record_refund",
        stripe_refund_id="re_1",
        outbox_id=None,
        payment_intent_id=INTENT,
        amount_cents=1_000,
        status="succeeded",
    )

    assert "ignored" == answer["outcome"]
    assert {} == balances(owner, order_id)


def discarded(service: Actor, *intents: tuple[str, object]) -> int:
    return int(
        service.call(
            "discard_unattached_intents",
            payment_intent_ids=[intent for intent, _ in intents],
            order_refs=[str(order) for _, order in intents],
        )
    )


def test_unattached_intent_is_canceled_once(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """An intent whose creation got no answer is canceled once."""
    attached(owner, order_id)
    intents = [("pi_hidden", order_id), (INTENT, order_id), ("pi_else", "not an id")]

    assert [1, 0] == [discarded(service, *intents) for _ in range(2)]

    [job] = outbox_rows(owner, "cancel_intent")
    assert "pi_hidden" == job["payload"]["payment_intent_id"]
