"""The progress of an Identity session: submitted, checked, verified or sent back, redacted.

https://docs.stripe.com/identity/verification-checks, https://docs.stripe.com/identity/handle-verification-outcomes
"""

import json
from collections.abc import Iterable
from typing import Any

from devstack.stripe.errors import refused
from devstack.stripe.resources import identity_sessions
from devstack.stripe.resources.identity_fields import KIND, closed_doors, new_doors
from devstack.stripe.store import Json, Store, new_id
from devstack.stripe.transaction import Transaction


REPORT = "identity.verification_report"
#: Why a check fails; the report blames the document or the selfie.
CHECK_ERRORS = {
    "document_expired": "The document is expired.",
    "document_type_not_supported": "The document is of a type that is not supported.",
    "document_unverified_other": "The document could not be verified.",
    "selfie_document_missing_photo": "The document has no photo to compare with.",
    "selfie_face_mismatch": "The selfie shows somebody else than the document.",
    "selfie_manipulated": "The selfie has been manipulated.",
    "selfie_unverified_other": "The selfie could not be verified.",
}
#: Why there is nothing to check.
USER_ERRORS = {
    "abandoned": "The user has left before the end.",
    "consent_declined": "The user has declined to be verified.",
    "country_not_supported": "The user's country is not supported.",
    "device_not_supported": "The user's device is not supported.",
    "under_supported_age": "The user is too young to be verified.",
}
#: A caller gets these by naming each of them in `expand`, and never in a report.
SENSITIVE = ("dob", "id_number")
_REDACTED = "[redacted]"
_SOMEBODY: Json = {
    "address": {
        "city": "Sydney",
        "country": "AU",
        "line1": "1 Example Street",
        "line2": None,
        "postal_code": "2000",
        "state": "NSW",
    },
    "dob": {"day": 1, "month": 1, "year": 1990},
    "first_name": "Jenny",
    "id_number": None,
    "id_number_type": None,
    "last_name": "Rosen",
}


def submit(tx: Transaction, session_id: str) -> Json:
    """Have the user send in what was asked for."""
    session = tx.get(KIND, session_id)
    if session["status"] != "requires_input":
        raise refused(f"Session {session_id} waits for no input: it is {session['status']}.")
    session |= {"last_error": None, "status": "processing"} | closed_doors()
    tx.store.replace(session)
    identity_sessions.tell(tx, "processing", session)
    return session


def verify(tx: Transaction, session_id: str, outputs: Json) -> Json:
    """Let the checks find that the user is who `outputs` say, which add to somebody's data."""
    unknown = outputs.keys() - _SOMEBODY.keys()
    if unknown:
        raise refused(f"Nothing is verified by the name of {', '.join(sorted(unknown))}.")
    session = _submitted(tx, session_id)
    outputs = {**_SOMEBODY, **outputs}
    _keep_private(tx.store, session_id, {"verified_outputs": outputs})
    session |= {
        "last_verification_report": _add_report(tx, session, outputs, error=None),
        "status": "verified",
    }
    tx.store.replace(session)
    identity_sessions.tell(tx, "verified", session)
    return session


def send_back(tx: Transaction, session_id: str, code: str) -> Json:
    """Let a check, or the user, fail: input is needed once more."""
    if code in USER_ERRORS:
        session = tx.get(KIND, session_id)
        if session["status"] != "requires_input":
            raise refused(f"Session {session_id} has left the user: it is {session['status']}.")
        error = {"code": code, "reason": USER_ERRORS[code]}
    else:
        session = _submitted(tx, session_id)
        error = {"code": code, "reason": CHECK_ERRORS[code]}
        report_id = _add_report(tx, session, _SOMEBODY, error=error)
        session["last_verification_report"] = report_id
    session |= {"last_error": error, "status": "requires_input"} | new_doors(tx, session_id)
    tx.store.replace(session)
    identity_sessions.tell(tx, "requires_input", session)
    return session


def finish_redaction(tx: Transaction, session_id: str) -> None:
    """Take out what tells who the user is: of the session, its reports and its past events."""
    session = tx.get(KIND, session_id)
    private = tx.store.private(session_id)
    _keep_private(tx.store, session_id, _redacted(private))
    for report in tx.store.find_all(REPORT, "verification_session", session_id):
        report["document"] = _redacted(
            report["document"], keep=("error", "files", "status", "type")
        )
        tx.store.replace(report)
    for event in tx.store.find_all("event", "data.object.id", session_id):
        _redact_session(event["data"]["object"])
        tx.store.replace(event)
    _redact_session(session)
    session["redaction"] = {"status": "redacted"}
    tx.store.replace(session)
    identity_sessions.tell(tx, "redacted", session)


def include_outputs(store: Store, session: Json, names: Iterable[str]) -> None:
    """Show what was verified, and of the sensitive fields those that are asked for by name."""
    outputs = store.private(session["id"]).get("verified_outputs")
    if outputs is None:
        session["verified_outputs"] = None
        return
    shown = session.setdefault("verified_outputs", {})
    for name, value in outputs.items():
        if name not in SENSITIVE or name in names:
            shown[name] = value


def _submitted(tx: Transaction, session_id: str) -> Json:
    session = tx.get(KIND, session_id)
    return session if session["status"] == "processing" else submit(tx, session_id)


def _add_report(tx: Transaction, session: Json, found: Json, *, error: Json | None) -> str:
    is_selfie = error is not None and error["code"].startswith("selfie_")
    document = {
        **{name: found[name] for name in ("address", "first_name", "last_name")},
        **_result(None if is_selfie else error),
        "files": [],
        "issued_date": None,
        "issuing_country": "AU",
        "type": "driving_license",
    }
    report: Json = {
        "id": new_id("vr"),
        "object": REPORT,
        "client_reference_id": session["client_reference_id"],
        "created": tx.now,
        "document": document,
        "livemode": False,
        "options": session["options"],
        "type": session["type"],
        "verification_flow": None,
        "verification_session": session["id"],
    }
    if session["options"]["document"].get("require_matching_selfie"):
        selfie = _result(error if is_selfie else None)
        report["selfie"] = {"document": None, "selfie": None, **selfie}
    elif is_selfie:
        raise refused(f"Session {session['id']} asks for no selfie that could fail.")
    tx.store.insert(report)
    return str(report["id"])


def _result(error: Json | None) -> Json:
    return {"error": error, "status": "verified" if error is None else "unverified"}


def _redact_session(session: Json) -> None:
    session["metadata"] = {}
    session["provided_details"] = _redacted(session["provided_details"])


def _redacted(value: Any, *, keep: Iterable[str] = ()) -> Any:
    """Return the value with each text in it replaced; a number becomes nothing."""
    if isinstance(value, dict):
        return {name: item if name in keep else _redacted(item) for name, item in value.items()}
    return _REDACTED if isinstance(value, str) else None


def _keep_private(store: Store, session_id: str, private: Json) -> None:
    store.connection.execute(
        "update objects set private = ? where id = ?", (json.dumps(private), session_id)
    )
