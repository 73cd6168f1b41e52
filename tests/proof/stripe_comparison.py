"""Compares our rows with the facts that follow from Stripe's final objects."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

import psycopg
import stripe

from tests.integration.service.shop import AMOUNT
from tests.proof.scenarios import ScenarioRun
from tests.sql.money.books import Money


#: The facts about one order that are compared; each begins with its kind.
Facts = Counter[tuple[Any, ...]]

FOUND: Sequence[LiteralString] = (
    "select id::text, 'state', state::text from public.orders",
    """
    select order_id::text, 'payment', stripe_payment_intent_id, status::text, settles_order,
      amount_cents, currency
    from public.payments where status in ('captured', 'partially_refunded', 'refunded')
    """,
    """
    select order_id::text, 'refund', stripe_refund_id, amount_cents, status::text
    from public.refunds
    """,
    """
    select order_id::text, 'dispute', stripe_dispute_id, stripe_status, withdrawn_cents,
      reinstated_cents
    from public.disputes
    """,
    """
    select order_id::text, 'transfer', stripe_transfer_id, amount_cents, reversed_cents
    from public.payouts
    """,
    """
    select order_id::text, 'account', account::text, currency, sum(amount_cents)::bigint
    from public.ledger_entries group by order_id, currency, account having sum(amount_cents) <> 0
    """,
)


@dataclasses.dataclass(frozen=True, slots=True)
class StripeObjects:
    """All objects at Stripe, by their intent or order."""

    intents: Mapping[str, list[dict[str, Any]]]
    refunds: Mapping[str, list[dict[str, Any]]]
    disputes: Mapping[str, list[dict[str, Any]]]
    transfers: Mapping[str, list[dict[str, Any]]]

    @classmethod
    def read(cls, client: stripe.StripeClient) -> "StripeObjects":
        """Read all lists to their ends."""
        v1 = client.v1

        def grouped(service: Any, key: Any) -> dict[str, list[dict[str, Any]]]:
            groups: dict[str, list[dict[str, Any]]] = {}
            for item in service.list({"limit": 100}).auto_paging_iter():
                plain = item.to_dict()
                groups.setdefault(str(key(plain)), []).append(plain)
            return groups

        return cls(
            intents=grouped(v1.payment_intents, lambda item: item["metadata"].get("order_id")),
            refunds=grouped(v1.refunds, lambda item: item["payment_intent"]),
            disputes=grouped(v1.disputes, lambda item: item["payment_intent"]),
            transfers=grouped(v1.transfers, lambda item: item["transfer_group"]),
        )


def expected(run: ScenarioRun, objects: StripeObjects) -> Facts:
    """Return the facts about one order that Stripe's objects imply."""
    facts: Facts = Counter({("state", run.scenario.state): 1})
    accounts: Counter[tuple[str, str]] = Counter()
    for intent in objects.intents.get(run.order.id, []):
        if intent["status"] != "succeeded":
            continue
        money = _money(run, intent, objects)
        status = "partially_refunded" if money.succeeded else "captured"
        if money.succeeded == money.captured:
            status = "refunded"
        facts[
            "payment",
            intent["id"],
            status,
            intent["id"] == run.settling,
            money.captured,
            intent["currency"],
        ] += 1
        for account, cents in money.balances().items():
            accounts[account, intent["currency"]] += cents
        facts += _facts_of_intent(intent["id"], objects)
    for transfer in objects.transfers.get(run.order.id, []):
        facts["transfer", transfer["id"], transfer["amount"], transfer["amount_reversed"]] += 1
    for (account, currency), cents in accounts.items():
        facts["account", account, currency, cents] += int(cents != 0)
    return +facts


def found(db: psycopg.Connection, order_ids: Sequence[str]) -> dict[str, Facts]:
    """Return the facts that our rows hold about each order."""
    facts: dict[str, Facts] = {order_id: Counter() for order_id in order_ids}
    for query in FOUND:
        for order_id, *fact in db.execute(query):
            if order_id in facts:
                facts[order_id][tuple(fact)] += 1
    return facts


def check_payout(run: ScenarioRun, objects: StripeObjects) -> None:
    """Check that the seller of a released order got the seller's part, to the cent."""
    if not run.is_released:
        return
    intents = objects.intents[run.order.id]
    [intent] = [one for one in intents if one["id"] == run.settling]
    money = _money(run, intent, objects)
    assert (run.scenario.name, money.seller_part) == (run.scenario.name, money.transferred)


def _money(run: ScenarioRun, intent: dict[str, Any], objects: StripeObjects) -> Money:
    refunds = objects.refunds.get(intent["id"], [])
    disputes = objects.disputes.get(intent["id"], [])
    is_settling = intent["id"] == run.settling
    assert not is_settling or intent["amount_received"] == AMOUNT

    def net(*, is_lost: bool) -> int:
        return sum(
            withdrawn - reinstated
            for dispute in disputes
            for withdrawn, reinstated in [_taken(dispute)]
            if (dispute["status"] == "lost") == is_lost
        )

    return Money(
        captured=intent["amount_received"],
        pending=sum(r["amount"] for r in refunds if r["status"] == "pending"),
        succeeded=sum(r["amount"] for r in refunds if r["status"] == "succeeded"),
        held=net(is_lost=False),
        lost=net(is_lost=True),
        transferred=sum(
            transfer["amount"] - transfer["amount_reversed"]
            for transfer in objects.transfers.get(run.order.id, [])
            if is_settling
        ),
        is_released=run.is_released and is_settling,
    )


def _facts_of_intent(intent_id: str, objects: StripeObjects) -> Facts:
    facts: Facts = Counter()
    for refund in objects.refunds.get(intent_id, []):
        facts["refund", refund["id"], refund["amount"], refund["status"]] += 1
    for dispute in objects.disputes.get(intent_id, []):
        facts["dispute", dispute["id"], dispute["status"], *_taken(dispute)] += 1
    return facts


def _taken(dispute: dict[str, Any]) -> tuple[int, int]:
    """Return the cents that a bank has taken for a dispute, and those that came back."""
    amounts = [booking["amount"] for booking in dispute["balance_transactions"]]
    return -sum(a for a in amounts if a < 0), sum(a for a in amounts if a > 0)
