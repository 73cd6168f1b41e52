"""What others than the merchant do: buyers, banks, Stripe's own checks. Only a test can say so.

Part of the control API; its bodies are described there.
"""

from collections.abc import Callable, Collection
from typing import Any

from devstack.emulation.control import ControlError
from devstack.stripe import background, later, outside_connect
from devstack.stripe.resources import confirmation, dispute_cases, identity_checks, refunds
from devstack.stripe.store import Json
from devstack.stripe.transaction import Transaction


#: It takes the transaction, the id in the path and the body.
Action = Callable[[Transaction, str, Json], Any]


def authenticate(tx: Transaction, intent_id: str, body: Json) -> Json:
    """Do what the buyer does on the page of 3-D Secure."""
    outcome = choice(body, "outcome", ("succeed", "fail"), default="succeed")
    return confirmation.authenticate(tx, intent_id, is_successful=outcome == "succeed")


def settle_refund(tx: Transaction, refund_id: str, body: Json) -> Json:
    """End a refund."""
    settle = {"succeeded": refunds.succeed, "failed": refunds.fail}
    status = choice(body, "status", settle)
    tx.get("refund", refund_id)
    later.take(tx.store, refund_id)
    settle[status](tx, refund_id)
    return tx.get("refund", refund_id)


def dispute_charge(tx: Transaction, charge_id: str, body: Json) -> Json:
    """Have the buyer's bank dispute a charge, or ask about it."""
    states = ("needs_response", "warning_needs_response")
    status = choice(body, "status", states, default="needs_response")
    return dispute_cases.open_case(
        tx,
        charge_id,
        reason=choice(body, "reason", dispute_cases.REASONS, default="fraudulent"),
        amount=None if body.get("amount") is None else int(body["amount"]),
        is_inquiry=status == "warning_needs_response",
    )


def escalate_dispute(tx: Transaction, dispute_id: str, _body: Json) -> Json:
    """Have the bank make a dispute of its inquiry."""
    return dispute_cases.escalate(tx, dispute_id)


def close_dispute(tx: Transaction, dispute_id: str, body: Json) -> Json:
    """Have the bank decide."""
    ends = dispute_cases.ENDS + dispute_cases.INQUIRY_ENDS
    return dispute_cases.settle(tx, dispute_id, choice(body, "status", ends))


def check_identity(tx: Transaction, session_id: str, body: Json) -> Json:
    """Have the user submit, and the checks succeed or fail."""
    states = ("processing", "verified", "requires_input")
    match choice(body, "status", states):
        case "processing":
            return identity_checks.submit(tx, session_id)
        case "verified":
            outputs = body.get("verified_outputs", {})
            if not isinstance(outputs, dict):
                raise ControlError("verified_outputs must be an object")
            return identity_checks.verify(tx, session_id, outputs)
        case _:
            codes = identity_checks.CHECK_ERRORS | identity_checks.USER_ERRORS
            return identity_checks.send_back(tx, session_id, choice(body, "error_code", codes))


def do_later_now(tx: Transaction, object_id: str, _body: Json) -> Json:
    """Do now what Stripe does to the object later."""
    return {"done": background.perform(tx, object_id)}


def choice(body: Json, name: str, allowed: Collection[str], *, default: str | None = None) -> str:
    """Return the word that the body has under `name`.

    Raises:
        ControlError: it is none of those allowed.

    """
    value = body.get(name, default)
    if value not in allowed:
        raise ControlError(f"{name} must be one of {', '.join(allowed)}")
    return str(value)


ACTIONS: dict[str, Action] = {
    **outside_connect.ACTIONS,
    "/charges/{id}/dispute": dispute_charge,
    "/disputes/{id}/close": close_dispute,
    "/disputes/{id}/escalate": escalate_dispute,
    "/identity/{id}/check": check_identity,
    "/later/{id}": do_later_now,
    "/payment_intents/{id}/authenticate": authenticate,
    "/refunds/{id}/settle": settle_refund,
}
