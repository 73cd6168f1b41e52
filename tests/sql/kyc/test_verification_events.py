"""`handle_kyc_webhook_update`: a session's state at Stripe sets the user's verification."""

import itertools
import json

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.kyc.verifying import (
    CREATED,
    attached,
    failed,
    handled,
    notes,
    read_number,
    session_row,
    unverified,
    user_row,
)
from tests.sql.paying import stored


MATCH = json.dumps({"address_match": True})
ERROR = json.dumps({"code": "document_expired"})


@pytest.mark.parametrize(
    ("status", "error", "kyc", "stripe_status"),
    [
        ("created", None, "pending", "requires_input"),
        ("requires_input", None, "pending", "requires_input"),
        ("requires_input", ERROR, "failed", "requires_input"),
        ("processing", None, "pending", "processing"),
        ("verified", None, "passed", "verified"),
        ("canceled", None, "failed", "canceled"),
    ],
)
def test_status_of_stripe_becomes_ours(
    owner: Connection, started: Actor, status: str, error: str | None, kyc: str, stripe_status: str
) -> None:
    """Stripe's status is stored beside ours, and both are shown (D11)."""
    answer = handled(owner, status, p_last_error=error)

    assert ("processed", str(started.id), kyc) == tuple(
        answer[key] for key in ("outcome", "user_id", "kyc_status")
    )
    assert {
        "reason_code": "document_expired" if error else None,
        "stripe_status": stripe_status,
    } == user_row(owner, started)["kyc_details"]
    assert stripe_status == session_row(owner)["status"]


@pytest.mark.parametrize(
    ("role", "expected"),
    [("buyer", "seller"), ("seller", "seller"), ("moderator", "moderator"), ("admin", "admin")],
)
def test_pass_makes_a_buyer_a_seller(owner: Connection, role: str, expected: str) -> None:
    """A pass makes a buyer a seller; staff keep their role, and one notification is sent."""
    person = unverified(owner, role=role)
    attached(owner, person)

    for _ in range(2):
        handled(owner, "verified")

    user = user_row(owner, person)
    assert (expected, "passed", ["passed"]) == (user["role"], user["kyc"], notes(owner, person))
    assert None is not user["kyc_completed_at"]
    assert None is not session_row(owner)["completed_at"]


@pytest.mark.parametrize("status", ["created", "processing", "requires_input", "canceled"])
def test_pass_is_final(owner: Connection, started: Actor, status: str) -> None:
    """No later event changes a passed verification (case 21, C16)."""
    handled(owner, "verified")
    before = user_row(owner, started)

    handled(owner, status, p_last_error=ERROR, p_event_created=CREATED + 60)

    assert before == user_row(owner, started)


def test_redacted_session_changes_no_status(owner: Connection, started: Actor) -> None:
    """A redacted session has no metadata, so it changes no status."""
    handled(owner, "processing")

    handled(owner, "redacted")

    assert ("pending", "canceled", "redacted") == (
        user_row(owner, started)["kyc"],
        session_row(owner)["status"],
        session_row(owner)["redaction"],
    )
    handled(owner, "verified", p_redaction="redacted")
    assert "pending" == user_row(owner, started)["kyc"]


@pytest.mark.usefixtures("started")
def test_older_event_is_ignored(owner: Connection) -> None:
    """An older event is ignored (C16)."""
    failed(owner, p_event_created=CREATED + 60)

    answer = handled(owner, "processing", p_event_created=CREATED)

    assert ("ignored", "failed") == (answer["outcome"], answer["kyc_status"])
    assert "requires_input" == session_row(owner)["status"]


@pytest.mark.usefixtures("started")
def test_later_read_wins_within_a_second(owner: Connection) -> None:
    """Of two reads within a second, the one that began later counts (C16)."""
    first, second = read_number(owner), read_number(owner)
    handled(owner, "processing", p_read_number=second)

    answer = failed(owner, p_read_number=first)

    assert ("ignored", "pending") == (answer["outcome"], answer["kyc_status"])


@pytest.mark.usefixtures("started")
def test_event_is_applied_once(owner: Connection) -> None:
    """A repeated event answers that it was processed (C16)."""
    event_id = stored(owner, "identity.verification_session.x", None)
    failed(owner, p_event_id=event_id)

    answer = handled(owner, "verified", p_event_id=event_id)

    assert ("already_processed", "failed") == (answer["outcome"], answer["kyc_status"])


def test_unknown_session_is_ignored(owner: Connection, started: Actor) -> None:
    """C16: another session of our Stripe account is stored as ignored."""
    answer = handled(owner, "verified", "vs_of_nobody")

    assert ("ignored", None, None, []) == tuple(
        answer[key] for key in ("outcome", "user_id", "kyc_status", "alerts")
    )
    assert "pending" == user_row(owner, started)["kyc"]


def test_metadata_of_another_user_pass_nobody(owner: Connection, started: Actor) -> None:
    """Case 21, B19: our row and Stripe's metadata must name the same user."""
    bob = unverified(owner, "bob")

    for user_ref in (str(bob.id), "", "Alice"):
        answer = handled(owner, "verified", p_user_ref=user_ref)
        assert ("ignored", ["identity_user_contradicted"]) == (answer["outcome"], answer["alerts"])

    assert ["pending", "none"] == [user_row(owner, one)["kyc"] for one in (started, bob)]
    handled(owner, "verified", p_user_ref=str(started.id))
    assert "passed" == user_row(owner, started)["kyc"]


def test_earlier_session_does_not_fail_a_user(owner: Connection, started: Actor) -> None:
    """An earlier session can pass a user, and not fail one."""
    handled(owner, "canceled")
    attached(owner, started, "vs_2")

    handled(owner, "canceled", p_event_created=CREATED + 60)
    assert "pending" == user_row(owner, started)["kyc"]
    handled(owner, "verified", p_event_created=CREATED + 60)
    assert "passed" == user_row(owner, started)["kyc"]


def test_only_session_of_a_user_counts(owner: Connection, started: Actor) -> None:
    """A user's only session counts, even if the profile names none after a restore."""
    owner.execute("update public.users set stripe_identity_session_id = null")

    failed(owner)

    assert "failed" == user_row(owner, started)["kyc"]


@pytest.mark.usefixtures("started")
def test_unreadable_status_is_refused(owner: Connection) -> None:
    """An event with an unknown status stays open, and raises an alert in the end."""
    with pytest.raises(psycopg.Error, match="PAYLOAD_UNREADABLE"):
        handled(owner, "reviewing")


def test_failure_is_notified_once_per_check(owner: Connection, started: Actor) -> None:
    """A failure that is read again after a new start notifies nobody again."""
    failed(owner, p_report_id="vr_1")
    attached(owner, started)
    failed(owner, p_report_id="vr_1")
    assert ["failed"] == notes(owner, started)

    handled(owner, "processing", p_report_id="vr_1")
    failed(owner, p_report_id="vr_2")
    assert ["failed", "failed"] == notes(owner, started)


def test_suspended_user_is_verified_and_stays_suspended(owner: Connection, started: Actor) -> None:
    """A suspended user is verified, and stays suspended."""
    owner.execute("update public.users set suspended_at = now() where id = %s", [started.id])

    handled(owner, "verified")

    user = user_row(owner, started)
    assert ("passed", True) == (user["kyc"], user["suspended_at"] is not None)


def test_end_does_not_depend_on_the_order(owner: Connection, started: Actor) -> None:
    """C16: each order of a session's events ends with what Stripe says last."""
    steps: list[tuple[str, int, str | None]] = [
        ("processing", 1, None),
        ("requires_input", 2, ERROR),
        ("processing", 3, None),
        ("requires_input", 4, ERROR),
    ]
    for order in itertools.permutations(steps):
        owner.execute("savepoint before")
        for status, second, error in order:
            handled(owner, status, p_event_created=CREATED + second, p_last_error=error)
        assert "failed" == user_row(owner, started)["kyc"]
        owner.execute("rollback to before")


@pytest.mark.usefixtures("started")
def test_reading_without_an_event_is_applied(owner: Connection) -> None:
    """Reconcile reads sessions again whose events are late."""
    answer = handled(
        owner,
        "verified",
        p_event_id=None,
        p_event_created=None,
        p_read_number=read_number(owner),
    )

    assert ("processed", "passed") == (answer["outcome"], answer["kyc_status"])


@pytest.mark.parametrize("end", ["canceled", "verified"])
@pytest.mark.parametrize("late", ["created", "requires_input", "processing"])
def test_ended_session_opens_no_more(
    owner: Connection, started: Actor, end: str, late: str
) -> None:
    """An ended session cannot become open again."""
    handled(owner, end)
    if end == "canceled":
        attached(owner, started, "vs_2")

    answer = handled(owner, late)

    assert ("ignored", end) == (answer["outcome"], session_row(owner)["status"])
    assert ("passed" if end == "verified" else "pending") == user_row(owner, started)["kyc"]
