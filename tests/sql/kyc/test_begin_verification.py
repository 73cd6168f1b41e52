"""A verification begins: one open session per user, the profile kept, attempts limited."""

import json
from typing import Any
from uuid import uuid4

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time
from tests.sql.kyc.verifying import (
    ADDRESS,
    SESSION,
    attached,
    begun,
    failed,
    handled,
    session_row,
    unverified,
    user_row,
)
from tests.sql.paying import outbox_rows, service_of


def attach(owner: Connection, begun: Any, session_id: str) -> Any:
    return service_of(owner).call(
        "attach_verification",
        verification_id=begun["verification_id"],
        stripe_session_id=session_id,
    )


def test_profile_is_kept_and_pending(owner: Connection, alice: Actor) -> None:
    """The person's own input is stored, and nothing is verified yet."""
    answer = begun(owner, alice)

    assert (True, None, 0) == tuple(
        answer[key] for key in ("success", "stripe_session_id", "answered_errors")
    )
    user = user_row(owner, alice)
    assert ("Alice Example", "1990-01-01", ADDRESS, "pending") == tuple(
        user[key] for key in ("legal_name", "dob", "address", "kyc")
    )


def test_second_start_gets_the_open_session(owner: Connection, alice: Actor) -> None:
    """Before and after Stripe's answer there is one open session of a user."""
    first, second = begun(owner, alice), begun(owner, alice)
    attach(owner, first, SESSION)

    assert first == second
    assert SESSION == begun(owner, alice)["stripe_session_id"]
    assert SESSION == user_row(owner, alice)["stripe_identity_session_id"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("legal_name", ""),
        ("legal_name", "x" * 201),
        ("dob", "2030-01-01"),
        ("dob", "yesterday"),
        ("dob", "1990-02-30"),
        ("address", "{}"),
        ("address", json.dumps(ADDRESS | {"postcode": "600"})),
        ("address", json.dumps(ADDRESS | {"state": "California"})),
        ("address", json.dumps({**ADDRESS, "street": ""})),
    ],
)
def test_wrong_profile_is_refused(owner: Connection, alice: Actor, field: str, value: str) -> None:
    """A wrong profile is refused and changes nothing."""
    before = user_row(owner, alice)

    answer = begun(owner, alice, **{field: value})

    assert "VALIDATION_ERROR" == answer["code"]
    assert before == user_row(owner, alice)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("update public.users set kyc = 'passed'", "CONFLICT"),
        ("update public.users set suspended_at = now()", "USER_SUSPENDED"),
        ("update public.users set deleted_at = now()", "PROFILE_NOT_FOUND"),
    ],
)
def test_some_people_may_not_start(owner: Connection, alice: Actor, change: Any, code: str) -> None:
    """Verified, suspended and deleted users cannot start a verification."""
    owner.execute(change)

    assert code == begun(owner, alice)["code"]


def test_failed_checks_lead_to_a_cooldown(owner: Connection, started: Actor) -> None:
    """After five failed checks a user waits until the first is 24 hours old."""
    for _ in range(4):
        failed(owner)
        move_time(owner, "1 hour")
    assert begun(owner, started)["success"]

    failed(owner)

    refusal = begun(owner, started)
    assert ("KYC_COOLDOWN", True) == (
        refusal["code"],
        19 * 3_600_000 < refusal["retry_after_ms"] <= 20 * 3_600_000,
    )
    handled(owner, "canceled", p_redaction="redacted")
    move_time(owner, "20 hours")
    assert begun(owner, started)["success"]


def test_check_is_counted_once_by_its_report(owner: Connection, started: Actor) -> None:
    """A report that is read several times counts as one attempt."""
    for _ in range(10):
        failed(owner, p_report_id="vr_1")

    assert begun(owner, started)["success"]


def test_abandoned_session_is_no_attempt(owner: Connection, started: Actor) -> None:
    """A session without a report counts as no attempt."""
    for _ in range(10):
        failed(owner, p_report_id=None, p_last_error='{"code": "abandoned"}')

    assert ("failed", True) == (
        user_row(owner, started)["kyc"],
        begun(owner, started)["success"],
    )


def test_failure_that_nobody_read_in_time_counts(owner: Connection, started: Actor) -> None:
    """A failure counts even if it is read after the user has submitted again."""
    for number in range(5):
        handled(owner, "processing", p_report_id=f"vr_{number}")

    assert "KYC_COOLDOWN" == begun(owner, started)["code"]


@pytest.mark.usefixtures("started")
def test_limit_closes_the_open_session(owner: Connection) -> None:
    """The limit closes the open session, or the user could go on at Stripe."""
    for number in range(5):
        assert [] == outbox_rows(owner, "redact_identity"), number
        failed(owner)

    [job] = outbox_rows(owner, "redact_identity")
    assert ({"stripe_session_id": SESSION}, "requested") == (
        job["payload"],
        session_row(owner)["redaction"],
    )


def test_session_that_is_being_closed_is_not_given(owner: Connection, started: Actor) -> None:
    """A start is a conflict until Stripe has closed the session under redaction."""
    owner.execute("select private.queue_redaction(%s)", [SESSION])

    assert "CONFLICT" == begun(owner, started)["code"]
    handled(owner, "canceled", p_redaction="processing")
    assert (True, None) == tuple(
        begun(owner, started)[key] for key in ("success", "stripe_session_id")
    )


def test_new_address_is_not_verified(owner: Connection, alice: Actor) -> None:
    """A start with a new address removes the verification of the old one by staff."""
    owner.execute(
        """
        update public.users
        set
          address_verified = true, address_verified_at = now(), address_verification_method = 'poa'
        """
    )

    begun(owner, alice)

    assert (False, None, None) == tuple(
        user_row(owner, alice)[key]
        for key in ("address_verified", "address_verified_at", "address_verification_method")
    )


def test_answered_error_is_counted_once_per_key(owner: Connection, alice: Actor) -> None:
    """Parallel calls under one key get one error; no answer keeps the key."""
    service, verification_id = service_of(owner), begun(owner, alice)["verification_id"]
    error = {"verification_id": verification_id, "answered_errors": 0}

    counts = [
        service.call("record_verification_error", **error, error_code=code)["answered_errors"]
        for code in ("STRIPE_UNREACHABLE", "STRIPE_ERROR", "STRIPE_ERROR")
    ]

    assert [0, 1, 1] == counts
    assert 1 == begun(owner, alice)["answered_errors"]
    unknown = error | {"verification_id": uuid4(), "error_code": "STRIPE_ERROR"}
    assert "RESOURCE_NOT_FOUND" == service.call("record_verification_error", **unknown)["code"]


def test_first_attached_session_stays(owner: Connection, alice: Actor) -> None:
    """A later session of a parallel start is closed, and its start gets the first one."""
    answer = begun(owner, alice)

    answers = [attach(owner, answer, session_id) for session_id in (SESSION, SESSION, "vs_2")]

    assert [{"success": True, "stripe_session_id": SESSION}] * 3 == answers
    [job] = outbox_rows(owner, "redact_identity")
    assert {"stripe_session_id": "vs_2"} == job["payload"]


def test_session_of_another_verification_is_refused(owner: Connection, alice: Actor) -> None:
    """A session of another user is not attached (B19)."""
    bob = unverified(owner, "bob")
    attached(owner, bob)

    assert "CONFLICT" == attached(owner, alice)["code"]
    assert None is user_row(owner, alice)["stripe_identity_session_id"]


def test_session_for_a_deleted_account_is_closed(owner: Connection, alice: Actor) -> None:
    """A session whose account was deleted meanwhile is closed."""
    answer = begun(owner, alice)
    service_of(owner).call("anonymise_account", user_id=alice.id)

    assert "PROFILE_NOT_FOUND" == attach(owner, answer, SESSION)["code"]
    [job] = outbox_rows(owner, "redact_identity")
    assert {"stripe_session_id": SESSION} == job["payload"]
