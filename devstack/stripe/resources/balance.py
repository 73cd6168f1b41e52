"""Balance transactions and the balance: https://docs.stripe.com/api/balance_transactions."""

from typing import Any

from devstack.stripe.lists import equals, read_page
from devstack.stripe.params import Params
from devstack.stripe.store import Json, new_id
from devstack.stripe.transaction import Transaction


#: Australian cards at the list price; the figure is only meant to be plausible.
_FEE_BPS = 170
_FEE_FIXED_CENTS = 30
_BPS = 10_000
#: What Stripe takes in Australia for each dispute: https://stripe.com/au/pricing.
_DISPUTE_FEE_CENTS = 2500
_SETTLING_S = 2 * 24 * 3600


def retrieve(tx: Transaction, params: Params, transaction_id: str) -> Json:
    """`GET /v1/balance_transactions/:id`."""
    params.finish()
    return tx.get("balance_transaction", transaction_id)


def list_page(tx: Transaction, params: Params) -> Json:
    """`GET /v1/balance_transactions`, by `source`, `type` or `currency`."""
    conditions = [
        condition
        for field in ("source", "type", "currency")
        for condition in equals(field, params.text(field))
    ]
    return read_page(
        tx.store,
        params,
        "balance_transaction",
        url="/v1/balance_transactions",
        conditions=conditions,
    )


def balance(tx: Transaction, params: Params) -> Json:
    """`GET /v1/balance`: what the balance transactions come to, all of it still settling."""
    params.finish()
    rows = tx.store.connection.execute(
        "select json_extract(body, '$.currency') as currency,"
        " sum(json_extract(body, '$.net')) as net"
        " from objects where kind = 'balance_transaction' group by 1 order by 1"
    ).fetchall()
    sums = {row["currency"]: row["net"] for row in rows} or {"aud": 0}
    return {
        "object": "balance",
        "available": [_amount(currency, 0) for currency in sums],
        "livemode": False,
        "pending": [_amount(currency, net) for currency, net in sums.items()],
    }


def book_charge(tx: Transaction, charge: Json) -> None:
    """Book what a charge brings, less Stripe's fee, and note it on the charge."""
    amount = charge["amount_captured"]
    fee = round(amount * _FEE_BPS / _BPS) + _FEE_FIXED_CENTS
    charge["balance_transaction"] = _book(tx, charge, kind="charge", amount=amount, fee=fee)


def book_refund(tx: Transaction, refund: Json) -> None:
    """Book a refund: it is taken at once, and Stripe keeps its fee."""
    amount = -refund["amount"]
    refund["balance_transaction"] = _book(tx, refund, kind="refund", amount=amount)


def book_refund_failure(tx: Transaction, refund: Json) -> None:
    """Book that the money of a failed refund has come back."""
    amount = refund["amount"]
    refund["failure_balance_transaction"] = _book(tx, refund, kind="refund_failure", amount=amount)


def book_dispute_withdrawal(tx: Transaction, dispute: Json) -> None:
    """Book what a bank takes back and Stripe's fee; the dispute carries the whole object."""
    transaction_id = _book(
        tx,
        dispute | {"description": f"Chargeback withdrawal for {dispute['charge']}"},
        kind="adjustment",
        category="dispute",
        amount=-dispute["amount"],
        fee=_DISPUTE_FEE_CENTS,
    )
    _attach(tx, dispute, transaction_id)


def book_dispute_reversal(tx: Transaction, dispute: Json) -> None:
    """Book what comes back from a bank, without the fee."""
    transaction_id = _book(
        tx,
        dispute | {"description": f"Chargeback reversal for {dispute['charge']}"},
        kind="adjustment",
        category="dispute_reversal",
        amount=dispute["amount"],
    )
    _attach(tx, dispute, transaction_id)


def _attach(tx: Transaction, dispute: Json, transaction_id: str) -> None:
    transaction = tx.get("balance_transaction", transaction_id)
    dispute["balance_transactions"] = [*dispute["balance_transactions"], transaction]


def _book(
    tx: Transaction,
    source: Json,
    *,
    kind: str,
    amount: int,
    fee: int = 0,
    category: str | None = None,
) -> str:
    transaction: Json = {
        "id": new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": tx.now + _SETTLING_S,
        "balance_type": "payments",
        "created": tx.now,
        "currency": source["currency"],
        "description": source.get("description"),
        "exchange_rate": None,
        "fee": fee,
        "fee_details": _fee_details(fee, source["currency"]),
        "net": amount - fee,
        "reporting_category": category or kind,
        "source": source["id"],
        "status": "pending",
        "type": kind,
    }
    tx.store.insert(transaction)
    return str(transaction["id"])


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


def _amount(currency: str, cents: int) -> Json:
    return {"amount": cents, "currency": currency, "source_types": {"card": cents}}
