"""Balance transactions and the balance: https://docs.stripe.com/api/balance_transactions.

Every movement of money is a balance transaction of one account, and the balance is their sum. Money
that comes in is pending until it settles. Money taken out of it becomes available with it.
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from devstack.stripe.errors import refused
from devstack.stripe.lists import Condition, read_page
from devstack.stripe.params import Params
from devstack.stripe.resources import payment_methods
from devstack.stripe.store import Json, new_id
from devstack.stripe.transaction import Transaction


#: A plausible fee: the list price for Australian cards.
_FEE_BPS = 170
_FEE_FIXED_CENTS = 30
_BPS = 10_000
#: Stripe's fee in Australia for each dispute: https://stripe.com/au/pricing.
_DISPUTE_FEE_CENTS = 2500
_SETTLING_S = 2 * 24 * 3600
#: Reporting categories whose names differ from the type:
#: https://docs.stripe.com/reports/reporting-categories.
_CATEGORIES = {
    "payment": "charge",
    "payment_refund": "refund",
    "transfer_refund": "transfer_reversal",
}


def retrieve(tx: Transaction, params: Params, transaction_id: str) -> Json:
    """`GET /v1/balance_transactions/:id`: show a balance transaction."""
    params.finish()
    settle_due(tx)
    return tx.get("balance_transaction", transaction_id)


def list_page(tx: Transaction, params: Params) -> Json:
    """`GET /v1/balance_transactions`: list them, by `source`, `type`, `currency` or `payout`."""
    conditions = []
    payout = params.text("payout")
    if payout is not None:
        sql = "json_extract(private, '$.payout') = ?"
        conditions.append(Condition(sql=sql, values=(payout,)))
    settle_due(tx)
    return read_page(
        tx,
        params,
        "balance_transaction",
        url="/v1/balance_transactions",
        filters=("source", "type", "currency"),
        conditions=conditions,
    )


def retrieve_balance(tx: Transaction, params: Params) -> Json:
    """`GET /v1/balance`: show the sums of the balance transactions."""
    params.finish()
    amounts = totals(tx, tx.origin.account) or {"aud": {"available": 0, "pending": 0}}
    return {
        "object": "balance",
        "available": [_amount(name, both["available"]) for name, both in amounts.items()],
        "livemode": False,
        "pending": [_amount(name, both["pending"]) for name, both in amounts.items()],
    }


def check_available(tx: Transaction, amount: int, currency: str) -> None:
    """Refuse an amount that exceeds the available balance of our own account."""
    available = totals(tx, None).get(currency, {"available": 0})["available"]
    if available < amount:
        raise refused(
            "You have insufficient available funds in your Stripe account. Funds of charges that "
            "have not settled yet can be transferred by source_transaction.",
            code="balance_insufficient",
        )


def book_charge(tx: Transaction, charge: Json) -> None:
    """Book a charge less Stripe's fee, and set the charge's balance transaction."""
    amount = charge["amount_captured"]
    fee = round(amount * _FEE_BPS / _BPS) + _FEE_FIXED_CENTS
    card = payment_methods.card_of(tx.store, charge["payment_method"])
    available = at_once(tx) if card.is_settled_at_once else _after_settling(tx)
    charge["balance_transaction"] = book(
        tx, charge, kind="charge", amount=amount, fee=fee, available=available
    )


def book_refund(tx: Transaction, refund: Json) -> None:
    """Book a refund, which becomes available with its charge; Stripe keeps its fee."""
    available = _as_charged(tx, refund["charge"])
    refund["balance_transaction"] = book(
        tx, refund, kind="refund", amount=-refund["amount"], available=available
    )


def book_refund_failure(tx: Transaction, refund: Json) -> None:
    """Book the returned money of a failed refund."""
    available = _as_charged(tx, refund["charge"])
    refund["failure_balance_transaction"] = book(
        tx, refund, kind="refund_failure", amount=refund["amount"], available=available
    )


def book_dispute_withdrawal(tx: Transaction, dispute: Json) -> None:
    """Book the disputed amount and Stripe's fee, and add the transaction to the dispute."""
    transaction_id = book(
        tx,
        dispute | {"description": f"Chargeback withdrawal for {dispute['charge']}"},
        kind="adjustment",
        category="dispute",
        amount=-dispute["amount"],
        fee=_DISPUTE_FEE_CENTS,
    )
    _attach(tx, dispute, transaction_id)


def book_dispute_reversal(tx: Transaction, dispute: Json) -> None:
    """Book the returned amount of a won dispute, without the fee."""
    transaction_id = book(
        tx,
        dispute | {"description": f"Chargeback reversal for {dispute['charge']}"},
        kind="adjustment",
        category="dispute_reversal",
        amount=dispute["amount"],
    )
    _attach(tx, dispute, transaction_id)


def pay_out(tx: Transaction, account: str | None, currency: str) -> Json:
    """Send the available balance to the account's bank, as Stripe does each day.

    The API does not serve the payout itself, only its balance transaction and those that it pays.
    """
    amount = totals(tx, account).get(currency, {"available": 0})["available"]
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


def payouts_of(tx: Transaction, account: str) -> list[Json]:
    """Return the payouts of a connected account to its bank, newest first."""
    rows = tx.store.connection.execute(
        "select body from objects where kind = 'payout' and account = ? order by seq desc",
        (account,),
    )
    return [json.loads(row["body"]) for row in rows]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """The time from which money can be spent, and the status that results now."""

    on: int
    status: str


def at_once(tx: Transaction) -> Availability:
    """Return the availability of money that can be spent now."""
    return Availability(on=tx.now, status="available")


def _after_settling(tx: Transaction) -> Availability:
    """Return the availability of money from a card payment."""
    return Availability(on=tx.now + _SETTLING_S, status="pending")


def together_with(tx: Transaction, transaction_id: str) -> Availability:
    """Return the availability of another balance transaction."""
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
    """Book a movement of money, by default available now; return its id."""
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


def totals(tx: Transaction, account: str | None) -> Mapping[str, Mapping[str, int]]:
    """Return the `available` and `pending` balance of an account by currency."""
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
    """Make the money available that has settled by now."""
    tx.store.connection.execute(
        "update objects set body = json_set(body, '$.status', 'available')"
        " where kind = 'balance_transaction' and json_extract(body, '$.status') = 'pending'"
        " and json_extract(body, '$.available_on') <= ?",
        (tx.now,),
    )


def settle_all(tx: Transaction, account: str | None) -> None:
    """Make all pending money of an account available now."""
    tx.store.connection.execute(
        "update objects set body = json_set(body, '$.available_on', ?)"
        " where kind = 'balance_transaction' and account is ?"
        " and json_extract(body, '$.status') = 'pending'",
        (tx.now, account),
    )
    settle_due(tx)


def _attach(tx: Transaction, dispute: Json, transaction_id: str) -> None:
    transaction = tx.get("balance_transaction", transaction_id)
    dispute["balance_transactions"] = [*dispute["balance_transactions"], transaction]


def _as_charged(tx: Transaction, charge_id: str) -> Availability:
    charge = tx.get("charge", charge_id)
    return together_with(tx, charge["balance_transaction"])


def _amount(currency: str, cents: int) -> Json:
    return {"amount": cents, "currency": currency, "source_types": {"card": cents}}


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
