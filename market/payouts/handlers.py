"""Handle Stripe's events about Connect accounts: read the object again, then make one SQL call."""

import functools

import structlog

from market import inbox
from market.database import Database
from market.payouts import onboarding, repository
from market.stripe_api import StripeApi
from market.stripe_objects import text_in
from market.stripe_webhook import StripeEvent


log = structlog.get_logger(__name__)


def stripe_handlers(stripe_api: StripeApi, database: Database) -> inbox.Handlers:
    """Return the handler of each payouts event, with the adapters that it needs."""
    return {
        "account.updated": functools.partial(_handle_account_updated, stripe_api, database),
    }


def _handle_account_updated(
    stripe_api: StripeApi, database: Database, event: StripeEvent
) -> inbox.Outcome:
    """Record whether the seller can be paid now; events may arrive out of order."""
    account_id = text_in(event.data, "id")
    state = None
    if account_id is not None:
        state = onboarding.read_account(stripe_api, database, account_id=account_id)
    if state is None:
        return inbox.ignore(database, event, reason="account_unknown")
    outcome = repository.apply_account_updated(database, state, event_id=event.id)
    log.info("account_applied", event_id=event.id, account_id=account_id, outcome=outcome)
    return outcome
