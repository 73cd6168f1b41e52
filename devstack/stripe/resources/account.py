"""The account that the secret key belongs to: https://docs.stripe.com/api/accounts."""

from devstack.stripe.config import StripeConfig
from devstack.stripe.params import Params
from devstack.stripe.resources import account_state
from devstack.stripe.store import Json
from devstack.stripe.transaction import Transaction


def retrieve(tx: Transaction, params: Params) -> Json:
    """`GET /v1/account`: our own, or the connected one that the request is about."""
    params.finish()
    if tx.origin.account is not None:
        return account_state.find(tx, tx.origin.account)
    return own(tx.config)


def retrieve_any(tx: Transaction, params: Params, account_id: str) -> Json:
    """`GET /v1/accounts/:id`: a connected account, or our own by its id."""
    params.finish()
    if account_id == tx.config.account_id:
        return own(tx.config)
    return account_state.find(tx, account_id)


def own(config: StripeConfig) -> Json:
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
