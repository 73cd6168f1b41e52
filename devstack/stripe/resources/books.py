"""The books: every movement of money is a balance transaction of the account that it happens in.

An account's balance is nothing but the sum of them. Money that comes in settles for a while; what
is taken out of it meanwhile becomes available together with it.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from devstack.stripe.store import Json, new_id
from devstack.stripe.transaction import Transaction


_SETTLING_S = 2 * 24 * 3600
#: The names of types in Stripe's reports, where the two differ:
#: https://docs.stripe.com/reports/reporting-categories.
_CATEGORIES = {
    "payment": "charge",
    "payment_refund": "refund",
    "transfer_refund": "transfer_reversal",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """From when on money can be spent, and whether that is now."""

    on: int
    status: str


def at_once(tx: Transaction) -> Availability:
    """Return that money is there now."""
    return Availability(on=tx.now, status="available")


def after_settling(tx: Transaction) -> Availability:
    """Return when money that comes from a buyer is there."""
    return Availability(on=tx.now + _SETTLING_S, status="pending")


def together_with(tx: Transaction, transaction_id: str) -> Availability:
    """Return when the money of another balance transaction is there."""
    settle_due(tx)
    other = tx.store.find("balance_transaction", transaction_id) or {}
    return Availability(on=max(other["available_on"], tx.now), status=other["status"])


def book(
    tx: Transaction,
    source: Json,
    *,
    kind: str,
    amount: int,
    fee: int = 0,
    category: str | None = None,
    available: Availability | None = None,
    account: str | None = None,
) -> str:
    """Book a movement of money, at once unless it is `available` later; return its id."""
    available = available or at_once(tx)
    transaction: Json = {
        "id": new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": available.on,
        "balance_type": "payments",
        "created": tx.now,
        "currency": source["currency"],
        "description": source.get("description"),
        "exchange_rate": None,
        "fee": fee,
        "fee_details": _fee_details(fee, source["currency"]),
        "net": amount - fee,
        "reporting_category": category or _CATEGORIES.get(kind, kind),
        "source": source["id"],
        "status": available.status,
        "type": kind,
    }
    tx.store.insert(transaction, account=account)
    return str(transaction["id"])


def sums(tx: Transaction, account: str | None) -> Mapping[str, Mapping[str, int]]:
    """Return what an account has per currency, `available` and `pending`."""
    settle_due(tx)
    rows = tx.store.connection.execute(
        "select json_extract(body, '$.currency') as currency,"
        " json_extract(body, '$.status') as status, sum(json_extract(body, '$.net')) as net"
        " from objects where kind = 'balance_transaction' and account is ?"
        " group by 1, 2 order by 1",
        (account,),
    )
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        amounts = found.setdefault(row["currency"], {"available": 0, "pending": 0})
        amounts[row["status"]] = row["net"]
    return found


def settle_due(tx: Transaction) -> None:
    """Make available what has settled by now."""
    tx.store.connection.execute(
        "update objects set body = json_set(body, '$.status', 'available')"
        " where kind = 'balance_transaction' and json_extract(body, '$.status') = 'pending'"
        " and json_extract(body, '$.available_on') <= ?",
        (tx.now,),
    )


def settle_all(tx: Transaction, account: str | None) -> None:
    """Make available now all that an account is waiting for."""
    tx.store.connection.execute(
        "update objects set body = json_set(body, '$.available_on', ?)"
        " where kind = 'balance_transaction' and account is ?"
        " and json_extract(body, '$.status') = 'pending'",
        (tx.now, account),
    )
    settle_due(tx)


def pay_out(tx: Transaction, account: str | None, currency: str) -> Json:
    """Send all that is available to the account's bank, as Stripe does each day.

    The payout itself is not served; its balance transaction is, and those that it consists of.
    """
    amount = sums(tx, account).get(currency, {"available": 0})["available"]
    if amount <= 0:
        raise ValueError(f"there is nothing available to pay out in {currency}")
    payout: Json = {
        "id": new_id("po"),
        "object": "payout",
        "amount": amount,
        "created": tx.now,
        "currency": currency,
        "description": "STRIPE PAYOUT",
    }
    payout["balance_transaction"] = book(tx, payout, kind="payout", amount=-amount, account=account)
    tx.store.insert(payout, account=account)
    tx.store.connection.execute(
        "update objects set private = json_set(coalesce(private, '{}'), '$.payout', ?)"
        " where kind = 'balance_transaction' and account is ?"
        " and json_extract(body, '$.status') = 'available'"
        " and json_extract(body, '$.currency') = ?"
        " and json_extract(private, '$.payout') is null",
        (payout["id"], account, currency),
    )
    return payout


def _fee_details(fee: int, currency: str) -> list[dict[str, Any]]:
    if not fee:
        return []
    return [
        {
            "amount": fee,
            "application": None,
            "currency": currency,
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]
