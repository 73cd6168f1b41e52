"""Verifications with planted personal data: nothing of a document is stored, logged or answered."""

import uuid
from typing import Any

import pytest

from tests.integration.service.applicant import ADDRESS, KYC, PROFILE, Applicant
from tests.integration.service.planting import (
    DOCUMENT_NUMBER,
    MARK,
    NUMBER,
    assert_nothing_is_kept,
    event,
    lines_with_marks,
    post_identity,
    session,
    tables_with_marks,
)
from tests.integration.service.shop import Shop


pytestmark = pytest.mark.xdist_group("stack")

#: A document as Stripe reads it.
OUTPUTS = {
    "first_name": f"Zebedee {MARK}",
    "last_name": MARK,
    "dob": {"day": NUMBER, "month": NUMBER, "year": NUMBER},
    "id_number": DOCUMENT_NUMBER,
    "id_number_type": f"au_{MARK}",
    "address": {
        "line1": f"1 {MARK} Street",
        "line2": f"Flat {MARK}",
        "city": MARK,
        "country": "AU",
        "postal_code": str(NUMBER),
        "state": MARK,
    },
}
SESSIONS = "/v1/identity/verification_sessions"


def test_search_finds_what_is_planted(shop: Shop, person: Applicant) -> None:
    """A name that a person gives is stored, so the search of these tests sees it."""
    assert person.start(legal_name=f"Zebedee {MARK}").status_code == 200

    assert ["public.users"] == tables_with_marks(shop)

    shop.db.execute("update public.users set legal_name = null where id = %s", [person.user_id])
    assert_nothing_is_kept(shop)


def test_pass_leaves_nothing_of_the_document(shop: Shop, person: Applicant) -> None:
    """No event, reading or answer of a passed verification has a value of the document."""
    session_id = person.started()
    for code in ("abandoned", "document_expired"):
        person.check(session_id, "requires_input", error_code=code)
        person.wait_for_status("failed")
    person.check(session_id, "verified", verified_outputs=OUTPUTS)
    person.wait_for_status("passed")
    answers = [
        post_identity(shop, event) for event in [*person.events(session_id), *planted(shop, person)]
    ]
    answers += [person.start(), person.browser.get(KYC)]
    assert shop.service.call("anonymise_account", user_id=person.user_id)["success"]
    shop.command("POST", f"/scheduled_actions/{session_id}") if is_accepted(
        shop, session_id
    ) else None

    shop.wait_for(lambda: redaction(shop, session_id) == "redacted")

    assert {200, 409} >= {answer.status_code for answer in answers}
    assert not person.user()["address_verified"]
    assert_nothing_is_kept(shop, *answers)


def planted(shop: Shop, person: Applicant) -> list[dict[str, Any]]:
    """Return each event of the person's session with all that an expansion could add."""
    [found] = person.sessions()
    return [
        event(
            shop,
            session(found["id"]) | {"status": found["status"]},
            type=f"identity.verification_session.{change}",
        )
        for change in (
            "created",
            "processing",
            "requires_input",
            "verified",
            "canceled",
            "redacted",
        )
    ]


def redaction(shop: Shop, session_id: str) -> str:
    query = "select redaction::text from private.kyc_sessions where stripe_session_id = %s"
    return str(shop.value(query, session_id))


def is_accepted(shop: Shop, session_id: str) -> bool:
    shop.wait_for(lambda: redaction(shop, session_id) == "processing")
    return True


@pytest.mark.usefixtures("no_faults")
@pytest.mark.parametrize("status", [400, 402, 403, 404, 429, 500, 503])
def test_errors_of_stripe_leave_nothing(shop: Shop, person: Applicant, status: int) -> None:
    """No failure between Stripe's answer and our row has an error that names a person."""
    session_id = person.started()
    shop.fault(method="GET", path=f"{SESSIONS}/*", status=status, times=6)

    person.check(session_id, "verified", verified_outputs=OUTPUTS)
    answers = [person.start(), *(post_identity(shop, one) for one in planted(shop, person))]
    shop.command("DELETE", "/faults")

    assert {200} == {answer.status_code for answer in answers[1:]}
    assert_nothing_is_kept(shop, *answers)


@pytest.mark.parametrize(
    "changes",
    [
        {"dob": f"1990-01-01 {MARK}"},
        {"dob": NUMBER},
        {"legal_name": [MARK]},
        {"legal_name": MARK * 50},
        {"address": f"1 {MARK} Street"},
        {"address": ADDRESS | {"street": f"1 {MARK} Street", "postcode": str(NUMBER)}},
        {"address": ADDRESS | {"state": MARK}},
        {"address": ADDRESS | {MARK: MARK}},
        {"address": {"street": f"1 {MARK} Street"}, "legal_name": MARK},
    ],
)
def test_refused_profile_leaves_nothing(shop: Shop, person: Applicant, changes: Any) -> None:
    """The answer names the field, and no line repeats its value."""
    answer = person.start(**changes)

    assert 400 == answer.status_code
    assert_nothing_is_kept(shop, answer)


def test_ids_and_secrets_are_not_logged(shop: Shop, person: Applicant) -> None:
    """No log line has a profile, a client secret, a session URL or a query string."""
    secret_name = f"Zebedee {MARK}"
    answer = person.start(legal_name=secret_name).json()
    found = person.browser.get(f"{KYC}?session_id=vs_{MARK}&user_id={uuid.uuid4()}")

    assert 403 == found.status_code
    assert [] == lines_with_marks(shop)
    for value in (answer["clientSecret"], answer["verificationUrl"]):
        assert not shop.value(
            "select exists (select from public.webhook_events where payload::text like %s)",
            f"%{value}%",
        )
    shop.db.execute("update public.users set legal_name = null where id = %s", [person.user_id])
    assert PROFILE["legal_name"] != secret_name
