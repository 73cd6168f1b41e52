"""The actions of third parties at Stripe: the buyer, banks, the seller, and Stripe's own checks.

The control API performs them by command, and the hosted pages by a person's choice.
"""

from collections.abc import Callable
from typing import Any

from devstack.emulation.control import ControlError, choice
from devstack.stripe import scheduled_actions
from devstack.stripe.errors import missing
from devstack.stripe.fake import FakeStripe
from devstack.stripe.resources import (
    account_state,
    accounts,
    balance,
    confirmation,
    disputes,
    identity,
    refunds,
)
from devstack.stripe.store import Json
from devstack.stripe.transaction import Transaction


_STATES = ("active", "inactive", "pending")
_DOCUMENT = "individual.verification.document"
_DAY_S = 24 * 3600
#: An action takes the transaction, an id and the options of the third party.
Action = Callable[[Transaction, str, Json], Any]


async def perform(fake: FakeStripe, action: Action, object_id: str, options: Json) -> Any:
    """Perform an action in one transaction, then make the deliveries that precede its answer."""
    with fake.transaction() as tx:
        done = action(tx, object_id, options)
    await fake.webhook_sender.deliver_now(tx.before_answer)
    return done


def authenticate(tx: Transaction, intent_id: str, body: Json) -> Json:
    """Pass or fail 3-D Secure, as the buyer does on the bank's page."""
    outcome = choice(body, "outcome", ("succeed", "fail"), default="succeed")
    return confirmation.authenticate(tx, intent_id, is_successful=outcome == "succeed")


def settle_refund(tx: Transaction, refund_id: str, body: Json) -> Json:
    """End a refund, now and not at its scheduled time."""
    settle = {"succeeded": refunds.succeed, "failed": refunds.fail}
    status = choice(body, "status", settle)
    tx.get("refund", refund_id)
    tx.store.take_scheduled(refund_id)
    settle[status](tx, refund_id)
    return tx.get("refund", refund_id)


def dispute_charge(tx: Transaction, charge_id: str, body: Json) -> Json:
    """Open a dispute or an inquiry, as the buyer's bank does."""
    states = ("needs_response", "warning_needs_response")
    status = choice(body, "status", states, default="needs_response")
    return disputes.open_case(
        tx,
        charge_id,
        reason=choice(body, "reason", disputes.REASONS, default="fraudulent"),
        amount=None if body.get("amount") is None else int(body["amount"]),
        is_inquiry=status == "warning_needs_response",
    )


def escalate_dispute(tx: Transaction, dispute_id: str, _body: Json) -> Json:
    """Turn an inquiry into a dispute, as the bank does."""
    return disputes.escalate(tx, dispute_id)


def close_dispute(tx: Transaction, dispute_id: str, body: Json) -> Json:
    """Close a dispute or an inquiry, as the bank does."""
    ends = disputes.ENDS + disputes.INQUIRY_ENDS
    return disputes.settle(tx, dispute_id, choice(body, "status", ends))


def check_identity(tx: Transaction, session_id: str, body: Json) -> Json:
    """Submit an Identity session as the user does, then verify or refuse it as Stripe does."""
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
            return identity.require_input(tx, session_id, choice(body, "error_code", codes))


def perform_scheduled_action(tx: Transaction, object_id: str, _body: Json) -> Json:
    """Perform now the action that is scheduled on the object."""
    return {"done": scheduled_actions.perform(tx, object_id)}


def onboard(tx: Transaction, account_id: str, body: Json) -> Json:
    """Complete the hosted form as the seller does; Stripe accepts it or still verifies it."""
    outcome = choice(body, "outcome", ("active", "pending"), default="active")
    with account_state.change(tx, account_id) as account:
        if outcome == "active":
            account_state.finish_onboarding(account)
        else:
            account_state.await_verification(account, _fields(body))
    return account


def require(tx: Transaction, account_id: str, body: Json) -> Json:
    """Add requirements to an account, due by a deadline or past due already."""
    fields = _fields(body)
    deadline = body.get("current_deadline", tx.now + 14 * _DAY_S)
    if not isinstance(deadline, int):
        raise ControlError("current_deadline must be a Unix time")
    with account_state.change(tx, account_id) as account:
        if body.get("is_past_due"):
            account_state.mark_past_due(account, fields)
        else:
            account_state.require(account, fields, deadline)
    return account


def restrict(tx: Transaction, account_id: str, body: Json) -> Json:
    """Disable an account, as Stripe does."""
    reasons = account_state.DISABLED_REASONS
    reason = choice(body, "disabled_reason", reasons, default="under_review")
    with account_state.change(tx, account_id) as account:
        account_state.disable(account, reason)
    return account


def set_abilities(tx: Transaction, account_id: str, body: Json) -> Json:
    """Set single capabilities and the payouts of an account, as Stripe does."""
    payouts = body.pop("payouts_enabled", None)
    if not isinstance(payouts, bool | None):
        raise ControlError("payouts_enabled must be true or false")
    for name, state in body.items():
        if name not in accounts.CAPABILITIES or state not in _STATES:
            raise ControlError(f"{name} must be a capability and one of {', '.join(_STATES)}")
    with account_state.change(tx, account_id) as account:
        account_state.set_abilities(account, body, payouts=payouts)
    return account


def settle_balance(tx: Transaction, owner: str, _body: Json) -> Json:
    """Make the pending money of an account available."""
    account = _account(tx, owner)
    balance.settle_all(tx, account)
    return {"balance": balance.totals(tx, account)}


def pay_out(tx: Transaction, owner: str, body: Json) -> Json:
    """Send the available money of an account to its bank."""
    return balance.pay_out(tx, _account(tx, owner), body.get("currency", "aud"))


def _account(tx: Transaction, owner: str) -> str | None:
    """Return a connected account's id, or None for our own account: `own` or its id in the path."""
    if owner in ("own", tx.config.account_id):
        return None
    if tx.store.find("account", owner) is None:
        raise missing("account", owner, param="id", status=404)
    return owner


def _fields(body: Json) -> list[str]:
    fields = body.get("fields", [_DOCUMENT])
    if not fields or not isinstance(fields, list) or not all(isinstance(f, str) for f in fields):
        raise ControlError("fields must be a list of texts")
    return fields
