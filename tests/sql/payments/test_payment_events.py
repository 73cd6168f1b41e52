"""Effects of the events of a PaymentIntent, and of `confirm_payment_transaction`, on an order."""

import itertools
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
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
    notified,
    order_row,
    ordered,
    outbox_rows,
    paid,
    report_refund,
    service_of,
    stored,
    succeeded,
)


def confirmed(service: Actor, order_id: UUID, user: Actor, **changes: object) -> Any:
    payment = {
        "order_id": order_id,
        "payment_intent_id": INTENT,
        "charge_id": f"ch_{INTENT}",
        "amount_cents": 10_000,
        "currency": "aud",
        "user_id": user.id,
    }
    return service.call("confirm_payment_transaction", **(payment | changes))


def payment(owner: Connection, intent: str = INTENT) -> tuple[object, ...]:
    query = """
      select status::text, amount_cents, currency, settles_order, error_message
      from public.payments where stripe_payment_intent_id = %s
    """
    [row] = owner.execute(query, [intent]).fetchall()
    return row


def test_success_pays_the_order(
    owner: Connection, order_id: UUID, alice: Actor, seller: Actor
) -> None:
    """A fitting success pays and posts the order, and notifies both parties."""
    attached(owner, order_id)

    answer = succeeded(owner, order_id)

    expected = {
        "outcome": "processed",
        "order_id": str(order_id),
        "outbox_ids": [],
        "alerts": [],
    }
    assert expected == answer
    order = order_row(owner, order_id)
    assert "paid" == order["state"]
    assert order["paid_at"]
    assert ("captured", 10_000, "aud", True, None) == payment(owner)
    assert {"stripe_clearing": 10_000, "buyer": -10_000} == balances(owner, order_id)
    assert "order_paid" in notified(owner, seller)
    assert "payment_received" in notified(owner, alice)
    assert [] == drift(owner)


def test_event_takes_effect_once(owner: Connection, order_id: UUID) -> None:
    """An event id has one effect, whatever its second delivery contains."""
    attached(owner, order_id)
    event_id = stored(owner, "payment_intent.succeeded")
    succeeded(owner, order_id, event_id=event_id)

    again = succeeded(owner, order_id, event_id=event_id, amount_cents=1)

    assert ("already_processed", str(order_id)) == (again["outcome"], again["order_id"])
    assert ("captured", 10_000, "aud", True, None) == payment(owner)
    assert [] == drift(owner)


def test_second_event_about_the_same_money_has_no_effect(owner: Connection, order_id: UUID) -> None:
    """One intent of an order pays once, whichever event comes first (case 16)."""
    paid(owner, order_id)
    before = balances(owner, order_id)

    assert "order_already_processed" == succeeded(owner, order_id)["outcome"]

    assert before == balances(owner, order_id)
    query = "select outcome, status::text from public.webhook_events order by outcome"
    assert [
        ("order_already_processed", "processed"),
        ("processed", "processed"),
    ] == owner.execute(query).fetchall()


def test_confirmation_and_event_are_one_payment(
    owner: Connection, order_id: UUID, service: Actor, alice: Actor
) -> None:
    """Browser and webhook make one payment and one CAPTURE, in either sequence."""
    attached(owner, order_id)
    answer = confirmed(service, order_id, alice)
    assert (True, "paid", str(order_id)) == (
        answer["success"],
        answer["state"],
        answer["order_id"],
    )

    assert "order_already_processed" == succeeded(owner, order_id)["outcome"]
    assert answer == confirmed(service, order_id, alice)

    assert {"stripe_clearing": 10_000, "buyer": -10_000} == balances(owner, order_id)
    assert 1 == notified(owner, alice).count("payment_received")


def test_confirmation_is_the_buyers(
    owner: Connection, order_id: UUID, service: Actor, bob: Actor, seller: Actor, alice: Actor
) -> None:
    """Another user, an unknown order and another order's intent are refused without a trace."""
    attached(owner, order_id)
    other_id = ordered(seller, bob)

    assert "FORBIDDEN" == confirmed(service, order_id, bob)["code"]
    assert "RESOURCE_NOT_FOUND" == confirmed(service, uuid4(), alice)["code"]
    assert "TRANSACTION_FAILED" == confirmed(service, other_id, bob)["code"]
    assert {} == balances(owner, order_id)
    assert {} == balances(owner, other_id)


def test_confirmation_of_a_stray_is_recorded(
    owner: Connection, order_id: UUID, service: Actor, alice: Actor
) -> None:
    """A stray is booked and refunded too if the browser reports it before the event."""
    attached(owner, order_id)

    answer = confirmed(service, order_id, alice, amount_cents=9_999)

    assert (False, "TRANSACTION_FAILED", "pending_payment") == (
        answer["success"],
        answer["code"],
        answer["state"],
    )
    assert ["stray_payment:amount_differs"] == answer["alerts"]
    assert 1 == len(outbox_rows(owner, "auto_refund"))
    assert False is confirmed(service, order_id, alice, amount_cents=9_999)["success"]
    assert [] == drift(owner)


@pytest.mark.parametrize("apply", [succeeded, declined])
def test_charge_of_another_intent_is_unreadable(
    owner: Connection, order_id: UUID, apply: Callable[..., Any]
) -> None:
    """Stripe makes each charge for one intent, so one of the two events is wrong."""
    declined(owner, order_id, "ch_1", "pi_other")

    with pytest.raises(psycopg.DatabaseError, match="PAYLOAD_UNREADABLE"):
        apply(owner, order_id, charge_id="ch_1")


@pytest.mark.parametrize(
    ("argument", "value"),
    [("payment_intent_id", None), ("amount_cents", None), ("amount_cents", 0), ("currency", "AUD")],
)
def test_confirmation_without_a_value_changes_nothing(
    owner: Connection, order_id: UUID, service: Actor, alice: Actor, argument: str, value: object
) -> None:
    """An intent that cannot be read has a code, as in an event, and books nothing."""
    attached(owner, order_id)

    with pytest.raises(psycopg.DatabaseError, match="PAYLOAD_UNREADABLE"):
        confirmed(service, order_id, alice, **{argument: value})

    assert "pending_payment" == order_row(owner, order_id)["state"]
    assert {} == balances(owner, order_id)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount_cents": 9_999}, "amount_differs"),
        ({"amount_cents": 10_001}, "amount_differs"),
        ({"currency": "usd"}, "currency_differs"),
        ({"buyer_id": str(uuid4())}, "buyer_differs"),
        ({"buyer_id": None}, "buyer_differs"),
        ({"intent": "pi_other"}, "intent_is_not_current"),
    ],
)
def test_stray_is_recorded_and_goes_back(
    owner: Connection, order_id: UUID, changes: dict[str, Any], reason: str
) -> None:
    """A payment that does not fit is posted in its currency and refunded (C3)."""
    attached(owner, order_id)
    before = order_row(owner, order_id)
    intent = str(changes.get("intent", INTENT))
    amount = int(changes.get("amount_cents", 10_000))

    answer = succeeded(owner, order_id, **changes)

    assert ("processed", [f"stray_payment:{reason}"]) == (answer["outcome"], answer["alerts"])
    after = order_row(owner, order_id)
    changed = {key for key in before if before[key] != after[key]}
    # The order detaches an intent whose payment did not fit.
    assert ({"stripe_payment_intent_id", "updated_at"} if intent == INTENT else set()) == changed
    assert ("captured", amount, changes.get("currency", "aud"), False, None) == payment(
        owner, intent
    )
    [row] = outbox_rows(owner, "auto_refund")
    assert [row["id"]] == answer["outbox_ids"]
    [(refund_id,)] = owner.execute("select id from public.refunds").fetchall()
    assert {
        "payment_intent_id": intent,
        "amount_cents": amount,
        "refund_id": str(refund_id),
        "order_id": str(order_id),
    } == row["payload"]
    assert {"stripe_clearing": amount, "refunds": -amount} == balances(owner, order_id)
    assert [] == drift(owner)


def test_order_outlives_a_stray_of_its_own_intent(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """After a stray the buyer may pay by another intent until the order is due."""
    attached(owner, order_id)
    succeeded(owner, order_id, amount_cents=9_999)
    owner.execute("savepoint stray")

    assert attached(owner, order_id, "pi_next")["success"]
    assert [] == succeeded(owner, order_id, "pi_next")["alerts"]
    assert "paid" == order_row(owner, order_id)["state"]
    assert [] == drift(owner)

    owner.execute("rollback to stray")
    move_time(owner, "49 hours")
    assert 1 == service.call("expire_unpaid_orders")


def test_success_on_a_cancelled_order_goes_back(owner: Connection, order_id: UUID) -> None:
    """A payment of a cancelled order is refunded in full, with an alert (C2)."""
    attached(owner, order_id)
    moved(owner, order_id, "cancelled", "seller")

    answer = succeeded(owner, order_id)

    assert ["stray_payment:order_cancelled"] == answer["alerts"]
    assert "cancelled" == order_row(owner, order_id)["state"]
    report_refund(owner, "succeeded", 10_000, outbox_id=answer["outbox_ids"][0])
    assert ({}, []) == (balances(owner, order_id), drift(owner))
    assert "cancelled" == order_row(owner, order_id)["state"]


def test_second_intent_of_a_paid_order_goes_back(owner: Connection, order_id: UUID) -> None:
    """A second payment is refunded, and the order stays paid (C2)."""
    paid(owner, order_id)

    answer = succeeded(owner, order_id, "pi_second")

    assert ["stray_payment:order_is_settled"] == answer["alerts"]
    reported = report_refund(
        owner, "succeeded", 10_000, outbox_id=answer["outbox_ids"][0], intent="pi_second"
    )
    assert "processed" == reported["outcome"]
    order = order_row(owner, order_id)
    assert ("paid", 0, False) == (
        order["state"],
        order["refunded_cents"],
        order["refund_pending"],
    )
    assert ("refunded", 10_000, "aud", False, None) == payment(owner, "pi_second")
    assert {"stripe_clearing": 10_000, "buyer": -10_000} == balances(owner, order_id)
    assert [] == drift(owner)


@pytest.mark.parametrize(
    "order_ref", ["99526cff-f687-4b04-9c29-448c2c9c8324", "canary-1", "", None]
)
def test_unknown_order_is_noted(owner: Connection, order_id: UUID, order_ref: str | None) -> None:
    """An event with an unknown or malformed order id is settled with an alert (C5)."""
    service = Actor(connection=owner, role="service_role")
    event_id = stored(owner, "payment_intent.succeeded")

    answer = service.call(
        "apply_payment_succeeded",
        event_id=event_id,
        order_id=order_ref,
        payment_intent_id=INTENT,
        charge_id="ch_1",
        amount_cents=10_000,
        currency="aud",
        buyer_id="nobody",
    )

    assert ("order_not_found", None, ["order_not_found"]) == (
        answer["outcome"],
        answer["order_id"],
        answer["alerts"],
    )
    assert [("ignored", "order_not_found")] == owner.execute(
        "select status::text, outcome from public.webhook_events"
    ).fetchall()
    assert {} == balances(owner, order_id)


def test_intent_of_another_order_settles_nothing(
    owner: Connection, order_id: UUID, seller: Actor, bob: Actor
) -> None:
    """An event that names an order with another intent is ignored, with an alert."""
    attached(owner, order_id)
    other_id = ordered(seller, bob)

    answer = succeeded(owner, other_id)

    assert ("ignored", ["intent_of_another_order"]) == (answer["outcome"], answer["alerts"])
    assert {} == balances(owner, other_id)
    assert "processed" == succeeded(owner, order_id)["outcome"]


def test_success_after_declines_pays(owner: Connection, order_id: UUID, alice: Actor) -> None:
    """Each decline notifies the buyer once, and a later success still pays (C1, case 16)."""
    attached(owner, order_id)

    outcomes = [declined(owner, order_id, charge)["outcome"] for charge in ("ch_1", "ch_2", "ch_2")]

    assert ["processed", "processed", "order_already_processed"] == outcomes
    assert "pending_payment" == order_row(owner, order_id)["state"]
    assert ("failed", 10_000, "aud", False, "Your card was declined.") == payment(owner)
    assert 2 == notified(owner, alice).count("payment_failed")
    assert "processed" == succeeded(owner, order_id)["outcome"]
    assert "paid" == order_row(owner, order_id)["state"]
    assert ("captured", 10_000, "aud", True, None) == payment(owner)


def test_late_decline_never_undoes_a_payment(
    owner: Connection, order_id: UUID, alice: Actor
) -> None:
    """A decline that arrives after the success changes nothing."""
    paid(owner, order_id)

    answer = declined(owner, order_id, "ch_early")

    assert ("order_already_processed", []) == (answer["outcome"], answer["alerts"])
    assert ("captured", 10_000, "aud", True, None) == payment(owner)
    assert "payment_failed" not in notified(owner, alice)


@pytest.mark.parametrize("end", ["cancelled", "paid_by_another", "due"])
def test_late_decline_asks_for_no_other_try(
    owner: Connection, order_id: UUID, alice: Actor, end: str
) -> None:
    """A decline notifies the buyer only while the order can be paid."""
    attached(owner, order_id)
    if end == "cancelled":
        moved(owner, order_id, "cancelled", "seller")
    elif end == "due":
        move_time(owner, "49 hours")
    else:
        canceled(owner, order_id)
        attached(owner, order_id, "pi_next")
        succeeded(owner, order_id, "pi_next")
        owner.execute(
            "update public.payments set status = 'processing' where stripe_payment_intent_id = %s",
            [INTENT],
        )

    answer = declined(owner, order_id, "ch_late")

    assert "processed" == answer["outcome"]
    assert ("failed", 10_000, "aud", False, "Your card was declined.") == payment(owner)
    assert "payment_failed" not in notified(owner, alice)


@pytest.mark.parametrize("order", [*itertools.permutations(["declined", "canceled", "paid"])])
def test_order_of_arrival_does_not_matter_for_the_money(
    owner: Connection, order_id: UUID, order: tuple[str, ...]
) -> None:
    """Captured money settles the order or is refunded, in any sequence of events (case 16)."""
    attached(owner, order_id)

    for event in order:
        if event == "declined":
            declined(owner, order_id, "ch_1")
        elif event == "canceled":
            canceled(owner, order_id)
        else:
            succeeded(owner, order_id)

    # Only a current intent pays: one that was told canceled first is detached, so its money
    # goes back. Stripe cancels no intent that has succeeded.
    expected = "pending_payment" if order.index("canceled") < order.index("paid") else "paid"
    assert expected == order_row(owner, order_id)["state"]
    assert (expected != "paid") == bool(outbox_rows(owner, "auto_refund"))
    assert [] == drift(owner)


def test_canceled_intent_is_detached(owner: Connection, order_id: UUID) -> None:
    """A canceled intent is detached once, and the order accepts another one."""
    attached(owner, order_id)

    outcomes = [canceled(owner, order_id)["outcome"] for _ in range(2)]

    assert ["processed", "order_already_processed"] == outcomes
    order = order_row(owner, order_id)
    assert ("pending_payment", None) == (order["state"], order["stripe_payment_intent_id"])
    assert {"success": True, "payment_intent_id": "pi_2"} == attached(owner, order_id, "pi_2")


def test_stale_cancellation_leaves_the_current_intent(owner: Connection, order_id: UUID) -> None:
    """The cancellation of an earlier intent changes nothing (C15)."""
    attached(owner, order_id)

    assert "processed" == canceled(owner, order_id, "pi_stale")["outcome"]

    order = order_row(owner, order_id)
    assert ("pending_payment", INTENT) == (order["state"], order["stripe_payment_intent_id"])


def test_retried_success_clears_its_error(owner: Connection, order_id: UUID) -> None:
    """An event that failed before and then succeeds shows no stale error (C5)."""
    attached(owner, order_id)
    token = uuid4()
    event_id = stored(owner, "payment_intent.succeeded", lease_token=token)
    service = Actor(connection=owner, role="service_role")
    service.call(
        "fail_webhook_event",
        event_id=event_id,
        error_code="DATABASE_ERROR",
        error_message="gone",
        lease_token=token,
    )

    succeeded(owner, order_id, event_id=event_id)

    query = """
      select status::text, error_code, error_message, next_attempt_at, lease_token
      from public.webhook_events
    """
    assert [("processed", None, None, None, None)] == owner.execute(query).fetchall()


def test_late_success_pays_while_the_order_waits(owner: Connection, order_id: UUID) -> None:
    """A success after the due time pays an order that is not cancelled yet."""
    attached(owner, order_id)
    move_time(owner, "72 hours")

    assert [] == succeeded(owner, order_id)["alerts"]
    assert "paid" == order_row(owner, order_id)["state"]


def authorized(owner: Connection, order_id: UUID, cents: int = AMOUNT) -> Any:
    return service_of(owner).call(
        "apply_payment_authorized",
        event_id=stored(owner, "payment_intent.amount_capturable_updated"),
        order_id=str(order_id),
        payment_intent_id=INTENT,
        capturable_cents=cents,
    )


def payment_state(owner: Connection) -> tuple[str, int]:
    query = "select status::text, capturable_amount_cents from public.payments"
    [(status, cents)] = owner.execute(query).fetchall()
    return str(status), int(cents)


def test_authorization_changes_the_payment_alone(owner: Connection, order_id: UUID) -> None:
    """An authorization changes the payment, and only the capture pays the order."""
    attached(owner, order_id)

    outcomes = [authorized(owner, order_id, cents)["outcome"] for cents in (AMOUNT, AMOUNT, 9_000)]

    assert ["processed", "order_already_processed", "processed"] == outcomes
    assert ("authorized", 9_000) == payment_state(owner)
    assert "pending_payment" == order_row(owner, order_id)["state"]
    assert {} == balances(owner, order_id)


@pytest.mark.parametrize("is_late", [True, False])
@pytest.mark.parametrize("event", ["declined", "canceled", "succeeded"])
def test_authorization_ends_the_same_in_any_sequence(
    owner: Connection, order_id: UUID, event: str, *, is_late: bool
) -> None:
    """An authorization after a decline, capture or cancellation has the same end."""
    attached(owner, order_id)
    if not is_late:
        authorized(owner, order_id)
    {
        "declined": lambda: declined(owner, order_id, "ch_declined"),
        "canceled": lambda: canceled(owner, order_id),
        "succeeded": lambda: succeeded(owner, order_id),
    }[event]()
    if is_late:
        authorized(owner, order_id)

    assert {
        "declined": ("authorized", AMOUNT),
        "canceled": ("cancelled", 0),
        "succeeded": ("captured", 0),
    }[event] == payment_state(owner)
    assert [] == drift(owner)


def lost(owner: Connection, order_id: UUID, dedupe_key: str) -> Any:
    """Apply an event that an unknown intent of the order was paid, as after a restore."""
    payload = json.dumps({"metadata": {"dedupe_key": dedupe_key}})
    event_id = stored(owner, "payment_intent.succeeded", "pi_lost", payload=payload)
    return succeeded(owner, order_id, "pi_lost", event_id=event_id)


def test_intent_that_a_restore_has_lost_pays(owner: Connection, order_id: UUID) -> None:
    """An intent of ours that a restore has lost pays its order."""
    answer = lost(owner, order_id, f"intent:{order_id}:1")

    assert ("processed", []) == (answer["outcome"], answer["alerts"])
    order = order_row(owner, order_id)
    assert ("paid", "pi_lost") == (order["state"], order["stripe_payment_intent_id"])
    assert [] == drift(owner)


def test_lost_intent_pays_after_its_lost_decline(owner: Connection, order_id: UUID) -> None:
    """A lost intent pays its order after the events of its declines."""
    declined(owner, order_id, "ch_declined", "pi_lost")

    answer = lost(owner, order_id, f"intent:{order_id}:1")

    assert ("processed", []) == (answer["outcome"], answer["alerts"])
    assert "paid" == order_row(owner, order_id)["state"]
    assert [] == drift(owner)


@pytest.mark.parametrize("is_canceled_first", [True, False])
def test_lost_intent_of_a_later_attempt_pays(
    owner: Connection, order_id: UUID, *, is_canceled_first: bool
) -> None:
    """Two lost attempts have the same end in any sequence of their events."""
    if is_canceled_first:
        canceled(owner, order_id, "pi_first")

    answer = lost(owner, order_id, f"intent:{order_id}:2")

    if not is_canceled_first:
        canceled(owner, order_id, "pi_first")
    assert [] == answer["alerts"]
    order = order_row(owner, order_id)
    assert ("paid", "pi_lost") == (order["state"], order["stripe_payment_intent_id"])
    assert [] == drift(owner)


def test_confirmation_of_a_lost_intent_waits_for_its_event(
    owner: Connection, order_id: UUID, service: Actor, alice: Actor
) -> None:
    """The confirmation of a lost intent waits, because only the event shows that we made it."""
    answer = confirmed(service, order_id, alice, payment_intent_id="pi_lost")

    assert "TRANSACTION_FAILED" == answer["code"]
    assert [] == outbox_rows(owner, "auto_refund")
    lost(owner, order_id, f"intent:{order_id}:1")
    assert confirmed(service, order_id, alice, payment_intent_id="pi_lost")["success"]
    assert "paid" == order_row(owner, order_id)["state"]


def test_lost_intent_that_was_a_stray_stays_one(owner: Connection, order_id: UUID) -> None:
    """A second event about a rejected payment does not make its intent the current one."""
    attached(owner, order_id, "pi_lost")
    assert succeeded(owner, order_id, "pi_lost", amount_cents=9_999)["alerts"]

    answer = lost(owner, order_id, f"intent:{order_id}:1")

    assert "order_already_processed" == answer["outcome"]
    assert None is order_row(owner, order_id)["stripe_payment_intent_id"]


@pytest.mark.parametrize("key", ["intent:{}:0", "intent:{}", "refund:{}:1", "intent:other:1"])
def test_intent_that_we_did_not_make_is_a_stray(
    owner: Connection, order_id: UUID, key: str
) -> None:
    """A lost intent without our key in its metadata is a stray."""
    answer = lost(owner, order_id, key.format(order_id))

    assert ["stray_payment:intent_is_not_current"] == answer["alerts"]
    assert "pending_payment" == order_row(owner, order_id)["state"]
    assert [] == drift(owner)


@pytest.mark.parametrize("state", ["attached", "cancelled"])
def test_lost_intent_replaces_nothing(owner: Connection, order_id: UUID, state: str) -> None:
    """A lost intent replaces no current one, and pays no ended order."""
    if state == "attached":
        attached(owner, order_id)
    else:
        moved(owner, order_id, "cancelled", "seller")

    assert lost(owner, order_id, f"intent:{order_id}:1")["alerts"]

    assert [] == drift(owner)
