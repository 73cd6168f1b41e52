"""Identity sessions: https://docs.stripe.com/api/identity/verification_sessions.

The states are those of https://docs.stripe.com/identity/how-sessions-work. A failed check has no
status of its own: the session is `requires_input` with a `last_error`.
"""

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

from devstack.stripe.errors import invalid, refused
from devstack.stripe.lists import equals, read_page
from devstack.stripe.params import Params, merge_metadata
from devstack.stripe.resources import customers
from devstack.stripe.store import Json, Store, new_id
from devstack.stripe.transaction import Transaction


KIND = "identity.verification_session"
REPORT = "identity.verification_report"
#: The kind of the stored addresses of users' pages, which the API does not show.
_PAGE = "identity.page"
_PAGE_LIFETIME_S = 48 * 3600
#: The error codes of a failed check of the document or the selfie, with the reasons.
CHECK_ERRORS = {
    "document_expired": "The document is expired.",
    "document_type_not_supported": "The document is of a type that is not supported.",
    "document_unverified_other": "The document could not be verified.",
    "selfie_document_missing_photo": "The document has no photo to compare with.",
    "selfie_face_mismatch": "The selfie and the document show different people.",
    "selfie_manipulated": "The selfie has been manipulated.",
    "selfie_unverified_other": "The selfie could not be verified.",
}
#: The error codes of a session that the user has not completed, with the reasons.
USER_ERRORS = {
    "abandoned": "The user has left before the end.",
    "consent_declined": "The user has declined to be verified.",
    "country_not_supported": "The user's country is not supported.",
    "device_not_supported": "The user's device is not supported.",
    "under_supported_age": "The user is too young to be verified.",
}
#: The API shows these only if `expand` names each of them, and never in a report.
_SENSITIVE = ("dob", "id_number")
_REDACTED = "[redacted]"
#: A session that requires no input has no secret and no address for the user.
_NO_ACCESS: Json = {"client_secret": None, "url": None}
_DEFAULT_OUTPUTS: Json = {
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
_DOCUMENTS = ("driving_license", "id_card", "passport")
_CHECKS = ("require_id_number", "require_live_capture", "require_matching_selfie")
_STATES = ("canceled", "processing", "requires_input", "verified")
_URL = "/v1/identity/verification_sessions"


def create(tx: Transaction, params: Params) -> Json:
    """`POST /v1/identity/verification_sessions`: create a session."""
    session = _read_new(tx, params)
    return_url = params.web_address("return_url")
    params.finish()
    tx.store.insert(session, private={"return_url": return_url})
    _emit(tx, "created", session)
    return session


def retrieve(tx: Transaction, params: Params, session_id: str) -> Json:
    """`GET /v1/identity/verification_sessions/:id`: show a session.

    The session has its secret while it requires input.
    """
    params.finish()
    return tx.get(KIND, session_id, param="session")


def list_page(tx: Transaction, params: Params) -> Json:
    """`GET /v1/identity/verification_sessions`: list by status, reference or customer."""
    conditions = equals("status", params.choice("status", _STATES))
    filters = ("client_reference_id", "related_customer")
    return read_page(tx, params, KIND, url=_URL, filters=filters, conditions=conditions)


def update(tx: Transaction, params: Params, session_id: str) -> Json:
    """`POST /v1/identity/verification_sessions/:id`: change a session, without an event."""
    changes, metadata = _read_changes(params), params.metadata()
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
    """`POST /v1/identity/verification_sessions/:id/cancel`: cancel a session."""
    params.finish()
    session = tx.get(KIND, session_id, param="session")
    if session["status"] != "requires_input":
        raise _unexpected(session, "canceled", ("requires_input",))
    _cancel(tx, session)
    return session


def redact(tx: Transaction, params: Params, session_id: str) -> Json:
    """`POST /v1/identity/verification_sessions/:id/redact`: begin to delete personal data.

    Stripe needs up to four days for it, so `finish_redaction` is scheduled.
    """
    params.finish()
    session = tx.get(KIND, session_id, param="session")
    _refuse_redacted(session, "redacted")
    if session["status"] not in ("requires_input", "verified"):
        raise _unexpected(session, "redacted", ("requires_input", "verified"))
    session["redaction"] = {"status": "processing"}
    if session["status"] == "requires_input":
        _cancel(tx, session)
    tx.store.replace(session)
    tx.schedule(session_id, "finish_redaction")
    return session


def submit(tx: Transaction, session_id: str) -> Json:
    """Submit the session, as the user does."""
    session = _awaiting_input(tx, session_id)
    session |= {"last_error": None, "status": "processing"} | _NO_ACCESS
    tx.store.replace(session)
    _emit(tx, "processing", session)
    return session


def verify(tx: Transaction, session_id: str, outputs: Json) -> Json:
    """Verify the session; `outputs` replace fields of the default document."""
    unknown = outputs.keys() - _DEFAULT_OUTPUTS.keys()
    if unknown:
        raise refused(f"The verified outputs have no field {', '.join(sorted(unknown))}.")
    session = _ensure_submitted(tx, session_id)
    outputs = {**_DEFAULT_OUTPUTS, **outputs}
    private = tx.store.private(session_id) | {"verified_outputs": outputs}
    _keep_private(tx.store, session_id, private)
    session |= {
        "last_verification_report": _add_report(tx, session, outputs, error=None),
        "status": "verified",
    }
    tx.store.replace(session)
    _emit(tx, "verified", session)
    return session


def require_input(tx: Transaction, session_id: str, code: str) -> Json:
    """Require input again; `code` says why the check has failed or the user has not submitted."""
    if code in USER_ERRORS:
        session = _awaiting_input(tx, session_id)
        error = {"code": code, "reason": USER_ERRORS[code]}
    else:
        session = _ensure_submitted(tx, session_id)
        error = {"code": code, "reason": CHECK_ERRORS[code]}
        report_id = _add_report(tx, session, _DEFAULT_OUTPUTS, error=error)
        session["last_verification_report"] = report_id
    session |= {"last_error": error, "status": "requires_input"} | _create_access(tx, session_id)
    tx.store.replace(session)
    _emit(tx, "requires_input", session)
    return session


def finish_redaction(tx: Transaction, session_id: str) -> None:
    """Remove personal data from the session, its reports and its past events."""
    session = tx.get(KIND, session_id)
    private = tx.store.private(session_id)
    _keep_private(tx.store, session_id, _redacted(private, keep=("return_url",)))
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
    _emit(tx, "redacted", session)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The page behind one address of a session; `state` is `open` or the reason why it is not."""

    session: Json
    return_url: str | None
    state: str


def find_page(tx: Transaction, token: str) -> Page | None:
    """Return the page behind an address, even if the session has a newer address by now."""
    page = tx.store.find(_PAGE, token)
    session = tx.store.find(KIND, page["session"]) if page else None
    if page is None or session is None:
        return None
    if session["redaction"] is not None:
        state = "redacted"
    elif session["status"] != "requires_input":
        state = session["status"]
    elif not session["url"].endswith(f"/{token}"):
        state = "used"
    else:
        state = "open" if tx.now < page["created"] + _PAGE_LIFETIME_S else "expired"
    return_url = tx.store.private(session["id"]).get("return_url")
    return Page(session=session, return_url=return_url, state=state)


def include_outputs(store: Store, session: Json, names: Iterable[str]) -> None:
    """Add the verified outputs to a session; `names` lists the sensitive fields to add."""
    outputs = store.private(session["id"]).get("verified_outputs")
    if outputs is None:
        session["verified_outputs"] = None
        return
    shown = session.setdefault("verified_outputs", {})
    for name, value in outputs.items():
        if name not in _SENSITIVE or name in names:
            shown[name] = value


def _emit(tx: Transaction, name: str, session: Json) -> None:
    """Emit an event of the session, without the secret and the address."""
    tx.emit(f"{KIND}.{name}", session | _NO_ACCESS)


def _read_new(tx: Transaction, params: Params) -> Json:
    """Return a new session from the parameters; the caller then calls `finish`."""
    kind = _read_type(params)
    if kind is None:
        raise invalid("Missing required param: type.", param="type", code="parameter_missing")
    session_id = new_id("vs")
    return {
        "id": session_id,
        "object": KIND,
        "client_reference_id": params.text("client_reference_id"),
        **_create_access(tx, session_id),
        "created": tx.now,
        "last_error": None,
        "last_verification_report": None,
        "livemode": False,
        "metadata": merge_metadata({}, params.metadata()),
        "options": _read_options(params) or {"document": {}},
        "provided_details": _read_details(params),
        "redaction": None,
        "related_customer": customers.read_id(tx, params, "related_customer"),
        "related_customer_account": None,
        "status": "requires_input",
        "type": kind,
        "verification_flow": None,
    }


def _read_changes(params: Params) -> Json:
    """Return the fields that an update names, with their new values."""
    changes = {
        "options": _read_options(params),
        "provided_details": _read_details(params),
        "type": _read_type(params),
    }
    return {name: value for name, value in changes.items() if value is not None}


def _create_access(tx: Transaction, session_id: str) -> Json:
    """Create a page for the user; return its address and a new secret."""
    token = new_id("test", 32)
    page: Json = {"id": token, "object": _PAGE, "created": tx.now, "session": session_id}
    tx.store.insert(page)
    return {
        "client_secret": new_id(f"{session_id}_secret_test", 24),
        "url": f"{tx.config.url}/identity/start/{token}",
    }


def _awaiting_input(tx: Transaction, session_id: str) -> Json:
    """Return the session; refuse one that requires no input."""
    session = tx.get(KIND, session_id)
    if session["status"] != "requires_input":
        raise refused(f"Session {session_id} requires no input: it is {session['status']}.")
    return session


def _ensure_submitted(tx: Transaction, session_id: str) -> Json:
    """Return the session; submit it first if the user has not."""
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
        raise refused(f"Session {session['id']} requires no selfie, so none can fail.")
    tx.store.insert(report)
    return str(report["id"])


def _result(error: Json | None) -> Json:
    return {"error": error, "status": "verified" if error is None else "unverified"}


def _redact_session(session: Json) -> None:
    session["metadata"] = {}
    session["provided_details"] = _redacted(session["provided_details"])


def _redacted(value: Any, *, keep: Iterable[str] = ()) -> Any:
    """Return the value with each text in it replaced, and each number removed."""
    if isinstance(value, dict):
        return {name: item if name in keep else _redacted(item) for name, item in value.items()}
    return _REDACTED if isinstance(value, str) else None


def _keep_private(store: Store, session_id: str, private: Json) -> None:
    store.connection.execute(
        "update objects set private = ? where id = ?", (json.dumps(private), session_id)
    )


def _read_type(params: Params) -> str | None:
    kind = params.choice("type", ("document", "id_number"))
    if kind == "id_number":
        raise invalid("The fake Stripe checks documents, no id numbers.", param="type")
    return kind


def _read_options(params: Params) -> Json | None:
    options = params.nested("options")
    if options is None:
        return None
    document = None if options.is_empty("document") else options.nested("document")
    return {"document": {} if document is None else _read_document(document)}


def _read_document(document: Params) -> Json:
    fields: Json = {name: document.boolean(name) for name in _CHECKS if document.has(name)}
    types = document.choices("allowed_types", _DOCUMENTS)
    return fields if types is None else {"allowed_types": types, **fields}


def _read_details(params: Params) -> Json | None:
    details = params.nested("provided_details")
    if details is None:
        return None
    return {"email": details.email("email"), "phone": details.clearable_text("phone")}


def _cancel(tx: Transaction, session: Json) -> None:
    session |= {"status": "canceled"} | _NO_ACCESS
    tx.store.replace(session)
    _emit(tx, "canceled", session)


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
