"""The actions that Stripe performs some time after an API call, such as the end of a refund."""

from collections.abc import Callable

from devstack.stripe.resources import charges, disputes, identity, refunds
from devstack.stripe.transaction import Transaction


def perform(tx: Transaction, object_id: str) -> bool:
    """Perform the action that is scheduled on the object; return False if there is none."""
    action = tx.store.take_scheduled(object_id)
    if action is None:
        return False
    _ACTIONS[action](tx, object_id)
    return True


def _book_charge(tx: Transaction, charge_id: str) -> None:
    charge = tx.get("charge", charge_id)
    charges.book(tx, charge)
    tx.emit("charge.updated", charge, previous={"balance_transaction": None})


def _win_dispute(tx: Transaction, dispute_id: str) -> None:
    _close_dispute(tx, dispute_id, "won")


def _lose_dispute(tx: Transaction, dispute_id: str) -> None:
    _close_dispute(tx, dispute_id, "lost")


def _close_dispute(tx: Transaction, dispute_id: str, status: str) -> None:
    # An inquiry can only be closed: no money has moved, so neither side wins or loses.
    is_inquiry = disputes.is_inquiry(tx.get("dispute", dispute_id))
    disputes.settle(tx, dispute_id, "warning_closed" if is_inquiry else status)


_ACTIONS: dict[str, Callable[[Transaction, str], object]] = {
    "book_charge": _book_charge,
    "escalate_inquiry": disputes.escalate,
    "fail_refund": refunds.fail,
    "finish_redaction": identity.finish_redaction,
    "lose_dispute": _lose_dispute,
    "open_dispute": disputes.open_test_dispute,
    "reference_refund": refunds.give_reference,
    "succeed_refund": refunds.succeed,
    "win_dispute": _win_dispute,
}
