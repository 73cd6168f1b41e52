"""Starts, readings, redactions and the end of an account meet on other connections."""

import json
from typing import Any

from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.concurrency.crowd import Prepare, at_once
from tests.sql.kyc.verifying import (
    CREATED,
    PROFILE,
    SESSION,
    attached,
    notes,
    session_row,
    unverified,
    user_row,
)
from tests.sql.paying import outbox_rows, service_of, stored


def reading(owner: Connection, status: str, **changes: object) -> dict[str, Any]:
    """Return the arguments of a reading for a new event."""
    usual = {
        "p_stripe_session_id": SESSION,
        "p_status": status,
        "p_verified_outputs": "{}",
        "p_last_error": None,
        "p_event_id": stored(owner, "identity.verification_session.x", None, object_id=SESSION),
        "p_event_created": CREATED,
    }
    return usual | changes


def test_parallel_starts_get_one_verification(owner: Connection, rpc: Prepare) -> None:
    """Parallel starts wait for each other, and get one verification."""
    alice = unverified(owner)
    owner.commit()
    starts = [rpc("begin_verification", user_id=alice.id, **PROFILE) for _ in range(8)]

    answers = at_once(starts)

    assert [True] * 8 == [answer["success"] for answer in answers]
    assert 1 == len({answer["verification_id"] for answer in answers})


def test_parallel_sessions_leave_one_open(owner: Connection, rpc: Prepare) -> None:
    """All starts get the session that was attached first, and the others are closed."""
    alice = unverified(owner)
    begun = service_of(owner).call("begin_verification", user_id=alice.id, **PROFILE)
    owner.commit()
    attach = [
        rpc(
            "attach_verification",
            verification_id=begun["verification_id"],
            stripe_session_id=f"vs_{number}",
        )
        for number in range(6)
    ]

    answers = at_once(attach)

    [winner] = {answer["stripe_session_id"] for answer in answers}
    assert winner == user_row(owner, alice)["stripe_identity_session_id"]
    closed = {row["payload"]["stripe_session_id"] for row in outbox_rows(owner, "redact_identity")}
    assert {f"vs_{number}" for number in range(6)} - {winner} == closed


def test_parallel_passes_are_one(owner: Connection, rpc: Prepare) -> None:
    """One event ten times and ten events at once write one audit entry, and the pass stays."""
    alice = unverified(owner)
    attached(owner, alice)
    same = reading(owner, "verified")
    others = [reading(owner, status) for status in ["verified", "processing", "canceled"] * 3]
    owner.commit()

    answers = at_once([rpc("handle_kyc_webhook_update", **one) for one in [*[same] * 10, *others]])

    outcomes = [answer["outcome"] for answer in answers]
    assert (["already_processed"] * 9, "processed") == (
        sorted(outcomes[:10])[:9],
        sorted(outcomes[:10])[9],
    )
    assert ("passed", ["passed"]) == (user_row(owner, alice)["kyc"], notes(owner, alice)[-1:])
    assert 1 == notes(owner, alice).count("passed")


def test_end_of_an_account_meets_its_verification(owner: Connection, rpc: Prepare) -> None:
    """No calls deadlock, and every session is redacted in the end."""
    error = json.dumps({"code": "document_expired"})
    for number in range(6):
        alice = unverified(owner, f"alice{number}")
        session_id = f"vs_{number}"
        attached(owner, alice, session_id)
        changes: dict[str, object] = {"p_stripe_session_id": session_id, "p_last_error": error}
        owner.execute("select private.queue_redaction(%s)", [session_id])
        [job] = service_of(owner).call("claim_outbox", max_rows=1, lease_s=60)
        lease = {"outbox_id": job["id"], "lease_token": job["lease_token"]}
        readings = [
            reading(owner, "requires_input", **changes, p_report_id=f"vr_{number}_{one}")
            for one in range(5)
        ] + [reading(owner, "canceled", **changes, p_redaction="processing")]
        owner.commit()

        at_once(
            [
                rpc("anonymise_account", user_id=alice.id),
                rpc("begin_verification", user_id=alice.id, **PROFILE),
                rpc(
                    "finish_outbox",
                    **lease,
                    stripe_object_id=session_id,
                    result='{"status": "processing"}',
                ),
                rpc("claim_stale_verifications", max_rows=10),
                *(rpc("handle_kyc_webhook_update", **one) for one in readings),
            ]
        )

        assert ("processing", None, None) == (
            session_row(owner, session_id)["redaction"],
            user_row(owner, alice)["legal_name"],
            user_row(owner, alice)["kyc_details"],
        )
    assert {"done"} == {row["status"] for row in outbox_rows(owner, "redact_identity")}


def test_hard_deletion_meets_readings(owner: Connection, rpc: Prepare) -> None:
    """The deletion locks the user before the sessions, as every reading does."""
    for number in range(5):
        alice: Actor = unverified(owner, f"alice{number}")
        session_id = f"vs_{number}"
        attached(owner, alice, session_id)
        changes = {"p_stripe_session_id": session_id}
        readings = [reading(owner, "processing", **changes) for _ in range(4)]
        owner.commit()

        def delete(alice: Actor = alice) -> object:
            with owner.transaction():
                return owner.execute("delete from auth.users where id = %s", [alice.id]).rowcount

        answers = at_once([delete, *(rpc("handle_kyc_webhook_update", **one) for one in readings)])

        owner.commit()
        assert 1 == answers[0]
        assert (None, "requested") == tuple(
            session_row(owner, session_id)[key] for key in ("user_id", "redaction")
        )
        owner.commit()
