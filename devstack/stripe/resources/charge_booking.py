"""Book captured charges, which may happen later than the capture.

https://docs.stripe.com/payments/payment-intents/asynchronous-capture
"""

from devstack.stripe import scheduled_actions
from devstack.stripe.resources import balance, dispute_cases
from devstack.stripe.store import Json
from devstack.stripe.transaction import Transaction


def book(tx: Transaction, charge: Json) -> None:
    """Book a captured charge; from now on a bank may dispute it."""
    balance.book_charge(tx, charge)
    tx.store.replace(charge)
    dispute_cases.expect(tx, charge)


def book_later(tx: Transaction, charge: Json) -> None:
    """Leave it for later, as Stripe answers before it has booked; charge.updated tells of it."""
    scheduled_actions.schedule(tx, charge["id"], "book_charge")


def book_now(tx: Transaction, charge: Json) -> None:
    """Book what is still to be booked, for somebody wants to move the money."""
    if charge["balance_transaction"] is None:
        scheduled_actions.take(tx.store, charge["id"])
        book(tx, charge)
