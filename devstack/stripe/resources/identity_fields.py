"""The fields of an Identity session, read from parameters and as a new one has them."""

from devstack.stripe.errors import invalid
from devstack.stripe.params import Params, merge_metadata
from devstack.stripe.resources import customers
from devstack.stripe.store import Json, new_id
from devstack.stripe.transaction import Transaction


KIND = "identity.verification_session"
_DOCUMENTS = ("driving_license", "id_card", "passport")
_CHECKS = ("require_id_number", "require_live_capture", "require_matching_selfie")


def read_new(tx: Transaction, params: Params) -> Json:
    """Return a new session as the parameters describe it; the caller refuses what is left over."""
    kind = _read_type(params)
    if kind is None:
        raise invalid("Missing required param: type.", param="type", code="parameter_missing")
    # Only the page of Stripe would use it.
    params.text("return_url")
    session_id = new_id("vs")
    return {
        "id": session_id,
        "object": KIND,
        "client_reference_id": params.text("client_reference_id"),
        **new_doors(tx, session_id),
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


def read_changes(params: Params) -> Json:
    """Return the fields that an update names, with their new values."""
    changes = {
        "options": _read_options(params),
        "provided_details": _read_details(params),
        "type": _read_type(params),
    }
    return {name: value for name, value in changes.items() if value is not None}


def new_doors(tx: Transaction, session_id: str) -> Json:
    """Return the secret and the address that let the user in, once."""
    return {
        "client_secret": new_id(f"{session_id}_secret_test", 24),
        "url": f"{tx.config.url}/identity/start/{new_id('test', 32)}",
    }


def closed_doors() -> Json:
    """Return what there is instead, once the user has submitted or nobody shall."""
    return {"client_secret": None, "url": None}


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
