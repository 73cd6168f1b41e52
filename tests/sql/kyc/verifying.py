"""Verifications for tests, made by the product's own functions."""

import json
from typing import Any
from uuid import uuid4

from psycopg import Connection

from tests.sql.actors import Actor, signed_up
from tests.sql.paying import service_of, stored


ADDRESS = {"street": "5 King St", "suburb": "Perth", "postcode": "6000", "state": "WA"}
PROFILE = {"legal_name": "Alice Example", "dob": "1990-01-01", "address": json.dumps(ADDRESS)}
SESSION = "vs_1"
#: The time of a test's events, in Unix seconds.
CREATED = 1_790_000_000


def unverified(owner: Connection, name: str = "alice", role: str = "buyer") -> Actor:
    """Sign up a user who is not verified."""
    return signed_up(owner, name, kyc="none", role=role)


def begun(owner: Connection, person: Actor, **changes: object) -> Any:
    """Begin a verification, or return the refusal."""
    return service_of(owner).call("begin_verification", user_id=person.id, **(PROFILE | changes))


def attached(owner: Connection, person: Actor, session_id: str = SESSION) -> Any:
    """Begin a verification and attach a session of Stripe to it."""
    return service_of(owner).call(
        "attach_verification",
        verification_id=begun(owner, person)["verification_id"],
        stripe_session_id=session_id,
    )


def read_number(owner: Connection, session_id: str = SESSION) -> Any:
    """Begin a read of a session at Stripe."""
    answer = service_of(owner).call("begin_verification_read", stripe_session_id=session_id)
    return answer["read_number"]


def handled(owner: Connection, status: str, session_id: str = SESSION, **changes: object) -> Any:
    """Apply a new event whose session was read with this status at Stripe."""
    arguments = {
        "p_stripe_session_id": session_id,
        "p_status": status,
        "p_verified_outputs": "{}",
        "p_last_error": None,
        "p_event_id": stored(owner, "identity.verification_session.x", None, object_id=session_id),
        "p_event_created": CREATED,
    }
    return service_of(owner).call("handle_kyc_webhook_update", **(arguments | changes))


def failed(owner: Connection, session_id: str = SESSION, **changes: object) -> Any:
    """Let a check of the document fail, with a report of its own."""
    error = json.dumps({"code": "document_expired", "reason": "The document has expired."})
    report = {"p_last_error": error, "p_report_id": f"vr_{uuid4().hex}"}
    return handled(owner, "requires_input", session_id, **(report | changes))


def user_row(owner: Connection, person: Actor) -> dict[str, Any]:
    query = "select to_jsonb(u) from public.users as u where id = %s"
    [(row,)] = owner.execute(query, [person.id]).fetchall()
    assert isinstance(row, dict)
    return row


def session_row(owner: Connection, session_id: str = SESSION) -> dict[str, Any]:
    query = "select to_jsonb(s) from private.kyc_sessions as s where stripe_session_id = %s"
    [(row,)] = owner.execute(query, [session_id]).fetchall()
    assert isinstance(row, dict)
    return row


def notes(owner: Connection, person: Actor) -> list[Any]:
    """Return the status in each notification about a verification, oldest first."""
    query = """
      select metadata ->> 'kyc' from public.notifications
      where user_id = %s and type = 'kyc_updated' order by created_at, id
    """
    return [kyc for (kyc,) in owner.execute(query, [person.id])]
