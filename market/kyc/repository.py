"""The SQL functions of the KYC domain: one function here for each.

Every call may be repeated. For a settled event SQL answers its outcome and changes nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from market.database import Database, accepted
from market.inbox import Outcome, read_outcome
from market.kyc.types import Profile, Reading, ReadTerms, Verification


def begin_verification(database: Database, profile: Profile, *, user_id: str) -> Verification:
    """Store the profile of a user, and return the open verification or a new one.

    Raises:
        RejectedError: `PROFILE_NOT_FOUND`, `USER_SUSPENDED`, `CONFLICT`, `KYC_COOLDOWN`,
            `VALIDATION_ERROR`.

    """
    answer = accepted(
        database.call(
            "begin_verification",
            user_id=user_id,
            legal_name=profile.legal_name,
            dob=profile.dob,
            address=dict(profile.address),
        )
    )
    return Verification(
        id=answer["verification_id"],
        user_id=user_id,
        stripe_session_id=answer["stripe_session_id"],
        answered_errors=answer["answered_errors"],
    )


def record_verification_error(
    database: Database, verification: Verification, error_code: str
) -> None:
    """Count an error that Stripe answered when we created a session, once per idempotency key."""
    accepted(
        database.call(
            "record_verification_error",
            verification_id=verification.id,
            answered_errors=verification.answered_errors,
            error_code=error_code,
        )
    )


def attach_verification(
    database: Database, verification: Verification, stripe_session_id: str
) -> str:
    """Make a session the one of a verification; return the id of the session that it has now.

    Raises:
        RejectedError: `CONFLICT` if the session belongs to another verification,
            `PROFILE_NOT_FOUND` if the account was deleted.

    """
    answer = accepted(
        database.call(
            "attach_verification",
            verification_id=verification.id,
            stripe_session_id=stripe_session_id,
        )
    )
    attached: str = answer["stripe_session_id"]
    return attached


def get_verification(
    database: Database, *, user_id: str, stripe_session_id: str | None
) -> Mapping[str, Any]:
    """Return a verification of a user as the web app reads it.

    Raises:
        RejectedError: `FORBIDDEN` if the session is not the user's, `PROFILE_NOT_FOUND`.

    """
    answer: Mapping[str, Any] = accepted(
        database.call("get_verification", user_id=user_id, stripe_session_id=stripe_session_id)
    )
    return answer


def begin_verification_read(database: Database, *, stripe_session_id: str) -> ReadTerms | None:
    """Return the terms of a new read of a session, or None for a session that nobody has."""
    answer = database.call("begin_verification_read", stripe_session_id=stripe_session_id)
    if answer["read_number"] is None:
        return None
    return ReadTerms(read_number=answer["read_number"], address=answer["address"])


def handle_kyc_webhook_update(
    database: Database, reading: Reading, *, event_id: str | None, event_created: int | None
) -> Outcome:
    """Apply what a session is at Stripe, and settle its event, if any, in the same transaction.

    Raises:
        RejectedError: `PAYLOAD_UNREADABLE` for a status that Stripe does not have.

    """
    answer = database.call(
        "handle_kyc_webhook_update",
        p_stripe_session_id=reading.stripe_session_id,
        p_status=reading.status,
        p_verified_outputs={"address_match": reading.is_address_matched},
        p_last_error=None if reading.reason_code is None else {"code": reading.reason_code},
        p_event_id=event_id,
        p_event_created=event_created,
        p_read_number=reading.read_number,
        p_user_ref=reading.user_ref,
        p_report_id=reading.report_id,
        p_redaction=reading.redaction,
        p_address=reading.address,
    )
    return read_outcome(database, answer, event_id=event_id or reading.stripe_session_id)


def claim_stale_verifications(database: Database, *, limit: int) -> Sequence[str]:
    """Return the ids of unfinished sessions that must be read again."""
    claimed: Sequence[str] = database.call("claim_stale_verifications", max_rows=limit)
    return claimed
