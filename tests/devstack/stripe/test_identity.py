"""Identity sessions: started, verified, failed, canceled, redacted.

docs.stripe.com/identity/how-sessions-work, docs.stripe.com/api/identity/verification_sessions
"""

from typing import Any

import pytest
import stripe
from stripe.identity import VerificationReport, VerificationSession

from tests.support.fake_server import Account


_EVENT = "identity.verification_session."


def started(account: Account, **params: Any) -> VerificationSession:
    """Start a session for a document; `params` add to the usual ones."""
    usual: Any = {"type": "document"}
    return account.client.v1.identity.verification_sessions.create(usual | params)


def retrieve(account: Account, session_id: str, *expand: str) -> VerificationSession:
    """Retrieve the session."""
    sessions = account.client.v1.identity.verification_sessions
    return sessions.retrieve(session_id, {"expand": list(expand)})


def set_outcome(account: Account, session_id: str, status: str, **body: Any) -> None:
    """Have the control API set the outcome of a session."""
    account.command("POST", f"/identity/{session_id}/check", status=status, **body)


def event_types(account: Account, session_id: str) -> list[str]:
    """Return the types of the session's events, oldest first."""
    return [kind.removeprefix(_EVENT) for kind in account.event_types(session_id)]


def test_new_session_requires_input(account: Account) -> None:
    """A new session requires input, and has a secret for the browser and a page."""
    customer = account.client.v1.customers.create()

    session = started(
        account,
        metadata={"user_id": "u-1"},
        client_reference_id="u-1",
        related_customer=customer.id,
        provided_details={"email": "seller@example.com"},
        options={"document": {"allowed_types": ["passport"], "require_live_capture": True}},
        return_url="https://example.com/kyc/complete",
    )

    assert session.id.startswith("vs_")
    assert ("requires_input", "document", None) == (
        session.status,
        session.type,
        session.last_error,
    )
    assert str(session.client_secret).startswith(f"{session.id}_secret_")
    assert str(session.url).startswith("http")
    assert session.to_dict()["options"] == {
        "document": {"allowed_types": ["passport"], "require_live_capture": True}
    }
    assert ("u-1", customer.id) == (session.client_reference_id, session.related_customer)
    assert session.to_dict() == retrieve(account, session.id).to_dict()
    assert ["created"] == event_types(account, session.id)


def test_secret_and_url_are_in_no_event(account: Account) -> None:
    """Events omit the client secret and the URL, which only the creator needs."""
    session = started(account)

    sent = account.receiver.next().verify().to_dict()["data"]["object"]

    assert (session.id, None, None) == (
        sent["id"],
        sent["client_secret"],
        sent["url"],
    )


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"type": "selfie"}, "type"),
        ({"options": {"document": {"allowed_types": ["library_card"]}}}, None),
        ({"related_customer": "cus_none"}, "related_customer"),
        ({"verification_flow": "vf_1"}, "verification_flow"),
    ],
)
def test_wrong_parameter_is_refused(
    account: Account, params: dict[str, Any], param: str | None
) -> None:
    """A wrong parameter is refused, and makes no session."""
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        started(account, **params)

    assert (400, param or "options[document][allowed_types]") == (
        refusal.value.http_status,
        refusal.value.param,
    )
    assert [] == account.client.v1.identity.verification_sessions.list().data


def test_verified_session_shows_the_verified_data(account: Account) -> None:
    """A session is processing, then verified; an expansion shows the verified data.

    docs.stripe.com/identity/access-verification-results
    """
    session = started(account)
    set_outcome(account, session.id, "processing")
    processing = retrieve(account, session.id)
    address = {"line1": "5 King St", "city": "Perth", "state": "WA", "postal_code": "6000"}

    set_outcome(account, session.id, "verified", verified_outputs={"address": address})

    plain = retrieve(account, session.id)
    full = retrieve(account, session.id, "verified_outputs", "last_verification_report")
    assert ("processing", None, None) == (
        processing.status,
        processing.client_secret,
        processing.url,
    )
    assert ("verified", None, None) == (plain.status, plain.client_secret, plain.url)
    assert "verified_outputs" not in plain.to_dict()
    assert full.verified_outputs is not None
    assert full.verified_outputs.address is not None
    assert ("Jenny", "6000") == (
        full.verified_outputs.first_name,
        full.verified_outputs.address.postal_code,
    )
    report = full.last_verification_report
    assert isinstance(report, VerificationReport)
    assert report.document is not None
    assert ("verified", session.id) == (report.document.status, report.verification_session)
    assert ["created", "processing", "verified"] == event_types(account, session.id)


def test_date_of_birth_is_shown_to_those_who_name_it(account: Account) -> None:
    """A sensitive field is shown only if the expansion names it.

    docs.stripe.com/identity/access-verification-results#sensitive-verification-results
    """
    session = started(account)
    set_outcome(account, session.id, "verified")

    plain = retrieve(account, session.id, "verified_outputs").to_dict()
    both = retrieve(account, session.id, "verified_outputs", "verified_outputs.dob").to_dict()

    assert "dob" not in plain["verified_outputs"]
    assert {"day": 1, "month": 1, "year": 1990} == both["verified_outputs"]["dob"]
    assert "Rosen" == both["verified_outputs"]["last_name"]


@pytest.mark.parametrize(
    "code",
    [
        "document_expired",
        "document_type_not_supported",
        "document_unverified_other",
        "selfie_document_missing_photo",
        "selfie_face_mismatch",
        "selfie_manipulated",
        "selfie_unverified_other",
    ],
)
def test_failed_check_asks_for_input_again(account: Account, code: str) -> None:
    """A failed check is requires_input with last_error, a report and a new URL.

    docs.stripe.com/identity/handle-verification-outcomes
    """
    session = started(account, options={"document": {"require_matching_selfie": True}})

    set_outcome(account, session.id, "requires_input", error_code=code)

    failed = retrieve(account, session.id, "last_verification_report")
    assert failed.last_error is not None
    assert ("requires_input", code) == (failed.status, failed.last_error.code)
    report = failed.last_verification_report
    assert isinstance(report, VerificationReport)
    assert report.document is not None
    assert report.selfie is not None
    blamed = report.selfie if code.startswith("selfie_") else report.document
    assert blamed.error is not None
    assert ("unverified", code) == (blamed.status, blamed.error.code)
    assert failed.client_secret
    assert failed.url
    assert failed.client_secret != session.client_secret
    assert ["created", "processing", "requires_input"] == event_types(account, session.id)


@pytest.mark.parametrize(
    "code",
    [
        "abandoned",
        "consent_declined",
        "country_not_supported",
        "device_not_supported",
        "under_supported_age",
    ],
)
def test_user_who_submits_nothing_has_no_report(account: Account, code: str) -> None:
    """A user who declines or abandons leaves an error and no report."""
    session = started(account)

    set_outcome(account, session.id, "requires_input", error_code=code)

    failed = retrieve(account, session.id)
    assert failed.last_error is not None
    assert (code, None) == (failed.last_error.code, failed.last_verification_report)
    assert ["created", "requires_input"] == event_types(account, session.id)


def test_second_try_can_succeed(account: Account) -> None:
    """A new submission clears the error, and its report is the last one."""
    session = started(account)
    set_outcome(account, session.id, "requires_input", error_code="document_expired")
    first = retrieve(account, session.id).last_verification_report

    set_outcome(account, session.id, "processing")
    assert retrieve(account, session.id).last_error is None
    set_outcome(account, session.id, "verified")

    now = retrieve(account, session.id)
    assert ("verified", None) == (now.status, now.last_error)
    assert first != now.last_verification_report


def test_sessions_are_found_by_status_and_reference(account: Account) -> None:
    """Status, the caller's reference and the customer filter the list."""
    customer = account.client.v1.customers.create()
    sessions = account.client.v1.identity.verification_sessions
    waiting = started(account, client_reference_id="u-1")
    verified = started(account, related_customer=customer.id)
    set_outcome(account, verified.id, "verified")

    queries: list[Any] = [
        {},
        {"status": "requires_input"},
        {"status": "verified"},
        {"client_reference_id": "u-1"},
        {"related_customer": customer.id},
    ]

    assert [
        [verified.id, waiting.id],
        [waiting.id],
        [verified.id],
        [waiting.id],
        [verified.id],
    ] == [[found.id for found in sessions.list(query).data] for query in queries]
    with pytest.raises(stripe.InvalidRequestError):
        sessions.list({"status": "verification_failed"})


def test_options_change_while_input_is_needed(account: Account) -> None:
    """Options change before the submission only, metadata at any time."""
    sessions = account.client.v1.identity.verification_sessions
    session = started(account)

    changed = sessions.update(session.id, {"options": {"document": {"require_live_capture": True}}})
    set_outcome(account, session.id, "processing")
    with pytest.raises(stripe.InvalidRequestError):
        sessions.update(session.id, {"options": {"document": ""}})
    tagged = sessions.update(session.id, {"metadata": {"k": "v"}})

    assert {"document": {"require_live_capture": True}} == changed.to_dict()["options"]
    assert {"k": "v"} == tagged.metadata.to_dict()


def test_session_is_canceled_while_input_is_needed(account: Account) -> None:
    """A canceled session has no URL, and a processing session cannot be canceled.

    docs.stripe.com/api/identity/verification_sessions/cancel
    """
    sessions = account.client.v1.identity.verification_sessions
    session, under_way = started(account), started(account)
    set_outcome(account, under_way.id, "processing")

    canceled = sessions.cancel(session.id)
    refusals = []
    for session_id in (session.id, under_way.id):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            sessions.cancel(session_id)
        refusals.append(refusal.value.http_status)

    assert ("canceled", None, None) == (canceled.status, canceled.client_secret, canceled.url)
    assert ["created", "canceled"] == event_types(account, session.id)
    assert [400, 400] == refusals


def test_redaction_takes_its_time(account: Account) -> None:
    """A redaction is processing first; afterwards neither session nor events have personal data.

    docs.stripe.com/api/identity/verification_sessions/redact
    """
    session = started(
        account, metadata={"user_id": "u-1"}, provided_details={"email": "seller@example.com"}
    )
    set_outcome(account, session.id, "verified")

    processing = account.client.v1.identity.verification_sessions.redact(session.id)
    assert processing.redaction is not None
    assert ("verified", "processing") == (processing.status, processing.redaction.status)
    assert "redacted" not in event_types(account, session.id)
    account.command("POST", f"/scheduled_actions/{session.id}")

    expand = ("verified_outputs", "verified_outputs.dob", "last_verification_report")
    now = retrieve(account, session.id, *expand).to_dict()
    assert "redacted" == now["redaction"]["status"]
    assert ({}, "[redacted]") == (now["metadata"], now["provided_details"]["email"])
    assert ("[redacted]", "[redacted]", {"day": None, "month": None, "year": None}) == (
        now["verified_outputs"]["last_name"],
        now["verified_outputs"]["address"]["postal_code"],
        now["verified_outputs"]["dob"],
    )
    document = now["last_verification_report"]["document"]
    assert ("[redacted]", "verified") == (document["first_name"], document["status"])
    assert "redacted" == event_types(account, session.id)[-1]
    event_text = str([event.to_dict() for event in account.client.v1.events.list().data])
    assert "u-1" not in event_text
    assert "seller@example.com" not in event_text


def test_redaction_cancels_an_open_session(account: Account) -> None:
    """A redaction cancels an open session, and is refused for a processing one."""
    sessions = account.client.v1.identity.verification_sessions
    session, under_way = started(account), started(account)
    set_outcome(account, under_way.id, "processing")

    redacted = sessions.redact(session.id)
    with pytest.raises(stripe.InvalidRequestError):
        sessions.redact(under_way.id)

    assert ("canceled", None) == (redacted.status, redacted.url)
    assert ["created", "canceled"] == event_types(account, session.id)
    for call in (sessions.redact, lambda one: sessions.update(one, {"metadata": {"k": "v"}})):
        with pytest.raises(stripe.InvalidRequestError, match="redaction"):
            call(session.id)


def test_impossible_outcomes_are_refused(account: Account) -> None:
    """The control API refuses an impossible outcome, and changes nothing."""
    session = started(account)
    verified = started(account)
    set_outcome(account, verified.id, "verified")

    bodies: list[tuple[str, dict[str, Any]]] = [
        (session.id, {"status": "verification_failed"}),
        (session.id, {"status": "requires_input", "error_code": "bad_hair"}),
        (session.id, {"status": "requires_input", "error_code": "selfie_manipulated"}),
        (session.id, {"status": "verified", "verified_outputs": {"shoe_size": 43}}),
        (session.id, {"status": "verified", "verified_outputs": "Jenny"}),
        (verified.id, {"status": "processing"}),
        (verified.id, {"status": "requires_input", "error_code": "consent_declined"}),
    ]
    answers = [account.control.post(f"/identity/{one}/check", json=body) for one, body in bodies]

    assert [400] * 7 == [answer.status_code for answer in answers]
    assert ["created"] == event_types(account, session.id)
    assert ["created", "processing", "verified"] == event_types(account, verified.id)
