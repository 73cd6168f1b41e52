"""Handle Stripe's events about verifications: read the session again, then make one SQL call."""

import functools

import structlog

from market import inbox
from market.database import Database
from market.kyc import repository, verification
from market.stripe_api import StripeApi
from market.stripe_objects import text_in
from market.stripe_webhook import StripeEvent


log = structlog.get_logger(__name__)

_CHANGES = ("created", "processing", "requires_input", "verified", "canceled", "redacted")


def stripe_handlers(stripe_api: StripeApi, database: Database) -> inbox.Handlers:
    """Return the handler of each event of a session, with the adapters that it needs."""
    handler = functools.partial(_handle_session_changed, stripe_api, database)
    return {f"identity.verification_session.{change}": handler for change in _CHANGES}


def _handle_session_changed(
    stripe_api: StripeApi, database: Database, event: StripeEvent
) -> inbox.Outcome:
    """Apply what the session is now; events may arrive out of order."""
    session_id = text_in(event.data, "id")
    reading = None
    if session_id is not None:
        reading = verification.read_session(stripe_api, database, stripe_session_id=session_id)
    if reading is None:
        return inbox.ignore(database, event, reason="session_unknown")
    outcome = repository.handle_kyc_webhook_update(
        database, reading, event_id=event.id, event_created=event.created
    )
    log.info(
        "verification_applied",
        event_id=event.id,
        session_id=session_id,
        status=reading.status,
        outcome=outcome,
    )
    return outcome
