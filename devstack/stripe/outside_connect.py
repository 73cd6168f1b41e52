"""What sellers, their banks and Stripe's checks do about connected accounts, and time about money.

Part of the control API; its bodies are described there.
"""

from collections.abc import Callable
from typing import Any

from devstack.stripe.errors import missing
from devstack.stripe.resources import account_fields, account_state, books
from devstack.stripe.store import Json
from devstack.stripe.transaction import Transaction


_STATES = ("active", "inactive", "pending")
_DOCUMENT = "individual.verification.document"
_DAY_S = 24 * 3600


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


ACTIONS: dict[str, Callable[[Transaction, str, Json], Any]] = {
    "/accounts/{id}/abilities": set_abilities,
    "/accounts/{id}/onboarding": onboard,
    "/accounts/{id}/requirements": require,
    "/accounts/{id}/restriction": restrict,
    "/balance/{id}/payout": pay_out,
    "/balance/{id}/settle": settle,
}
