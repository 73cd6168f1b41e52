"""Connect onboarding: one account per seller for ever, and a link to Stripe's form."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import structlog

from market.database import Database
from market.errors import MarketError, RejectedError, TransientError
from market.payouts import repository
from market.payouts.types import AccountState, AccountTerms, OnboardingLink
from market.stripe_api import StripeApi
from market.stripe_errors import ANSWERED_CODES
from market.stripe_objects import made_under, object_in, text_in, time_in


log = structlog.get_logger(__name__)

#: After `CONFLICT` another call has made the account. After `STRIPE_ERROR` the key has changed.
_BEGIN_AGAIN = frozenset({"CONFLICT", "STRIPE_ERROR"})
#: The clocks of Stripe and of the database may differ.
_CLOCK_MARGIN_S = 3600
#: Stripe gives the capability for transfers alone only to approved platforms.
_CAPABILITIES = {"card_payments": {"requested": True}, "transfers": {"requested": True}}


def open_link(
    stripe_api: StripeApi, database: Database, *, user_id: str, site: str
) -> OnboardingLink:
    """Return a new link to Stripe's form; concurrent calls of a seller get links to one account.

    Stripe sends the seller back to the account page of `site`.

    Raises:
        RejectedError: `KYC_REQUIRED`, `PROFILE_NOT_FOUND`, `STRIPE_REFUSED`.
        MarketError: `STRIPE_ERROR`; the next call uses another idempotency key.

    """
    try:
        account_id = _account_of(stripe_api, database, user_id)
    except MarketError as error:
        if error.code not in _BEGIN_AGAIN:
            raise
        account_id = _account_of(stripe_api, database, user_id)
    link = stripe_api.create_account_link(
        {
            "account": account_id,
            "type": "account_onboarding",
            "return_url": f"{site}/account?payouts=returned",
            "refresh_url": f"{site}/account?payouts=expired",
        }
    )
    url, expires_at = text_in(link, "url"), time_in(link, "expires_at")
    if url is None or expires_at is None:
        raise RejectedError("PAYLOAD_UNREADABLE", "account_link")
    return OnboardingLink(url=url, expires_at=dt.datetime.fromtimestamp(expires_at, dt.UTC))


def read_account(
    stripe_api: StripeApi, database: Database, *, account_id: str
) -> AccountState | None:
    """Return the state of an account at Stripe, or None if no seller has the account.

    The number is taken before the read. So a read with a higher number knows everything that a read
    with a lower number was begun for.
    """
    number = repository.begin_account_read(database, account_id=account_id)
    if number is None:
        return None
    try:
        account = stripe_api.retrieve_account(account_id)
    except TransientError as error:
        if error.code != "STRIPE_ACCOUNT_UNABLE":
            raise
        # Stripe has closed the account, or the seller has left our platform.
        account = {}
    is_able = text_in(object_in(account, "capabilities"), "transfers") == "active"
    return AccountState(
        account_id=account_id,
        read_number=number,
        payouts_enabled=is_able and account.get("payouts_enabled") is True,
    )


def _account_of(stripe_api: StripeApi, database: Database, user_id: str) -> str:
    terms = repository.begin_onboarding(database, user_id=user_id)
    if terms.account_id is not None:
        return terms.account_id
    account = _made_before(stripe_api, terms) or _create(stripe_api, database, terms)
    account_id: str = account["id"]
    repository.set_connect_account(database, user_id=user_id, account_id=account_id)
    log.info("connect_account_attached", user_id=user_id, account_id=account_id)
    return account_id


def _dedupe_key(terms: AccountTerms) -> str:
    return f"connect:{terms.user_id}"


def _made_before(stripe_api: StripeApi, terms: AccountTerms) -> Mapping[str, Any] | None:
    """Return the account that Stripe made for the seller although we received no answer, or None.

    Stripe may also answer 500 after it made the account.
    """
    since = terms.seller_since - _CLOCK_MARGIN_S
    return made_under(_dedupe_key(terms), stripe_api.list_accounts(created_since=since))


def _create(stripe_api: StripeApi, database: Database, terms: AccountTerms) -> Mapping[str, Any]:
    key = _dedupe_key(terms)
    try:
        return stripe_api.create_account(
            {
                "type": "express",
                "country": "AU",
                "capabilities": _CAPABILITIES,
                "metadata": {"user_id": terms.user_id, "dedupe_key": key},
            },
            idempotency_key=f"{key}:{terms.answered_errors}",
        )
    except MarketError as error:
        if error.code in ANSWERED_CODES:
            repository.record_connect_error(database, terms, error.code)
            log.warning("connect_account_not_made", user_id=terms.user_id, code=error.code)
        raise
