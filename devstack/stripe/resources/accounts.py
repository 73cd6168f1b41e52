"""Connected accounts of a platform in Australia, and the links to their onboarding.

https://docs.stripe.com/api/accounts, https://docs.stripe.com/api/account_links.
"""

import copy
import math
from typing import Any

from devstack.stripe.config import StripeConfig
from devstack.stripe.errors import invalid, refused
from devstack.stripe.lists import read_page, whole_list
from devstack.stripe.params import Params, merge_metadata
from devstack.stripe.resources import account_state
from devstack.stripe.store import Json, Store, new_id
from devstack.stripe.transaction import Transaction


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
_EMPTY_PROFILE: Json = {
    "annual_revenue": None,
    "estimated_worker_count": None,
    **dict.fromkeys(_PROFILE_TEXTS),
    "support_address": None,
}
_SETTINGS: Json = {
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
#: By type: payer of Stripe's fees, bearer of losses, collector of requirements, dashboard.
_CONTROLLERS = {
    "custom": ("application_custom", "application", "application", "none"),
    "express": ("application_express", "application", "stripe", "express"),
    "standard": ("account", "stripe", "stripe", "full"),
}
_LINK_LIFETIME_S = 300
_LINK_TYPES = ("account_onboarding", "account_update")


def create(tx: Transaction, params: Params) -> Json:
    """`POST /v1/accounts`: create a connected account, by `type` or by `controller`."""
    kind = _read_kind(params)
    country = _read_country(params)
    changes = _read_changes(params)
    params.finish()

    account_id = new_id("acct", 16)
    account: Json = {
        "id": account_id,
        "object": "account",
        "business_profile": _EMPTY_PROFILE,
        "business_type": None,
        "capabilities": {},
        "charges_enabled": False,
        **kind,
        "country": country,
        "created": tx.now,
        "default_currency": "aud",
        "details_submitted": False,
        "email": None,
        "external_accounts": whole_list([], url=f"/v1/accounts/{account_id}/external_accounts")
        | {"total_count": 0},
        "future_requirements": account_state.requirements(),
        "groups": {"payments_pricing": None},
        "metadata": {},
        "payouts_enabled": False,
        "settings": copy.deepcopy(_SETTINGS),
        "tos_acceptance": {"date": None, "ip": None, "user_agent": None},
    }
    _apply_changes(account, changes)
    account_state.require_all(account)
    tx.store.insert(account)
    return account


def retrieve_own(tx: Transaction, params: Params) -> Json:
    """`GET /v1/account`: show our own account, or the one that the header Stripe-Account names."""
    params.finish()
    if tx.origin.account is not None:
        return account_state.find(tx, tx.origin.account)
    return _own(tx.config)


def retrieve(tx: Transaction, params: Params, account_id: str) -> Json:
    """`GET /v1/accounts/:id`: show a connected account, or our own."""
    params.finish()
    if account_id == tx.config.account_id:
        return _own(tx.config)
    return account_state.find(tx, account_id)


def update(tx: Transaction, params: Params, account_id: str) -> Json:
    """`POST /v1/accounts/:id`: change an account."""
    changes = _read_changes(params)
    params.finish()
    with account_state.change(tx, account_id) as account:
        before = set(account["capabilities"])
        _apply_changes(account, changes)
        account_state.update_abilities(account, set(account["capabilities"]) - before)
    return account


def list_page(tx: Transaction, params: Params) -> Json:
    """`GET /v1/accounts`: list the connected accounts."""
    return read_page(tx, params, "account", url="/v1/accounts")


def delete(tx: Transaction, params: Params, account_id: str) -> Json:
    """`DELETE /v1/accounts/:id`: delete an account, which test mode always allows."""
    params.finish()
    account_state.find(tx, account_id)
    tx.store.delete(account_id)
    return {"id": account_id, "object": "account", "deleted": True}


def create_login_link(tx: Transaction, params: Params, account_id: str) -> Json:
    """`POST /v1/accounts/:id/login_links`: create a link to the Express Dashboard."""
    params.finish()
    account = account_state.find(tx, account_id)
    if account["controller"]["stripe_dashboard"]["type"] != "express":
        raise refused(f"{account_id} is not an Express account: it has no login links.")
    if not account["details_submitted"]:
        raise refused(
            "Cannot create a login link for an account that has not completed onboarding."
        )
    token = new_id(account_id, 12)
    link: Json = {
        "object": "login_link",
        "created": tx.now,
        "url": f"{tx.config.url}/express/{token}",
    }
    tx.store.insert(link | {"id": token, "is_used": False}, private={"account": account_id})
    return link


def create_link(tx: Transaction, params: Params) -> Json:
    """`POST /v1/account_links`: create a link to the hosted form."""
    account_id = params.required_text("account")
    kind = params.choice("type", _LINK_TYPES) or params.required_text("type")
    urls = {name: params.required_web_address(name) for name in ("refresh_url", "return_url")}
    _read_collection(params)
    params.finish()

    account = account_state.find(tx, account_id)
    if kind == "account_update" and account["controller"]["requirement_collection"] == "stripe":
        raise refused(
            "You cannot create `account_update` type Account Links for this account. Valid types "
            'for this account are ["account_onboarding"].',
            param="type",
        )
    token = new_id("setup")
    link: Json = {
        "object": "account_link",
        "created": tx.now,
        "expires_at": tx.now + _LINK_LIFETIME_S,
        "url": f"{tx.config.url}/setup/{token}",
    }
    use: Json = {"id": token, "is_used": False, "is_submitted": False}
    tx.store.insert(link | use, private={"account": account_id, **urls})
    return link


def visit_link(tx: Transaction, kind: str, token: str) -> bool:
    """Use an account link or a login link; return true if it opens its page.

    It does so only once, and before it expires.
    """
    link = tx.get(kind, token)
    if link["is_used"] or tx.now >= link.get("expires_at", math.inf):
        return False
    tx.store.replace(link | {"is_used": True})
    return True


def submit_link(tx: Transaction, token: str) -> bool:
    """Submit the form behind an account link; return true if it is open and not yet submitted."""
    link = tx.get("account_link", token)
    if not link["is_used"] or link["is_submitted"]:
        return False
    tx.store.replace(link | {"is_submitted": True})
    return True


def link_target(store: Store, kind: str, token: str) -> Json | None:
    """Return `account` of a link; an account link has `refresh_url` and `return_url` too."""
    return store.private(token) if store.find(kind, token) else None


def _own(config: StripeConfig) -> Json:
    """Return our own account: a platform in Australia without requirements."""
    return {
        "id": config.account_id,
        "object": "account",
        "business_profile": {"name": "Aussie Market", "support_email": None, "url": None},
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": "AU",
        "default_currency": "aud",
        "details_submitted": True,
        "email": None,
        "metadata": {},
        "payouts_enabled": True,
        "type": "standard",
    }


def _read_kind(params: Params) -> Json:
    """Return `type` and `controller` of a new account: https://docs.stripe.com/connect/accounts."""
    kind = params.choice("type", tuple(_CONTROLLERS))
    controller = params.nested("controller")
    if kind and controller:
        raise invalid(
            "You may not provide the `type` parameter and `controller` parameters simultaneously. "
            "They are mutually exclusive."
        )
    if kind:
        return {"type": kind, "controller": _controller(*_CONTROLLERS[kind])}
    return {"type": "none", "controller": _read_controller(controller or Params({}))}


def _read_country(params: Params) -> str:
    """Return the country of a new account, which must be AU."""
    country = params.text("country") or "AU"
    if country != "AU":
        raise invalid(
            f"The fake Stripe has accounts in AU only, not in {country}.", param="country"
        )
    return country


def _read_changes(params: Params) -> Json:
    """Return the fields that the caller sets, with their new values."""
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


def _apply_changes(account: Json, changes: Json) -> None:
    """Apply the result of `_read_changes` to an account.

    Raises:
        StripeError: Stripe does not grant the requested capabilities.

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
    """Return `group[name]`, by default the first of the allowed values."""
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


def _read_collection(params: Params) -> None:
    """Read the options of the hosted form, which the fake ignores."""
    params.choice("collect", ("currently_due", "eventually_due"))
    options = params.nested("collection_options")
    if options is not None:
        options.choice("fields", ("currently_due", "eventually_due"))
        options.choice("future_requirements", ("include", "omit"))
