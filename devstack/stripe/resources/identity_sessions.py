"""Identity sessions as their merchant handles them.

https://docs.stripe.com/api/identity/verification_sessions; the states and their names are those of
https://docs.stripe.com/identity/how-sessions-work: a failed check is `requires_input` with a
`last_error`, there is no status for it.
"""

from devstack.stripe import scheduled_actions
from devstack.stripe.errors import refused
from devstack.stripe.lists import equals, read_page
from devstack.stripe.params import Params, merge_metadata
from devstack.stripe.resources import identity_fields
from devstack.stripe.resources.identity_fields import KIND, closed_doors
from devstack.stripe.store import Json
from devstack.stripe.transaction import Transaction


_STATES = ("canceled", "processing", "requires_input", "verified")
_URL = "/v1/identity/verification_sessions"


def create(tx: Transaction, params: Params) -> Json:
    """`POST /v1/identity/verification_sessions`."""
    session = identity_fields.read_new(tx, params)
    params.finish()
    tx.store.insert(session)
    tell(tx, "created", session)
    return session


def retrieve(tx: Transaction, params: Params, session_id: str) -> Json:
    """`GET /v1/identity/verification_sessions/:id`; it lets the user in while input is needed."""
    params.finish()
    return tx.get(KIND, session_id, param="session")


def list_page(tx: Transaction, params: Params) -> Json:
    """`GET /v1/identity/verification_sessions`, by status, reference or customer."""
    conditions = [
        *equals("status", params.choice("status", _STATES)),
        *equals("client_reference_id", params.text("client_reference_id")),
        *equals("related_customer", params.text("related_customer")),
    ]
    return read_page(tx.store, params, KIND, url=_URL, conditions=conditions)


def update(tx: Transaction, params: Params, session_id: str) -> Json:
    """`POST /v1/identity/verification_sessions/:id`; Stripe tells nobody about it."""
    changes, metadata = identity_fields.read_changes(params), params.metadata()
    params.finish()
    session = tx.get(KIND, session_id, param="session")
    _refuse_redacted(session, "updated")
    if changes and session["status"] != "requires_input":
        raise _unexpected(session, "updated", ("requires_input",))
    session |= changes
    session["metadata"] = merge_metadata(session["metadata"], metadata)
    tx.store.replace(session)
    return session


def cancel(tx: Transaction, params: Params, session_id: str) -> Json:
    """`POST /v1/identity/verification_sessions/:id/cancel`, for good."""
    params.finish()
    session = tx.get(KIND, session_id, param="session")
    if session["status"] != "requires_input":
        raise _unexpected(session, "canceled", ("requires_input",))
    _cancel(tx, session)
    return session


def redact(tx: Transaction, params: Params, session_id: str) -> Json:
    """`POST /v1/identity/verification_sessions/:id/redact`; Stripe takes up to four days for it."""
    params.finish()
    session = tx.get(KIND, session_id, param="session")
    _refuse_redacted(session, "redacted")
    if session["status"] not in ("requires_input", "verified"):
        raise _unexpected(session, "redacted", ("requires_input", "verified"))
    session["redaction"] = {"status": "processing"}
    if session["status"] == "requires_input":
        _cancel(tx, session)
    tx.store.replace(session)
    scheduled_actions.schedule(tx, session_id, "finish_redaction")
    return session


def tell(tx: Transaction, news: str, session: Json) -> None:
    """Emit an event of the session; what lets the user in is nobody's business there."""
    tx.emit(f"{KIND}.{news}", session | closed_doors())


def _cancel(tx: Transaction, session: Json) -> None:
    session |= {"status": "canceled"} | closed_doors()
    tx.store.replace(session)
    tell(tx, "canceled", session)


def _refuse_redacted(session: Json, verb: str) -> None:
    if session["redaction"] is not None:
        raise refused(
            f"This VerificationSession cannot be {verb}: its redaction is "
            f"{session['redaction']['status']}."
        )


def _unexpected(session: Json, verb: str, states: tuple[str, ...]) -> Exception:
    return refused(
        f"This VerificationSession cannot be {verb} because it has a status of "
        f"{session['status']}. Only one with one of the following statuses may be {verb}: "
        f"{', '.join(states)}."
    )
