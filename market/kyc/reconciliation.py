"""Sessions that have not ended, or whose redaction is not confirmed, and whose events are late."""

from collections.abc import Sequence

import structlog

from market.database import Database
from market.duties import Duty
from market.errors import RejectedError
from market.kyc import repository, verification
from market.stripe_api import StripeApi


log = structlog.get_logger(__name__)


def duties(stripe_api: StripeApi, database: Database) -> Sequence[Duty]:
    """Return the duties of the KYC domain, with the adapters that they need."""
    return [
        Duty(
            name="stale_verifications",
            work=lambda limit: reread_sessions(stripe_api, database, limit=limit),
        )
    ]


def reread_sessions(stripe_api: StripeApi, database: Database, *, limit: int) -> int:
    """Read stale sessions from Stripe again, and apply their state."""
    claimed = repository.claim_stale_verifications(database, limit=limit)
    for session_id in claimed:
        try:
            verification.record_session(stripe_api, database, stripe_session_id=session_id)
        except RejectedError as error:
            # One session that Stripe does not know must not stop the others.
            log.warning("verification_not_read", session_id=session_id, code=error.code)
    return len(claimed)
