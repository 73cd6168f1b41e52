"""Connected accounts, of a platform in Australia: https://docs.stripe.com/api/accounts."""

import copy

from devstack.stripe.config import StripeConfig
from devstack.stripe.errors import refused
from devstack.stripe.lists import read_page, whole_list
from devstack.stripe.params import Params
from devstack.stripe.resources import account_fields, account_state
from devstack.stripe.store import Json, new_id
from devstack.stripe.transaction import Transaction


def create(tx: Transaction, params: Params) -> Json:
    """`POST /v1/accounts`, by `type` or by `controller`."""
    kind = account_fields.read_kind(params)
    country = account_fields.read_country(params)
    changes = account_fields.read_changes(params)
    params.finish()

    account_id = new_id("acct", 16)
    account: Json = {
        "id": account_id,
        "object": "account",
        "business_profile": account_fields.EMPTY_PROFILE,
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
        "settings": copy.deepcopy(account_fields.SETTINGS),
        "tos_acceptance": {"date": None, "ip": None, "user_agent": None},
    }
    account_fields.apply(account, changes)
    account_state.ask_all(account)
    tx.store.insert(account)
    return account


def retrieve_own(tx: Transaction, params: Params) -> Json:
    """`GET /v1/account`: our own, or the connected one that the request is about."""
    params.finish()
    if tx.origin.account is not None:
        return account_state.find(tx, tx.origin.account)
    return _own(tx.config)


def retrieve(tx: Transaction, params: Params, account_id: str) -> Json:
    """`GET /v1/accounts/:id`: a connected account, or our own by its id."""
    params.finish()
    if account_id == tx.config.account_id:
        return _own(tx.config)
    return account_state.find(tx, account_id)


def update(tx: Transaction, params: Params, account_id: str) -> Json:
    """`POST /v1/accounts/:id`."""
    changes = account_fields.read_changes(params)
    params.finish()
    with account_state.change(tx, account_id) as account:
        before = set(account["capabilities"])
        account_fields.apply(account, changes)
        account_state.follow(account, set(account["capabilities"]) - before)
    return account


def list_page(tx: Transaction, params: Params) -> Json:
    """`GET /v1/accounts`: those connected to ours."""
    return read_page(tx.store, params, "account", url="/v1/accounts")


def delete(tx: Transaction, params: Params, account_id: str) -> Json:
    """`DELETE /v1/accounts/:id`: a test account can be deleted at any time."""
    params.finish()
    account_state.find(tx, account_id)
    tx.store.delete(account_id)
    return {"id": account_id, "object": "account", "deleted": True}


def create_login_link(tx: Transaction, params: Params, account_id: str) -> Json:
    """`POST /v1/accounts/:id/login_links`: the way to the Express Dashboard, which is not here."""
    params.finish()
    account = account_state.find(tx, account_id)
    if account["controller"]["stripe_dashboard"]["type"] != "express":
        raise refused(f"{account_id} is not an Express account: it has no login links.")
    if not account["details_submitted"]:
        raise refused(
            "Cannot create a login link for an account that has not completed onboarding."
        )
    url = f"{tx.config.url}/express/{new_id(account_id, 12)}"
    return {"object": "login_link", "created": tx.now, "url": url}


def _own(config: StripeConfig) -> Json:
    """Return a platform in Australia with nothing left to prove."""
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
