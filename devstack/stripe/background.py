"""Does what was left for later, when its time has come or a test says so."""

import logging
from collections.abc import Callable

from devstack.stripe import later
from devstack.stripe.resources import balance, refunds
from devstack.stripe.transaction import Transaction


log = logging.getLogger(__name__)


def perform(tx: Transaction, object_id: str) -> bool:
    """Do what waits to be done to the object; return whether there was anything."""
    action = later.take(tx.store, object_id)
    if action is None:
        return False
    _ACTIONS[action](tx, object_id)
    return True


def _book_charge(tx: Transaction, charge_id: str) -> None:
    charge = tx.get("charge", charge_id)
    balance.book_charge(tx, charge)
    tx.store.replace(charge)
    tx.emit("charge.updated", charge, previous={"balance_transaction": None})


_ACTIONS: dict[str, Callable[[Transaction, str], None]] = {
    "book_charge": _book_charge,
    "fail_refund": refunds.fail,
    "reference_refund": refunds.give_reference,
    "succeed_refund": refunds.succeed,
}
