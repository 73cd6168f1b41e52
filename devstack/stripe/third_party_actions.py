"""Actions of buyers, sellers, banks and Stripe's own checks. Only a test can command them.

Part of the control API; its bodies are described there.
"""

from collections.abc import Callable
from typing import Any

from devstack.emulation.control import ControlError, choice
from devstack.stripe import due_actions, scheduled_actions
from devstack.stripe.errors import missing
from devstack.stripe.resources import (
    account_fields,
    account_state,
    books,
    confirmation,
    dispute_cases,
    identity,
    refunds,
)
from devstack.stripe.store import Json
from devstack.stripe.transaction import Transaction


#: It takes the transaction, the id in the path and the body.
Action = Callable[[Transaction, str, Json], Any]

_STATES = ("active", "inactive", "pending")
_DOCUMENT = "individual.verification.document"
_DAY_S = 24 * 3600


def authenticate(tx: Transaction, intent_id: str, body: Json) -> Json:
    """Do what the buyer does on the page of 3-D Secure."""
    outcome = choice(body, "outcome", ("succeed", "fail"), default="succeed")
    return confirmation.authenticate(tx, intent_id, is_successful=outcome == "succeed")


def settle_refund(tx: Transaction, refund_id: str, body: Json) -> Json:
    """End a refund."""
    settle = {"succeeded": refunds.succeed, "failed": refunds.fail}
    status = choice(body, "status", settle)
    tx.get("refund", refund_id)
    scheduled_actions.take(tx.store, refund_id)
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
            return identity.submit(tx, session_id)
        case "verified":
            outputs = body.get("verified_outputs", {})
            if not isinstance(outputs, dict):
                raise ControlError("verified_outputs must be an object")
            return identity.verify(tx, session_id, outputs)
        case _:
            codes = identity.CHECK_ERRORS | identity.USER_ERRORS
            return identity.send_back(tx, session_id, choice(body, "error_code", codes))


def do_later_now(tx: Transaction, object_id: str, _body: Json) -> Json:
    """Do now what Stripe does to the object later."""
    return {"done": due_actions.perform(tx, object_id)}


def onboard(tx: Transaction, account_id: str, body: Json) -> Json:
    """Have the seller finish the hosted form, and Stripe be content or still looking."""
    outcome = body.get("outcome", "active")
    with account_state.change(tx, account_id) as account:
        if outcome == "active":
            account_state.finish_onboarding(account)
        elif outcome == "pending":
            account_state.await_verification(account, _fields(body))
        else:
            raise ValueError("outcome must be one of active, pending")
    return account


def require(tx: Transaction, account_id: str, body: Json) -> Json:
    """Have Stripe want more of an account, in good time or when it is too late already."""
    fields = _fields(body)
    deadline = body.get("current_deadline", tx.now + 14 * _DAY_S)
    if not isinstance(deadline, int):
        raise ValueError("current_deadline must be a Unix time")  # noqa: TRY004 - bad JSON
    with account_state.change(tx, account_id) as account:
        if body.get("is_past_due"):
            account_state.miss(account, fields)
        else:
            account_state.require(account, fields, deadline)
    return account


def restrict(tx: Transaction, account_id: str, body: Json) -> Json:
    """Have Stripe disable an account."""
    reason = body.get("disabled_reason", "under_review")
    if reason not in account_state.DISABLED_REASONS:
        raise ValueError(
            f"disabled_reason must be one of {', '.join(account_state.DISABLED_REASONS)}"
        )
    with account_state.change(tx, account_id) as account:
        account_state.disable(account, reason)
    return account


def set_abilities(tx: Transaction, account_id: str, body: Json) -> Json:
    """Have Stripe give or take single abilities, whatever its reasons."""
    payouts = body.pop("payouts_enabled", None)
    if not isinstance(payouts, bool | None):
        raise ValueError("payouts_enabled must be true or false")  # noqa: TRY004 - bad JSON
    for name, state in body.items():
        if name not in account_fields.CAPABILITIES or state not in _STATES:
            raise ValueError(f"{name} must be a capability and one of {', '.join(_STATES)}")
    with account_state.change(tx, account_id) as account:
        account_state.set_abilities(account, body, payouts=payouts)
    return account


def settle(tx: Transaction, owner: str, _body: Json) -> Json:
    """Let time pass until all that is pending is available."""
    account = _account(tx, owner)
    books.settle_all(tx, account)
    return {"balance": books.sums(tx, account)}


def pay_out(tx: Transaction, owner: str, body: Json) -> Json:
    """Send all that is available to the bank."""
    return books.pay_out(tx, _account(tx, owner), body.get("currency", "aud"))


def _account(tx: Transaction, owner: str) -> str | None:
    """Return the connected account that is meant; `own` or our id is ours."""
    if owner in ("own", tx.config.account_id):
        return None
    if tx.store.find("account", owner) is None:
        raise missing("account", owner, param="id", status=404)
    return owner


def _fields(body: Json) -> list[str]:
    fields = body.get("fields", [_DOCUMENT])
    if not fields or not isinstance(fields, list) or not all(isinstance(f, str) for f in fields):
        raise ValueError("fields must be a list of texts")
    return fields


ACTIONS: dict[str, Action] = {
    "/accounts/{id}/abilities": set_abilities,
    "/accounts/{id}/onboarding": onboard,
    "/accounts/{id}/requirements": require,
    "/accounts/{id}/restriction": restrict,
    "/balance/{id}/payout": pay_out,
    "/balance/{id}/settle": settle,
    "/charges/{id}/dispute": dispute_charge,
    "/disputes/{id}/close": close_dispute,
    "/disputes/{id}/escalate": escalate_dispute,
    "/identity/{id}/check": check_identity,
    "/later/{id}": do_later_now,
    "/payment_intents/{id}/authenticate": authenticate,
    "/refunds/{id}/settle": settle_refund,
}
