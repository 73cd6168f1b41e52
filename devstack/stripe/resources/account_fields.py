"""The fields of a connected account that a caller sets: kind, business, capabilities.

What Stripe itself finds out is in `account_state`.
"""

from typing import Any

from devstack.stripe.errors import invalid
from devstack.stripe.params import Params, merge_metadata
from devstack.stripe.store import Json


CAPABILITIES = ("card_payments", "transfers")
_BUSINESS_TYPES = ("company", "government_entity", "individual", "non_profit")
_PROFILE_TEXTS = (
    "mcc",
    "name",
    "product_description",
    "support_email",
    "support_phone",
    "support_url",
    "url",
)
EMPTY_PROFILE: Json = {
    "annual_revenue": None,
    "estimated_worker_count": None,
    **dict.fromkeys(_PROFILE_TEXTS),
    "support_address": None,
}
SETTINGS: Json = {
    "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
    "card_payments": {
        "decline_on": {"avs_failure": False, "cvc_failure": False},
        "statement_descriptor_prefix": None,
    },
    "dashboard": {"display_name": None, "timezone": "Etc/UTC"},
    "payments": {"statement_descriptor": None},
    "payouts": {
        "debit_negative_balances": True,
        "schedule": {"delay_days": 2, "interval": "daily"},
        "statement_descriptor": None,
    },
}
#: Per type: who pays Stripe's fees, who bears losses, who collects requirements, which dashboard.
_TYPES = {
    "custom": ("application_custom", "application", "application", "none"),
    "express": ("application_express", "application", "stripe", "express"),
    "standard": ("account", "stripe", "stripe", "full"),
}


def read_kind(params: Params) -> Json:
    """Return `type` and `controller` of a new account: https://docs.stripe.com/connect/accounts."""
    kind = params.choice("type", tuple(_TYPES))
    controller = params.nested("controller")
    if kind and controller:
        raise invalid(
            "You may not provide the `type` parameter and `controller` parameters simultaneously. "
            "They are mutually exclusive."
        )
    if kind:
        return {"type": kind, "controller": _controller(*_TYPES[kind])}
    return {"type": "none", "controller": _read_controller(controller or Params({}))}


def read_country(params: Params) -> str:
    """Return the country of a new account; the fake has but one."""
    country = params.text("country") or "AU"
    if country != "AU":
        raise invalid(
            f"The fake Stripe has accounts in AU only, not in {country}.", param="country"
        )
    return country


def read_changes(params: Params) -> Json:
    """Return the fields that a caller may set, with what he wants."""
    changes: Json = {}
    if params.has("email"):
        changes["email"] = params.email("email")
    if params.has("business_type"):
        changes["business_type"] = params.choice("business_type", _BUSINESS_TYPES)
    profile = params.nested("business_profile")
    if profile is not None:
        changes["business_profile"] = {
            name: profile.email(name) if name == "support_email" else profile.clearable_text(name)
            for name in _PROFILE_TEXTS
            if profile.has(name)
        }
    if params.text("default_currency") not in (None, "aud"):
        raise invalid("Accounts of the fake Stripe settle in aud.", param="default_currency")
    changes["capabilities"] = _read_capabilities(params)
    changes["metadata"] = params.metadata()
    return changes


def apply(account: Json, changes: Json) -> None:
    """Write what `read_changes` has read into an account.

    Raises:
        StripeError: the account would ask for what Stripe does not give.

    """
    account |= {name: changes[name] for name in ("email", "business_type") if name in changes}
    account["business_profile"] = account["business_profile"] | changes.get("business_profile", {})
    account["metadata"] = merge_metadata(account["metadata"], changes["metadata"])
    for name, is_requested in changes["capabilities"].items():
        if is_requested:
            account["capabilities"].setdefault(name, "inactive")
        else:
            account["capabilities"].pop(name, None)
    if list(account["capabilities"]) == ["transfers"]:
        raise invalid(
            "Your platform needs approval for accounts to have requested the `transfers` "
            "capability without the `card_payments` capability.",
            param="capabilities",
        )


def _read_controller(params: Params) -> Json:
    fees = _choice_in(params, "fees", "payer", ("account", "application"))
    losses = _choice_in(params, "losses", "payments", ("stripe", "application"))
    collector = params.choice("requirement_collection", ("stripe", "application")) or "stripe"
    dashboard = _choice_in(params, "stripe_dashboard", "type", ("full", "express", "none"))
    if losses == "application" and fees != "application":
        raise invalid(
            "controller[losses][payments]=application needs controller[fees][payer]=application.",
            param="controller[fees][payer]",
        )
    if collector == "application" and (losses, dashboard) != ("application", "none"):
        raise invalid(
            "controller[requirement_collection]=application needs "
            "controller[losses][payments]=application and controller[stripe_dashboard][type]=none.",
            param="controller[requirement_collection]",
        )
    return _controller(fees, losses, collector, dashboard)


def _choice_in(params: Params, group: str, name: str, allowed: tuple[str, ...]) -> str:
    """Return `group[name]`; the first of those allowed is what Stripe takes for granted."""
    values = params.nested(group)
    return (values.choice(name, allowed) if values else None) or allowed[0]


def _controller(fees: str, losses: str, collector: str, dashboard: str) -> Json:
    return {
        "fees": {"payer": fees},
        "is_controller": True,
        "losses": {"payments": losses},
        "requirement_collection": collector,
        "stripe_dashboard": {"type": dashboard},
        "type": "application",
    }


def _read_capabilities(params: Params) -> dict[str, Any]:
    values = params.nested("capabilities")
    if values is None:
        return {}
    requests = {name: values.nested(name) for name in CAPABILITIES}
    return {name: request.boolean("requested") for name, request in requests.items() if request}
