"""Checks of orders, payments, refunds, payouts and books against the objects at Stripe."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tests.proof.chaos.buying import state_of
from tests.proof.chaos.facts import Facts, Row
from tests.proof.chaos.plan import Ending
from tests.sql.money.books import Money, fee


#: The number of things that were looked at, and the problems.
Found = tuple[int, list[str]]
_STEPS = ("paid", "ready_for_handover", "shipped", "delivered", "released")
_ROUTES: Mapping[Ending, Sequence[str]] = {
    Ending.UNPAID: (),
    Ending.RELEASED: _STEPS,
    Ending.CANCELLED: ("paid", "cancelled"),
    Ending.REFUNDED: ("paid", "refunded"),
}


def states(facts: Facts) -> Found:
    """Each order is in the state in which its parties left it."""
    problems = [
        f"order {order['id']} is {order['state']}, expected {state_of(sale.ending)}"
        for order, sale in facts.sold()
        if order["state"] != state_of(sale.ending)
    ]
    return len(facts.rows["orders"]), problems


def histories(facts: Facts) -> Found:
    """Each order has entered each state of its path once, and no other state."""
    events = facts.by("order_events", "order_id")
    problems = []
    for order, sale in facts.sold():
        expected = ["pending_payment", *_ROUTES.get(sale.ending, ("paid",))]
        found = [row["to_state"] for row in events.get(order["id"], ())]
        if found != expected:
            problems.append(f"order {order['id']} was {found}, expected {expected}")
    return len(facts.rows["order_events"]), problems


def payments(facts: Facts) -> Found:
    """Stripe took each order's amount once, and each payment has its row."""
    rows = facts.by("payments", "order_id")
    problems = []
    for order, sale in facts.sold():
        intents = _intents(facts, order)
        taken = {i["id"]: i["amount_received"] for i in intents if i["amount_received"]}
        expected = [] if sale.ending is Ending.UNPAID else [order["amount_cents"]]
        if list(taken.values()) != expected:
            problems.append(f"Stripe took {taken} for order {order['id']}, expected {expected}")
        booked = {
            row["stripe_payment_intent_id"]: row["amount_cents"]
            for row in rows.get(order["id"], ())
            if row["settles_order"]
        }
        if booked != taken:
            problems.append(f"order {order['id']} has the payments {booked}, expected {taken}")
        open_ids = [i["id"] for i in intents if i["status"] not in ("succeeded", "canceled")]
        if open_ids and taken:
            problems.append(f"order {order['id']} is paid, and can be paid again by {open_ids}")
    return len(facts.rows["orders"]), problems


def refunds(facts: Facts) -> Found:
    """Each cancelled or refunded order's money went back once, and no other's."""
    rows = facts.by("refunds", "order_id")
    problems = []
    for order, sale in facts.sold():
        is_back = sale.ending in (Ending.CANCELLED, Ending.REFUNDED)
        expected = [order["amount_cents"]] if is_back else []
        sent = {r["id"]: r["amount"] for r in _refunds(facts, order)}
        booked = {r["stripe_refund_id"]: r["amount_cents"] for r in rows.get(order["id"], ())}
        if list(sent.values()) != expected or booked != sent:
            problems.append(
                f"order {order['id']}: Stripe sent {sent}, we booked {booked}, expected {expected}"
            )
    return len(facts.rows["orders"]), problems


def payouts(facts: Facts) -> Found:
    """Each released order's seller got the seller's part once, and no other seller anything."""
    rows = facts.by("payouts", "order_id")
    problems = []
    for order, sale in facts.sold():
        is_released = sale.ending is Ending.RELEASED
        part = order["amount_cents"] - fee(order["amount_cents"])
        own = rows.get(order["id"], ())
        sent = [
            (one["id"], one["amount"], one["amount_reversed"], one["destination"])
            for one in _transfers(facts, order)
        ]
        booked = [
            (
                row["stripe_transfer_id"],
                row["amount_cents"],
                row["reversed_cents"],
                row["stripe_connect_account_id"],
            )
            for row in own
        ]
        expected = [(part, 0)] if is_released else []
        if [one[1:3] for one in sent] != expected or booked != sent:
            problems.append(
                f"order {order['id']}: Stripe sent {sent}, we booked {booked}, expected {expected}"
            )
    return len(facts.rows["payouts"]), problems


def balance(facts: Facts) -> Found:
    """Each posting adds up, and `ledger_drift` finds nothing."""
    problems = [
        f"transaction {r['txn_id']} is off by {r['cents']}" for r in facts.rows["unbalanced"]
    ]
    problems += [f"drift: {row['drift']}" for row in facts.rows["drift"]]
    return len(facts.rows["orders"]), problems


def books(facts: Facts) -> Found:
    """Each account of an order has the balance that Stripe's objects imply, to the cent."""
    accounts: dict[Any, Counter[str]] = {}
    for row in facts.rows["accounts"]:
        accounts.setdefault(row["order_id"], Counter())[row["account"]] = row["cents"]
    problems = []
    for order, sale in facts.sold():
        money = Money(
            captured=sum(i["amount_received"] for i in _intents(facts, order)),
            succeeded=sum(
                r["amount"] for r in _refunds(facts, order) if r["status"] == "succeeded"
            ),
            transferred=sum(t["amount"] - t["amount_reversed"] for t in _transfers(facts, order)),
            is_released=sale.ending is Ending.RELEASED,
        )
        expected = {name: cents for name, cents in money.balances().items() if cents}
        found = dict(accounts.get(order["id"], {}))
        if found != expected:
            problems.append(f"order {order['id']} has {found}, expected {expected}")
    return len(facts.rows["accounts"]), problems


def events(facts: Facts) -> Found:
    """Each event that Stripe made for us is in the inbox, settled."""
    settled = {
        row["event_id"] for row in facts.rows["events"] if row["status"] in ("processed", "ignored")
    }
    problems = [f"event {lost} has no effect" for lost in set(facts.stripe.events) - settled]
    return len(facts.stripe.events), problems


def _intents(facts: Facts, order: Row) -> list[dict[str, Any]]:
    return facts.stripe.objects.intents.get(str(order["id"]), [])


def _refunds(facts: Facts, order: Row) -> list[dict[str, Any]]:
    return [
        refund
        for intent in _intents(facts, order)
        for refund in facts.stripe.objects.refunds.get(intent["id"], [])
    ]


def _transfers(facts: Facts, order: Row) -> list[dict[str, Any]]:
    return facts.stripe.objects.transfers.get(str(order["id"]), [])
