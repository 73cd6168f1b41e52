"""Outbox sender of the KYC domain: have Stripe erase what it holds of a person."""

import functools
from collections.abc import Mapping
from typing import Any

from market.errors import RejectedError, TransientError
from market.outbox import OutboxRow, Senders, Sent
from market.stripe_api import StripeApi
from market.stripe_objects import object_in, text_in


def outbox_senders(stripe_api: StripeApi) -> Senders:
    """Return the sender for each kind of outbox row that belongs to KYC."""
    return {"redact_identity": functools.partial(_redact, stripe_api)}


def _redact(stripe_api: StripeApi, row: OutboxRow) -> Sent:
    """Redact a session, unless Stripe does or has done so already.

    The row is done once Stripe has accepted it. An event or a later read confirms the redaction.

    Raises:
        TransientError: `VERIFICATION_UNDER_WAY` while Stripe checks the document; the row waits.

    """
    session_id = row.value("stripe_session_id")
    session = stripe_api.retrieve_verification_session(session_id)
    if _redaction_of(session) is None:
        _refuse_under_way(session)
        session = _redacted(stripe_api, row, session_id)
    return Sent(stripe_object_id=session_id, result={"status": _redaction_of(session)})


def _redacted(stripe_api: StripeApi, row: OutboxRow, session_id: str) -> Mapping[str, Any]:
    try:
        return stripe_api.redact_verification_session(
            session_id, idempotency_key=row.idempotency_key
        )
    except RejectedError:
        # The person may have submitted a document, or somebody may have redacted the session,
        # after we read it.
        session = stripe_api.retrieve_verification_session(session_id)
        _refuse_under_way(session)
        if _redaction_of(session) is None:
            raise
        return session


def _refuse_under_way(session: Mapping[str, Any]) -> None:
    if session.get("status") == "processing":
        raise TransientError("VERIFICATION_UNDER_WAY", "redact_identity")


def _redaction_of(session: Mapping[str, Any]) -> str | None:
    return text_in(object_in(session, "redaction"), "status")
