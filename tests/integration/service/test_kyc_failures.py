"""Verifications and redactions whose answers get lost, and checks that fail."""

import functools
from typing import Any

import pytest

from tests.integration.service.applicant import Applicant
from tests.integration.service.shop import Shop


pytestmark = pytest.mark.xdist_group("stack")

SESSIONS = "/v1/identity/verification_sessions"


def has_failed(person: Applicant, count: int) -> bool:
    query = "select count(*) from private.kyc_attempts where user_id = %s"
    return bool(person.shop.value(query, person.user_id) == count)


def redaction(person: Applicant, session_id: str) -> str:
    query = "select redaction::text from private.kyc_sessions where stripe_session_id = %s"
    return str(person.shop.value(query, session_id))


@pytest.mark.usefixtures("no_faults")
@pytest.mark.parametrize(
    "fault",
    [
        {"reset": True, "when": "after", "times": 20},
        {"status": 500, "when": "after", "times": 1},
        {"status": 500, "when": "before", "times": 1},
        {"status": 429, "when": "before", "times": 1},
    ],
)
def test_lost_answer_makes_one_session(shop: Shop, person: Applicant, fault: Any) -> None:
    """The next start finds the session that Stripe made when its answer was lost."""
    shop.fault(method="POST", path=SESSIONS, **fault)
    person.start()
    shop.command("DELETE", "/faults")

    session_id = person.started()

    assert [session_id] == [one["id"] for one in person.sessions()]


def test_restored_database_finds_the_open_session(shop: Shop, person: Applicant) -> None:
    """A start finds the open session of a user whose row a restore has lost."""
    session_id = person.started()
    shop.db.execute("delete from private.kyc_sessions where user_id = %s", [person.user_id])

    assert session_id == person.started()
    person.check(session_id, "verified")
    person.wait_for_status("passed")


def test_pass_that_a_restore_has_lost_is_found(shop: Shop, person: Applicant) -> None:
    """A start finds the verified session, and needs no second check."""
    session_id = person.started()
    person.check(session_id, "verified")
    person.wait_for_status("passed")
    shop.db.execute("delete from private.kyc_sessions where user_id = %s", [person.user_id])
    shop.db.execute("update public.users set kyc = 'none' where id = %s", [person.user_id])

    assert 409 == person.start().status_code
    assert "passed" == person.shown()["status"]


def test_failed_checks_lead_to_a_cooldown(shop: Shop, person: Applicant) -> None:
    """The fifth failed check closes the session; an abandoned session counts none."""
    session_id = person.started()
    for _ in range(5):
        person.fail(session_id, "consent_declined")
    for number in range(1, 6):
        person.fail(session_id)
        shop.wait_for(functools.partial(has_failed, person, number))

    refused = person.start()

    assert (429, "KYC_COOLDOWN") == (refused.status_code, refused.json()["code"])
    assert 86_000 < int(refused.headers["Retry-After"]) <= 86_400
    shop.wait_for(lambda: person.sessions()[0]["status"] == "canceled")
    shop.wait_for(lambda: redaction(person, session_id) == "processing")
    shop.command("POST", f"/scheduled_actions/{session_id}")
    shop.wait_for(lambda: redaction(person, session_id) == "redacted")
    assert "failed" == person.shown()["status"]


@pytest.mark.usefixtures("no_faults")
@pytest.mark.parametrize(
    "fault",
    [
        {"reset": True, "when": "after", "times": 1},
        {"reset": True, "when": "after", "times": 20},
        {"status": 500, "when": "after", "times": 1},
        {"status": 500, "when": "before", "times": 2},
        {"status": 429, "when": "before", "times": 2},
    ],
)
def test_deleted_account_is_redacted(shop: Shop, person: Applicant, fault: Any) -> None:
    """A redaction whose answers get lost is repeated until Stripe confirms it."""
    session_id = person.started()
    person.check(session_id, "verified")
    person.wait_for_status("passed")
    shop.fault(method="POST", path=f"{SESSIONS}/*/redact", **fault)

    assert shop.service.call("anonymise_account", user_id=person.user_id)["success"]

    shop.wait_for(lambda: redaction(person, session_id) == "processing")
    shop.command("DELETE", "/faults")
    shop.command("POST", f"/scheduled_actions/{session_id}")
    shop.wait_for(lambda: redaction(person, session_id) == "redacted")
    query = "select status::text from public.outbox where dedupe_key = %s"
    shop.wait_for(lambda: shop.value(query, f"redact_identity:{session_id}") == "done")


def test_check_under_way_is_redacted_afterwards(shop: Shop, person: Applicant) -> None:
    """Stripe redacts no session during a check; the outbox row waits and spends no try."""
    session_id = person.started()
    person.check(session_id, "processing")
    assert shop.service.call("anonymise_account", user_id=person.user_id)["success"]
    query = "select last_error, attempts from public.outbox where dedupe_key = %s"
    key = f"redact_identity:{session_id}"
    shop.wait_for(
        lambda: shop.db.execute(query, [key]).fetchall() == [("VERIFICATION_UNDER_WAY", 0)]
    )

    person.check(session_id, "verified")

    shop.wait_for(lambda: redaction(person, session_id) == "processing")
