"""The requirements of a connected account, and the abilities that they enable or disable.

Stripe describes them in https://docs.stripe.com/connect/handling-api-verification.
"""

import contextlib
import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from devstack.stripe.errors import account_invalid
from devstack.stripe.store import Json
from devstack.stripe.transaction import Transaction


DISABLED_REASONS = (
    "action_required.requested_capabilities",
    "listed",
    "other",
    "platform_paused",
    "rejected.fraud",
    "rejected.incomplete_verification",
    "rejected.listed",
    "rejected.other",
    "rejected.platform_fraud",
    "rejected.platform_other",
    "rejected.platform_terms_of_service",
    "rejected.terms_of_service",
    "requirements.past_due",
    "requirements.pending_verification",
    "under_review",
)
#: The requirements of a new account.
_INITIAL_REQUIREMENTS = (
    "business_profile.mcc",
    "business_profile.url",
    "business_type",
    "external_account",
    "representative.address.city",
    "representative.address.line1",
    "representative.address.postal_code",
    "representative.address.state",
    "representative.dob.day",
    "representative.dob.month",
    "representative.dob.year",
    "representative.email",
    "representative.first_name",
    "representative.last_name",
    "representative.phone",
    "tos_acceptance.date",
    "tos_acceptance.ip",
)


def requirements(
    currently_due: Sequence[str] = (),
    *,
    past_due: Sequence[str] = (),
    pending: Sequence[str] = (),
    disabled_reason: str | None = None,
    deadline: int | None = None,
) -> Json:
    """Return the requirements of an account; those past due are due as well."""
    due = sorted({*currently_due, *past_due})
    return {
        "alternatives": [],
        "current_deadline": deadline,
        "currently_due": due,
        "disabled_reason": disabled_reason,
        "errors": [],
        "eventually_due": due,
        "past_due": sorted(past_due),
        "pending_verification": sorted(pending),
    }


def find(tx: Transaction, account_id: str) -> Json:
    """Return a connected account.

    Raises:
        StripeError: no connected account has that id.

    """
    account = tx.store.find("account", account_id)
    if account is None:
        raise account_invalid(tx.config, account_id)
    return account


@contextlib.contextmanager
def change(tx: Transaction, account_id: str) -> Iterator[Json]:
    """Give the block an account, then save its changes and emit an event about them.

    Stripe sends the event to the endpoints for connected accounts alone.
    """
    account = find(tx, account_id)
    before = copy.deepcopy(account)
    yield account
    previous = _difference(before, account)
    if previous:
        tx.store.replace(account)
        tx.emit("account.updated", account, previous=previous, account=account_id)


def require_all(account: Json) -> None:
    """Require every field that a new account does not have yet."""
    missing = [name for name in _INITIAL_REQUIREMENTS if not _has_value(account, name)]
    account["requirements"] = requirements(
        past_due=missing, disabled_reason="requirements.past_due"
    )
    _set_all(account, "inactive")


def update_abilities(account: Json, requested: Iterable[str]) -> None:
    """Set the abilities after an update by the platform, which has just `requested` some."""
    if not account["details_submitted"]:
        require_all(account)
        return
    is_enabled = account["requirements"]["disabled_reason"] is None
    set_abilities(account, dict.fromkeys(requested, "active" if is_enabled else "inactive"))


def finish_onboarding(account: Json) -> None:
    """Complete the onboarding: Stripe has verified every field."""
    account["details_submitted"] = True
    account["requirements"] = requirements()
    _set_all(account, "active")


def await_verification(account: Json, fields: Sequence[str]) -> None:
    """Complete the onboarding, except that Stripe still verifies `fields`."""
    account["details_submitted"] = True
    account["requirements"] = requirements(
        pending=fields, disabled_reason="requirements.pending_verification"
    )
    _set_all(account, "pending")


def require(account: Json, fields: Sequence[str], deadline: int) -> None:
    """Require more fields by a deadline; until then the account keeps its abilities."""
    past_due, reason = (account["requirements"][key] for key in ("past_due", "disabled_reason"))
    account["requirements"] = requirements(
        fields, past_due=past_due, disabled_reason=reason, deadline=deadline
    )


def mark_past_due(account: Json, fields: Sequence[str]) -> None:
    """Mark fields as past due, which disables the account."""
    account["requirements"] = requirements(past_due=fields, disabled_reason="requirements.past_due")
    _set_all(account, "inactive")


def disable(account: Json, reason: str) -> None:
    """Disable every ability of an account."""
    account["requirements"]["disabled_reason"] = reason
    _set_all(account, "inactive")


def set_abilities(
    account: Json, capabilities: Mapping[str, str], *, payouts: bool | None = None
) -> None:
    """Set single capabilities, and the payouts if given."""
    account["capabilities"] |= capabilities
    account["charges_enabled"] = account["capabilities"].get("card_payments") == "active"
    if payouts is not None:
        account["payouts_enabled"] = payouts


def _set_all(account: Json, status: str) -> None:
    wanted = dict.fromkeys(account["capabilities"], status)
    set_abilities(account, wanted, payouts=status == "active" and bool(wanted))


def _has_value(account: Json, name: str) -> bool:
    value: Any = account
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value is not None


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Json:
    """Return the old values of changed fields, as the previous attributes of an event."""
    previous: Json = {}
    for name in {*before, *after}:
        old, new = before.get(name), after.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            old = _difference(old, new)
            if old:
                previous[name] = old
        elif old != new:
            previous[name] = old
    return previous
