"""Redactions: requested when an account ends, sent by the outbox, confirmed by Stripe."""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time
from tests.sql.kyc.verifying import (
    CREATED,
    SESSION,
    attached,
    begun,
    handled,
    session_row,
    user_row,
)
from tests.sql.paying import outbox_rows, service_of


def anonymise(owner: Connection, person: Actor) -> None:
    assert {"success": True} == service_of(owner).call("anonymise_account", user_id=person.id)


def leased(owner: Connection) -> dict[str, Any]:
    [job] = service_of(owner).call("claim_outbox", max_rows=10, lease_s=60)
    return {"outbox_id": job["id"], "lease_token": job["lease_token"]}


def may_send(owner: Connection, lease: dict[str, Any]) -> Any:
    return service_of(owner).call("claim_send_permission", **lease)["may_send"]


def finish(owner: Connection, lease: dict[str, Any], status: str) -> Any:
    return service_of(owner).call(
        "finish_outbox", **lease, stripe_object_id=SESSION, result=f'{{"status": "{status}"}}'
    )


@pytest.fixture
def two_sessions(owner: Connection, started: Actor) -> Actor:
    """Give alice a canceled session and one that has passed."""
    handled(owner, "canceled")
    attached(owner, started, "vs_2")
    handled(owner, "verified", "vs_2")
    return started


def test_anonymised_account_redacts_every_session(owner: Connection, two_sessions: Actor) -> None:
    """Ended sessions are redacted too, because Stripe still has their data."""
    anonymise(owner, two_sessions)
    anonymise(owner, two_sessions)

    jobs = outbox_rows(owner, "redact_identity")
    assert [SESSION, "vs_2"] == sorted(job["payload"]["stripe_session_id"] for job in jobs)


def test_hard_deletion_keeps_the_sessions_until_they_are_redacted(
    owner: Connection, two_sessions: Actor
) -> None:
    """After a hard deletion the session's row stays until Stripe confirms the redaction."""
    with owner.transaction():
        owner.execute("delete from auth.users where id = %s", [two_sessions.id])

    assert 2 == len(outbox_rows(owner, "redact_identity"))
    assert (None, "requested") == tuple(session_row(owner)[key] for key in ("user_id", "redaction"))
    answer = handled(owner, "canceled", p_redaction="redacted", p_event_created=CREATED + 60)
    assert ("processed", None, None) == tuple(
        answer[key] for key in ("outcome", "user_id", "kyc_status")
    )
    assert "redacted" == session_row(owner)["redaction"]


def test_hard_deletion_forgets_a_start_without_session(owner: Connection, alice: Actor) -> None:
    """A start without a session is deleted, because Stripe has no data."""
    begun(owner, alice)

    with owner.transaction():
        owner.execute("delete from auth.users where id = %s", [alice.id])

    assert [] == owner.execute("select from private.kyc_sessions").fetchall()


def test_soft_deletion_redacts_too(owner: Connection, started: Actor) -> None:
    """Auth's soft delete requests the same redactions."""
    owner.execute("update auth.users set deleted_at = now() where id = %s", [started.id])

    assert 1 == len(outbox_rows(owner, "redact_identity"))


def test_redaction_is_confirmed_by_stripe(owner: Connection, started: Actor) -> None:
    """Stripe accepts a redaction at once, and confirms it within four days."""
    anonymise(owner, started)
    lease = leased(owner)
    assert may_send(owner, lease)

    assert "done" == finish(owner, lease, "processing")["status"]
    assert ("processing", None) == tuple(
        session_row(owner)[key] for key in ("redaction", "redacted_at")
    )

    handled(owner, "redacted", p_event_created=CREATED + 60)
    assert "redacted" == session_row(owner)["redaction"]
    handled(owner, "canceled", p_redaction="processing", p_event_created=CREATED + 60)
    assert "redacted" == session_row(owner)["redaction"]


def test_deleted_user_gets_no_news(owner: Connection, started: Actor) -> None:
    """Late events change nothing in an anonymised profile."""
    anonymise(owner, started)
    before = user_row(owner, started)

    handled(owner, "verified")

    assert before == user_row(owner, started)
    query = "select count(*) from public.notifications where type = 'kyc_updated'"
    assert [(0,)] == owner.execute(query).fetchall()


def test_check_under_way_waits_without_spending_tries(owner: Connection, started: Actor) -> None:
    """A redaction waits for a running check, and spends no try."""
    anonymise(owner, started)
    service = service_of(owner)

    for _ in range(30):
        answer = service.call("fail_outbox", **leased(owner), error_code="VERIFICATION_UNDER_WAY")
        assert ("queued", []) == (answer["status"], answer["alerts"])
        move_time(owner, "1 minute")

    [job] = outbox_rows(owner, "redact_identity")
    assert (0, 30) == (job["attempts"], job["answered_errors"])


def test_redaction_that_is_done_is_not_sent(owner: Connection, started: Actor) -> None:
    """A redaction that staff made in Stripe's dashboard is not sent again."""
    anonymise(owner, started)
    lease = leased(owner)
    owner.execute("update private.kyc_sessions set redaction = 'redacted'")

    assert not may_send(owner, lease)


def test_news_of_a_redaction_closes_its_row(owner: Connection, started: Actor) -> None:
    """A redaction whose answer was lost is closed by its event."""
    anonymise(owner, started)

    handled(owner, "canceled", p_redaction="processing")

    [job] = outbox_rows(owner, "redact_identity")
    assert ("done", "processing") == (job["status"], session_row(owner)["redaction"])


def test_dead_redaction_is_queued_again(owner: Connection, started: Actor) -> None:
    """The deletion of the account queues a dead redaction again."""
    owner.execute("select private.queue_redaction(%s)", [SESSION])
    service_of(owner).call("reject_outbox", **leased(owner), error_code="STRIPE_REFUSED")
    assert "dead" == outbox_rows(owner, "redact_identity")[0]["status"]

    anonymise(owner, started)

    assert "queued" == outbox_rows(owner, "redact_identity")[0]["status"]


def claimed(owner: Connection) -> Any:
    return service_of(owner).call("claim_stale_verifications")


@pytest.mark.usefixtures("started")
def test_stale_session_is_claimed_after_ten_minutes(owner: Connection) -> None:
    """A session is claimed after ten minutes, then after growing pauses, until it has ended."""
    assert [] == claimed(owner)
    move_time(owner, "10 minutes")
    assert ([SESSION], []) == (claimed(owner), claimed(owner))
    move_time(owner, "10 minutes")
    assert [SESSION] == claimed(owner)
    move_time(owner, "10 hours")
    assert [SESSION] == claimed(owner)
    move_time(owner, "1 hour")
    assert [] == claimed(owner)
    move_time(owner, "3 hours")
    handled(owner, "verified", p_event_created=None)
    assert [] == claimed(owner)


def test_redaction_is_read_again_until_it_is_confirmed(owner: Connection, started: Actor) -> None:
    """An unconfirmed redaction is read again, and raises an alert after five days."""
    anonymise(owner, started)
    finish(owner, leased(owner), "processing")
    query = "select subject, name from private.open_alerts"

    move_time(owner, "100 hours")
    assert [SESSION] == claimed(owner)
    assert [] == owner.execute(query).fetchall()
    move_time(owner, "26 hours")
    assert [SESSION] == claimed(owner)
    assert [(SESSION, "identity_redaction_overdue")] == owner.execute(query).fetchall()


def test_start_without_session_is_not_claimed(owner: Connection, alice: Actor) -> None:
    """A start without a session is not claimed."""
    verification_id = UUID(begun(owner, alice)["verification_id"])
    move_time(owner, "1 hour")

    assert [] == claimed(owner)
    query = "select status::text from private.kyc_sessions where id = %s"
    assert [("starting",)] == owner.execute(query, [verification_id]).fetchall()
