"""The account that the secret key belongs to: https://docs.stripe.com/api/accounts."""

import hashlib

from devstack.stripe.params import Params
from devstack.stripe.store import Json
from devstack.stripe.transaction import Transaction


def retrieve(tx: Transaction, params: Params) -> Json:
    """`GET /v1/account`: a platform in Australia with nothing left to prove."""
    params.finish()
    digest = hashlib.sha256(tx.config.secret_key.encode()).hexdigest()
    return {
        "id": f"acct_{digest[:16]}",
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
