"""Balance transactions and the balance: https://docs.stripe.com/api/balance_transactions.

How each movement is booked is here too; what all bookings have in common is in `books`.
"""

from devstack.stripe.errors import refused
from devstack.stripe.lists import Condition, equals, read_page
from devstack.stripe.params import Params
from devstack.stripe.resources import books, payment_methods
from devstack.stripe.store import Json
from devstack.stripe.transaction import Transaction


#: Australian cards at the list price; the figure is only meant to be plausible.
_FEE_BPS = 170
_FEE_FIXED_CENTS = 30
_BPS = 10_000
#: Stripe's fee in Australia for each dispute: https://stripe.com/au/pricing.
_DISPUTE_FEE_CENTS = 2500


def retrieve(tx: Transaction, params: Params, transaction_id: str) -> Json:
    """`GET /v1/balance_transactions/:id`."""
    params.finish()
    books.settle_due(tx)
    return tx.get("balance_transaction", transaction_id)


def list_page(tx: Transaction, params: Params) -> Json:
    """`GET /v1/balance_transactions`, by `source`, `type`, `currency` or `payout`."""
    conditions = [
        condition
        for field in ("source", "type", "currency")
        for condition in equals(field, params.text(field))
    ]
    payout = params.text("payout")
    if payout is not None:
        sql = "json_extract(private, '$.payout') = ?"
        conditions.append(Condition(sql=sql, values=(payout,)))
    books.settle_due(tx)
    return read_page(
        tx.store,
        params,
        "balance_transaction",
        url="/v1/balance_transactions",
        conditions=conditions,
        account=tx.origin.account,
    )


def balance(tx: Transaction, params: Params) -> Json:
    """`GET /v1/balance`: what the balance transactions come to."""
    params.finish()
    sums = books.sums(tx, tx.origin.account) or {"aud": {"available": 0, "pending": 0}}
    return {
        "object": "balance",
        "available": [_amount(name, both["available"]) for name, both in sums.items()],
        "livemode": False,
        "pending": [_amount(name, both["pending"]) for name, both in sums.items()],
    }


def check_available(tx: Transaction, amount: int, currency: str) -> None:
    """Refuse to spend what our own account has not got, or not got yet."""
    available = books.sums(tx, None).get(currency, {"available": 0})["available"]
    if available < amount:
        raise refused(
            "You have insufficient available funds in your Stripe account. Funds of charges that "
            "have not settled yet can be transferred by source_transaction.",
            code="balance_insufficient",
        )


def book_charge(tx: Transaction, charge: Json) -> None:
    """Book what a charge brings, less Stripe's fee, and note it on the charge."""
    amount = charge["amount_captured"]
    fee = round(amount * _FEE_BPS / _BPS) + _FEE_FIXED_CENTS
    card = payment_methods.card_of(tx.store, charge["payment_method"])
    available = books.at_once(tx) if card.is_settled_at_once else books.after_settling(tx)
    charge["balance_transaction"] = books.book(
        tx, charge, kind="charge", amount=amount, fee=fee, available=available
    )


def book_refund(tx: Transaction, refund: Json) -> None:
    """Book a refund: it is taken out of what the charge has brought; Stripe keeps its fee."""
    available = _as_charged(tx, refund["charge"])
    refund["balance_transaction"] = books.book(
        tx, refund, kind="refund", amount=-refund["amount"], available=available
    )


def book_refund_failure(tx: Transaction, refund: Json) -> None:
    """Book that the money of a failed refund has come back."""
    available = _as_charged(tx, refund["charge"])
    refund["failure_balance_transaction"] = books.book(
        tx, refund, kind="refund_failure", amount=refund["amount"], available=available
    )


def book_dispute_withdrawal(tx: Transaction, dispute: Json) -> None:
    """Book what a bank takes back and Stripe's fee; the dispute carries the whole object."""
    transaction_id = books.book(
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
    transaction_id = books.book(
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


def _as_charged(tx: Transaction, charge_id: str) -> books.Availability:
    charge = tx.get("charge", charge_id)
    return books.together_with(tx, charge["balance_transaction"])


def _amount(currency: str, cents: int) -> Json:
    return {"amount": cents, "currency": currency, "source_types": {"card": cents}}
