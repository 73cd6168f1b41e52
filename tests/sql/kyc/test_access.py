"""Verifications are shown to their own users, and only our service acts on them."""

from typing import Any

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor, signed_up
from tests.sql.kyc.verifying import SESSION, failed, user_row
from tests.sql.paying import service_of


def test_newest_verification_is_shown(owner: Connection, started: Actor) -> None:
    """The page shows the newest verification, with our status and Stripe's, to its user alone."""
    service, bob = service_of(owner), signed_up(owner, "bob")
    failed(owner)

    def shown(person: Actor, session_id: str | None = None) -> Any:
        return service.call("get_verification", user_id=person.id, stripe_session_id=session_id)

    answer = shown(started)
    assert ("failed", "requires_input", "document_expired", None) == (
        answer["status"],
        answer["stripe_status"],
        answer["details"]["reason_code"],
        answer["details"]["completed_at"],
    )
    assert answer == shown(started, SESSION)
    assert ("passed", None) == (shown(bob)["status"], shown(bob)["stripe_status"])
    assert ["FORBIDDEN"] * 2 == [shown(bob, one)["code"] for one in (SESSION, "vs_none")]


CALLS: dict[str, dict[str, object]] = {
    "begin_verification": {"user_id": None, "legal_name": "", "dob": "", "address": "{}"},
    "record_verification_error": {"verification_id": None, "answered_errors": 0, "error_code": ""},
    "attach_verification": {"verification_id": None, "stripe_session_id": ""},
    "get_verification": {"user_id": None, "stripe_session_id": ""},
    "begin_verification_read": {"stripe_session_id": ""},
    "handle_kyc_webhook_update": {
        "p_stripe_session_id": SESSION,
        "p_status": "verified",
        "p_verified_outputs": "{}",
        "p_last_error": None,
    },
    "claim_stale_verifications": {"max_rows": 1},
}


@pytest.mark.parametrize("function", CALLS)
def test_only_our_service_verifies(
    owner: Connection, started: Actor, moderator: Actor, anonymous: Actor, function: str
) -> None:
    """B2: no visitor, user or moderator calls a function of KYC, not even about themselves."""
    arguments = dict(CALLS[function])
    if "user_id" in arguments:
        arguments["user_id"] = started.id

    for actor in (anonymous, started, moderator):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call(function, **arguments)
    assert "pending" == user_row(owner, started)["kyc"]
