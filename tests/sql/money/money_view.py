"""Read the money of all orders from the database and from the oracle in one form."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.rows import dict_row

from tests.sql.money.oracle import Market
from tests.sql.money.records import Order, Payment


TIMES = (
    "paid_at",
    "ready_at",
    "shipped_at",
    "delivered_at",
    "released_at",
    "refunded_at",
    "cancelled_at",
)
QUERIES: dict[str, LiteralString] = {
    "orders": """
      select
        id, state::text, state_before_dispute::text, stripe_payment_intent_id, refunded_cents,
        refund_pending, paid_at, ready_at, shipped_at, delivered_at, released_at, refunded_at,
        cancelled_at
      from public.orders
    """,
    "payments": """
      select
        order_id, stripe_payment_intent_id, status::text, amount_cents, currency,
        stripe_charge_id, settles_order
      from public.payments
    """,
    "refunds": """
      select
        p.stripe_payment_intent_id, r.amount_cents, r.status::text, r.target_state::text,
        r.stripe_refund_id, r.idempotency_key is null as is_made_outside
      from public.refunds as r join public.payments as p on p.id = r.payment_id
    """,
    "stripe_disputes": """
      select
        p.stripe_payment_intent_id, d.stripe_dispute_id, d.stripe_status, d.withdrawn_cents,
        d.reinstated_cents, d.amount_cents,
        d.status in ('open', 'under_review', 'escalated') as is_open
      from public.disputes as d join public.payments as p on p.id = d.payment_id
    """,
    "own_disputes": """
      select id, order_id, decision::text, refund_cents, status::text
      from public.disputes where payment_id is null
    """,
    "transfers": """
      select order_id, stripe_transfer_id, amount_cents, reversed_cents, status::text
      from public.payouts where stripe_transfer_id is not null
    """,
    "moves": """
      select order_id, from_state::text, to_state::text
      from public.order_events where from_state is not null
    """,
    "balances": """
      select order_id, currency, account::text, sum(amount_cents)::bigint as cents
      from public.ledger_entries group by order_id, currency, account
      having sum(amount_cents) <> 0
    """,
    "drift": """
      select order_id, account, expected_cents, actual_cents from public.ledger_drift()
    """,
    "unreturned": """
      select payment_intent_id, unreturned_cents from public.unreturned_payments()
    """,
}
#: Each row of these queries is an error.
NEVER: dict[str, LiteralString] = {
    "unbalanced": """
      select txn_id, currency from public.ledger_entries group by txn_id, currency
      having sum(amount_cents) <> 0
    """,
    "several unsent transfers": """
      select order_id from public.payouts where stripe_transfer_id is null
      group by order_id having count(*) > 1
    """,
    "refund without a row to send it": """
      select r.id from public.refunds as r
      where r.status = 'pending' and r.stripe_refund_id is null and not exists (
        select from public.outbox as o
        where o.payload ->> 'refund_id' = r.id::text and o.status in ('queued', 'leased', 'dead')
      )
    """,
}


def in_database(owner: Connection) -> dict[str, Counter[Any]]:
    """Read all money of all orders."""
    with owner.cursor(row_factory=dict_row) as cursor:
        return {
            name: Counter(frozenset(row.items()) for row in cursor.execute(query))
            for name, query in QUERIES.items()
        }


def faults(owner: Connection) -> dict[str, list[Any]]:
    """Return rows that must never exist."""
    found = {name: owner.execute(query).fetchall() for name, query in NEVER.items()}
    return {name: rows for name, rows in found.items() if rows}


def in_oracle(market: Market) -> dict[str, Counter[Any]]:
    """Return the same of the oracle."""
    orders = list(market.orders.values())
    payments = [(order, payment) for order in orders for payment in order.payments.values()]
    return {
        "orders": _rows(_order(order) for order in orders),
        "payments": _rows(_payment(order, payment) for order, payment in payments),
        "refunds": _rows(row for _, payment in payments for row in _refunds(payment)),
        "stripe_disputes": _rows(row for _, payment in payments for row in _disputes(payment)),
        "own_disputes": _rows(row for order in orders for row in _own_disputes(order)),
        "transfers": _rows(row for order in orders for row in _transfers(order)),
        "moves": _rows(
            {"order_id": order.id, "from_state": before, "to_state": after}
            for order in orders
            for before, after in order.history
        ),
        "balances": _rows(row for order in orders for row in _balances(order)),
        # Money that came back to an order that has ended must go to the buyer once more.
        "drift": _rows(
            {
                "order_id": order.id,
                "account": "orders.state",
                "expected_cents": order.money().kept,
                "actual_cents": 0,
            }
            for order in orders
            if order.is_ended and order.settling is not None and order.money().kept != 0
        ),
        "unreturned": _rows(
            {"payment_intent_id": payment.intent_id, "unreturned_cents": payment.money().left}
            for order, payment in payments
            if payment.is_captured
            and (not payment.settles or order.is_ended)
            and payment.held == 0
            and payment.money().left > 0
        ),
    }


def _rows(rows: Iterable[dict[str, Any]]) -> Counter[Any]:
    return Counter(frozenset(row.items()) for row in rows)


def _order(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "state": order.state,
        "state_before_dispute": order.before,
        "stripe_payment_intent_id": order.intent_id,
        "refunded_cents": 0 if order.settling is None else order.settling.succeeded,
        "refund_pending": order.is_refund_pending,
        **{name: order.times.get(name) for name in TIMES},
    }


def _payment(order: Order, payment: Payment) -> dict[str, Any]:
    return {
        "order_id": order.id,
        "stripe_payment_intent_id": payment.intent_id,
        "status": payment.status,
        "amount_cents": payment.cents,
        "currency": payment.currency,
        "stripe_charge_id": payment.charge_id,
        "settles_order": payment.settles,
    }


def _refunds(payment: Payment) -> Iterable[dict[str, Any]]:
    for refund in payment.refunds:
        yield {
            "stripe_payment_intent_id": payment.intent_id,
            "amount_cents": refund.cents,
            "status": refund.status,
            "target_state": refund.target,
            "stripe_refund_id": refund.stripe_id,
            "is_made_outside": refund.key is None,
        }


def _disputes(payment: Payment) -> Iterable[dict[str, Any]]:
    for dispute in payment.disputes:
        yield {
            "stripe_payment_intent_id": payment.intent_id,
            "stripe_dispute_id": dispute.id,
            "stripe_status": dispute.reading.status,
            "withdrawn_cents": dispute.reading.withdrawn,
            "reinstated_cents": dispute.reading.reinstated,
            "amount_cents": dispute.cents,
            "is_open": dispute.is_open,
        }


def _own_disputes(order: Order) -> Iterable[dict[str, Any]]:
    for dispute in order.disputes:
        yield {
            "id": dispute.id,
            "order_id": order.id,
            "decision": dispute.decision,
            "refund_cents": dispute.refund_cents,
            "status": "open" if dispute.decision is None else "resolved",
        }


def _transfers(order: Order) -> Iterable[dict[str, Any]]:
    for transfer in order.transfers.values():
        yield {
            "order_id": order.id,
            "stripe_transfer_id": transfer.id,
            "amount_cents": transfer.cents,
            "reversed_cents": transfer.reversed,
            "status": "paid" if transfer.left else "reversed",
        }


def _balances(order: Order) -> Iterable[dict[str, Any]]:
    totals: Counter[tuple[str, str]] = Counter()
    for payment in order.payments.values():
        if payment.is_captured:
            money = order.money() if payment.settles else payment.money()
            for account, cents in money.balances().items():
                totals[payment.currency, account] += cents
    for (currency, account), cents in totals.items():
        if cents:
            yield {"order_id": order.id, "currency": currency, "account": account, "cents": cents}
