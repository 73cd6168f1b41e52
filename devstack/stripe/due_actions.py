"""Perform a scheduled action once it is due or a test asks for it."""

import logging
from collections.abc import Callable

from devstack.stripe import scheduled_actions
from devstack.stripe.resources import charge_booking, dispute_cases, identity, refunds
from devstack.stripe.transaction import Transaction


log = logging.getLogger(__name__)


def perform(tx: Transaction, object_id: str) -> bool:
    """Do what waits to be done to the object; return whether there was anything."""
    action = scheduled_actions.take(tx.store, object_id)
    if action is None:
        return False
    _ACTIONS[action](tx, object_id)
    return True


def _book_charge(tx: Transaction, charge_id: str) -> None:
    charge = tx.get("charge", charge_id)
    charge_booking.book(tx, charge)
    tx.emit("charge.updated", charge, previous={"balance_transaction": None})


def _win_dispute(tx: Transaction, dispute_id: str) -> None:
    _close_dispute(tx, dispute_id, "won")


def _lose_dispute(tx: Transaction, dispute_id: str) -> None:
    _close_dispute(tx, dispute_id, "lost")


def _close_dispute(tx: Transaction, dispute_id: str, status: str) -> None:
    # The bank makes nothing more of an inquiry, whichever side is right.
    is_inquiry = dispute_cases.is_inquiry(tx.get("dispute", dispute_id))
    dispute_cases.settle(tx, dispute_id, "warning_closed" if is_inquiry else status)


def _escalate_inquiry(tx: Transaction, dispute_id: str) -> None:
    dispute_cases.escalate(tx, dispute_id)


_ACTIONS: dict[str, Callable[[Transaction, str], None]] = {
    "book_charge": _book_charge,
    "escalate_inquiry": _escalate_inquiry,
    "fail_refund": refunds.fail,
    "finish_redaction": identity.finish_redaction,
    "lose_dispute": _lose_dispute,
    "open_dispute": dispute_cases.open_expected,
    "reference_refund": refunds.give_reference,
    "succeed_refund": refunds.succeed,
    "win_dispute": _win_dispute,
}
