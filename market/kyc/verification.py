"""Verify a person: one open session per user, and its state as it is at Stripe now."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import structlog

from market.database import Database
from market.errors import MarketError, RejectedError, TransientError
from market.kyc import addresses, repository
from market.kyc.types import OpenSession, Profile, Reading, ReadTerms, Verification
from market.stripe_api import StripeApi
from market.stripe_errors import ANSWERED_CODES
from market.stripe_objects import object_in, text_in


log = structlog.get_logger(__name__)

#: One more beginning after an error that Stripe answered, and one after a session that has ended.
_MOST_BEGINNINGS = 3
_OPEN = frozenset({"requires_input", "processing"})
_REPORT = re.compile(r"vr_[A-Za-z0-9_]+")
_DOCUMENTS = ["driving_license", "passport", "id_card"]


def start(
    stripe_api: StripeApi, database: Database, profile: Profile, *, user_id: str, site: str
) -> OpenSession:
    """Return the open session of a user, or a new one; parallel calls of a user get the same.

    Stripe sends the person back to the account page of `site`.

    Raises:
        RejectedError: as `begin_verification`.
        MarketError: `STRIPE_ERROR`; the next call uses another idempotency key.

    """
    for is_last in (False,) * (_MOST_BEGINNINGS - 1) + (True,):
        verification = repository.begin_verification(database, profile, user_id=user_id)
        try:
            session = _session_of(stripe_api, database, verification, site)
        except MarketError as error:
            if error.code != "STRIPE_ERROR" or is_last:
                raise
            continue
        if session.get("status") in _OPEN:
            return OpenSession(
                stripe_session_id=session["id"],
                client_secret=text_in(session, "client_secret"),
                url=text_in(session, "url"),
            )
        # The session has ended, and its event has not arrived yet.
        record_session(stripe_api, database, stripe_session_id=session["id"])
    raise TransientError("STRIPE_CONFLICT", "verification_session")


def read_session(
    stripe_api: StripeApi, database: Database, *, stripe_session_id: str
) -> Reading | None:
    """Return the state of a session at Stripe, or None if nobody has the session.

    The number is taken before the read. So a read with a higher number knows everything that a read
    with a lower number was begun for.
    """
    terms = repository.begin_verification_read(database, stripe_session_id=stripe_session_id)
    if terms is None:
        return None
    session = stripe_api.retrieve_verification_session(stripe_session_id)
    is_matched = None
    if session.get("status") == "verified" and not session.get("redaction") and terms.address:
        is_matched = _is_address_matched(stripe_api, stripe_session_id, terms.address)
    return _reading(session, terms, is_matched=is_matched)


def record_session(stripe_api: StripeApi, database: Database, *, stripe_session_id: str) -> None:
    """Read a session from Stripe without an event, and apply its state."""
    reading = read_session(stripe_api, database, stripe_session_id=stripe_session_id)
    if reading is not None:
        outcome = repository.handle_kyc_webhook_update(
            database, reading, event_id=None, event_created=None
        )
        log.info("verification_read", session_id=stripe_session_id, outcome=outcome)


def _session_of(
    stripe_api: StripeApi, database: Database, verification: Verification, site: str
) -> Mapping[str, Any]:
    """Return the session of a verification with a way in, and make it first if there is none."""
    session_id = verification.stripe_session_id
    if session_id is None:
        for session in _candidates(stripe_api, database, verification, site):
            try:
                session_id = repository.attach_verification(database, verification, session["id"])
            except RejectedError as error:
                if error.code != "CONFLICT":
                    raise
                # An earlier verification of the user has this session.
                continue
            log.info("verification_attached", user_id=verification.user_id, session_id=session_id)
            break
    if session_id is None:
        raise TransientError("STRIPE_CONFLICT", "verification_session")
    # Each way in works once, so even a session that was just made must be read.
    return stripe_api.retrieve_verification_session(session_id)


def _candidates(
    stripe_api: StripeApi, database: Database, verification: Verification, site: str
) -> Iterator[Mapping[str, Any]]:
    """Yield sessions that Stripe made for the user although we received no answer, then a new one.

    Stripe forgets an idempotency key after a day, and it may answer 500 after it made the session.
    A restored database has forgotten a session, too.
    """
    for session in stripe_api.list_verification_sessions(client_reference_id=verification.user_id):
        is_of_user = object_in(session, "metadata").get("user_id") == verification.user_id
        is_usable = session.get("status") in _OPEN | {"verified"} and not session.get("redaction")
        if is_of_user and is_usable:
            yield session
    yield _create(stripe_api, database, verification, site)


def _create(
    stripe_api: StripeApi, database: Database, verification: Verification, site: str
) -> Mapping[str, Any]:
    try:
        return stripe_api.create_verification_session(
            {
                "type": "document",
                "options": {"document": {"allowed_types": _DOCUMENTS}},
                "client_reference_id": verification.user_id,
                "metadata": {"user_id": verification.user_id},
                "return_url": f"{site}/account?kyc=returned",
            },
            idempotency_key=f"kyc:{verification.id}:{verification.answered_errors}",
        )
    except MarketError as error:
        if error.code in ANSWERED_CODES:
            repository.record_verification_error(database, verification, error.code)
            log.warning(
                "verification_session_not_made", user_id=verification.user_id, code=error.code
            )
        raise


def _reading(session: Mapping[str, Any], terms: ReadTerms, *, is_matched: bool | None) -> Reading:
    status = text_in(session, "status")
    if status is None:
        raise RejectedError("PAYLOAD_UNREADABLE", "status")
    error = object_in(session, "last_error")
    redaction = text_in(object_in(session, "redaction"), "status")
    user_ref = text_in(object_in(session, "metadata"), "user_id")
    report_id = text_in(session, "last_verification_report")
    return Reading(
        stripe_session_id=session["id"],
        read_number=terms.read_number,
        status=status,
        reason_code=text_in(error, "code") or ("unknown" if error else None),
        user_ref="" if user_ref is None and redaction is None else user_ref,
        report_id=report_id if report_id and _REPORT.fullmatch(report_id) else None,
        redaction=redaction,
        is_address_matched=is_matched,
        address=terms.address,
    )


def _is_address_matched(
    stripe_api: StripeApi, stripe_session_id: str, address: Mapping[str, str]
) -> bool:
    # Stripe has no smaller part to expand. The names in it go no further than this function.
    session = stripe_api.retrieve_verification_session(
        stripe_session_id, expand=["verified_outputs"]
    )
    outputs = object_in(session, "verified_outputs")
    return addresses.is_match(address, object_in(outputs, "address"))
