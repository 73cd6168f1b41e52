"""`resolve_dispute`: staff decide, money goes back first, then the order goes on."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor, signed_up
from tests.sql.disputing import dispute_row, report_dispute
from tests.sql.paying import (
    balances,
    brought_to,
    complained,
    drift,
    notified,
    order_row,
    outbox_rows,
    report_refund,
    service_of,
)


STATES = ("paid", "ready_for_handover", "shipped", "delivered")


@pytest.fixture(params=STATES)
def state(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def disputed(owner: Connection, order_id: UUID, state: str = "shipped") -> str:
    """Bring the order to `state`, and let its buyer open a dispute; return its id."""
    brought_to(owner, order_id, state)
    return str(complained(owner, order_id)["dispute_id"])


def decided(staff: Actor, dispute_id: object, decision: str | None, **more: object) -> Any:
    arguments = {"dispute_id": dispute_id, "decision": decision, "note": "Photos show the crack."}
    return staff.call("resolve_dispute", **(arguments | more))


def state_of(owner: Connection, order_id: UUID) -> tuple[str, bool, int]:
    order = order_row(owner, order_id)
    return order["state"], order["refund_pending"], order["refunded_cents"]


def settled(owner: Connection, status: str) -> Any:
    """Let Stripe settle the refund that staff decided on."""
    [row] = outbox_rows(owner, "refund")
    return report_refund(
        owner, status, row["payload"]["amount_cents"], outbox_id=row["id"], stripe_refund_id="re_d"
    )


def test_denied_dispute_leads_back(
    owner: Connection, order_id: UUID, moderator: Actor, *, alice: Actor, seller: Actor, state: str
) -> None:
    """Deny restores the state before, and both parties are notified."""
    dispute_id = disputed(owner, order_id, state)

    assert {"success": True} == decided(moderator, dispute_id, "deny")

    assert (state, False, 0) == state_of(owner, order_id)
    row = dispute_row(owner, dispute_id)
    assert {
        "status": "resolved",
        "state": "resolved",
        "decision": "deny",
        "resolution": "Photos show the crack.",
        "resolution_type": "no_action",
        "refund_cents": None,
    }.items() <= row.items()
    assert row["resolved_at"] is not None
    for party in (alice, seller):
        assert "dispute_resolved" in notified(owner, party)
    assert [] == drift(owner)


def test_refund_ends_the_order_when_the_money_is_back(
    owner: Connection, order_id: UUID, moderator: Actor, state: str
) -> None:
    """The order stays disputed until Stripe has made the full refund, then it is refunded."""
    dispute_id = disputed(owner, order_id, state)

    assert {"success": True} == decided(moderator, dispute_id, "refund")

    assert ("disputed", True, 0) == state_of(owner, order_id)
    assert [("queued", 10_000)] == [
        (row["status"], row["payload"]["amount_cents"]) for row in outbox_rows(owner, "refund")
    ]
    assert [] == drift(owner)
    settled(owner, "pending")
    assert ("disputed", True, 0) == state_of(owner, order_id)
    settled(owner, "succeeded")
    assert ("refunded", False, 10_000) == state_of(owner, order_id)
    assert ({}, []) == (balances(owner, order_id), drift(owner))


def test_partial_refund_leads_back(
    owner: Connection, order_id: UUID, moderator: Actor, state: str
) -> None:
    """After a partial refund the order gets its previous state back."""
    dispute_id = disputed(owner, order_id, state)

    assert {"success": True} == decided(moderator, dispute_id, "partial", refund_cents=2_500)

    assert ("disputed", True, 0) == state_of(owner, order_id)
    assert [] == drift(owner)
    settled(owner, "succeeded")
    assert (state, False, 2_500) == state_of(owner, order_id)
    row = dispute_row(owner, dispute_id)
    assert (2_500, 2_500, "partial_refund") == (
        row["refund_cents"],
        row["refund_amount_cents"],
        row["resolution_type"],
    )
    assert [] == drift(owner)


@pytest.mark.parametrize(("decision", "cents"), [("refund", None), ("partial", 2_500)])
@pytest.mark.parametrize("status", ["failed", "canceled"])
def test_order_goes_on_when_the_refund_fails(
    owner: Connection, order_id: UUID, moderator: Actor, *,
    decision: str, cents: int | None, status: str,
) -> None:  # fmt: skip
    """After a failed refund the order gets its previous state back, and an alert is raised."""
    dispute_id = disputed(owner, order_id)
    decided(moderator, dispute_id, decision, refund_cents=cents)

    answer = settled(owner, status)

    assert [f"refund_{status}"] == answer["alerts"]
    assert ("shipped", False, 0) == state_of(owner, order_id)
    assert [] == drift(owner)


def test_refund_that_stripe_refuses_frees_the_order(
    owner: Connection, order_id: UUID, moderator: Actor
) -> None:
    """After a refund that Stripe refused the order gets its previous state back."""
    decided(moderator, disputed(owner, order_id), "refund")
    service = service_of(owner)
    [job] = service.call("claim_outbox", max_rows=1, lease_s=60)

    answer = service.call(
        "reject_outbox", outbox_id=job["id"], lease_token=job["lease_token"],
        error_code="STRIPE_REFUSED",
    )  # fmt: skip

    assert "refund_failed" in answer["alerts"]
    assert ("shipped", False, 0) == state_of(owner, order_id)


def test_bank_that_comes_in_between_keeps_the_order(
    owner: Connection, order_id: UUID, moderator: Actor
) -> None:
    """The refund fails because a bank took the money, and the order waits for the bank."""
    decided(moderator, disputed(owner, order_id), "refund")
    report_dispute(owner, "needs_response", 10_000)

    settled(owner, "failed")
    assert "disputed" == state_of(owner, order_id)[0]
    assert [] == drift(owner)
    report_dispute(owner, "lost", 10_000)

    assert "refunded" == state_of(owner, order_id)[0]
    assert ({}, []) == (balances(owner, order_id), drift(owner))


@pytest.mark.parametrize("decision", ["refund", "partial"])
def test_no_refund_while_stripe_holds_the_money(
    owner: Connection, order_id: UUID, moderator: Actor, decision: str
) -> None:
    """Only deny is possible while a bank has the money."""
    dispute_id = disputed(owner, order_id)
    report_dispute(owner, "needs_response", 10_000)

    cents = 2_500 if decision == "partial" else None
    assert "CONFLICT" == decided(moderator, dispute_id, decision, refund_cents=cents)["code"]
    assert decided(moderator, dispute_id, "deny")["success"]

    assert "disputed" == state_of(owner, order_id)[0]
    assert [] == drift(owner)


def test_refund_after_a_part_was_lost_is_the_rest(
    owner: Connection, order_id: UUID, moderator: Actor
) -> None:
    """A full refund returns all the money that is left."""
    dispute_id = disputed(owner, order_id)
    report_dispute(owner, "lost", 4_000)

    decided(moderator, dispute_id, "refund")
    assert 6_000 == outbox_rows(owner, "refund")[0]["payload"]["amount_cents"]
    settled(owner, "succeeded")

    assert ("refunded", False, 6_000) == state_of(owner, order_id)
    assert ({}, []) == (balances(owner, order_id), drift(owner))


@pytest.mark.parametrize(
    ("decision", "more"),
    [
        ("perhaps", {}),
        (None, {}),
        ("partial", {}),
        ("partial", {"refund_cents": 0}),
        ("partial", {"refund_cents": -1}),
        ("partial", {"refund_cents": 10_001}),
        ("refund", {"refund_cents": 1}),
        ("deny", {"refund_cents": 1}),
        ("deny", {"note": None}),
        ("deny", {"note": " "}),
        ("deny", {"note": "x" * 1_001}),
    ],
)
def test_incomplete_decision_is_refused(
    owner: Connection, order_id: UUID, moderator: Actor, *, decision: str | None,
    more: dict[str, object],
) -> None:  # fmt: skip
    """A decision has a note, and only a partial refund has an amount of its own."""
    dispute_id = disputed(owner, order_id)

    assert "VALIDATION_ERROR" == decided(moderator, dispute_id, decision, **more)["code"]
    assert "open" == dispute_row(owner, dispute_id)["status"]
    assert [] == outbox_rows(owner, "refund")


def test_decision_is_made_once(owner: Connection, order_id: UUID, moderator: Actor) -> None:
    """A second decision is a conflict; the same request gets the same answer."""
    dispute_id = disputed(owner, order_id)
    request = {"refund_cents": 2_500, "client_request_id": uuid4()}
    first = decided(moderator, dispute_id, "partial", **request)

    assert first == decided(moderator, dispute_id, "partial", **request)
    for decision in ("deny", "refund"):
        assert "CONFLICT" == decided(moderator, dispute_id, decision)["code"]
    assert 1 == len(outbox_rows(owner, "refund"))


def test_bank_decides_its_own_disputes(owner: Connection, order_id: UUID, moderator: Actor) -> None:
    """Staff cannot decide a dispute at Stripe."""
    brought_to(owner, order_id, "shipped")
    report_dispute(owner, "warning_needs_response")
    dispute_id = dispute_row(owner)["id"]

    assert "CONFLICT" == decided(moderator, dispute_id, "deny")["code"]


def test_only_staff_decide(
    owner: Connection, order_id: UUID, alice: Actor, *, seller: Actor, bob: Actor, moderator: Actor,
    anonymous: Actor, service: Actor,
) -> None:  # fmt: skip
    """No user decides a dispute (B7), nor do staff without a second factor."""
    dispute_id = disputed(owner, order_id)

    weak = Actor(connection=owner, role="authenticated", user_id=moderator.id)
    for actor in (alice, seller, bob, weak):
        with pytest.raises(psycopg.Error, match="FORBIDDEN"):
            decided(actor, dispute_id, "refund")
    for actor in (anonymous, service):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            decided(actor, dispute_id, "refund")
    assert "RESOURCE_NOT_FOUND" == decided(moderator, uuid4(), "deny")["code"]
    assert "open" == dispute_row(owner, dispute_id)["status"]


@pytest.mark.parametrize("party", ["buyer", "seller"])
def test_staff_do_not_decide_their_own_case(
    owner: Connection, order_id: UUID, alice: Actor, *, seller: Actor, party: str
) -> None:
    """A moderator who buys or sells is a party like any other."""
    dispute_id = disputed(owner, order_id)
    judge = {"buyer": alice, "seller": seller}[party]
    owner.execute("update public.users set role = 'admin' where id = %s", [judge.id])

    assert "FORBIDDEN" == decided(judge.with_second_factor(), dispute_id, "deny")["code"]


def test_decision_is_audited(owner: Connection, order_id: UUID, moderator: Actor) -> None:
    """The audit log has the decision, and the history of the order its actor."""
    dispute_id = disputed(owner, order_id)

    decided(moderator, dispute_id, "deny")

    query = """
      select actor_id, entity_id, description, metadata ->> 'decision' from public.audit_logs
      where action = 'dispute_resolved'
    """
    assert [(moderator.id, dispute_id, "Photos show the crack.", "deny")] == owner.execute(
        query
    ).fetchall()
    events = "select actor_kind::text, actor_id from public.order_events order by id desc limit 1"
    assert [("admin", moderator.id)] == owner.execute(events).fetchall()


def test_dispute_of_an_ended_order_can_only_be_denied(
    owner: Connection, order_id: UUID, moderator: Actor
) -> None:
    """All money went back outside of the dispute; staff close it, and the order stays ended."""
    dispute_id = disputed(owner, order_id)
    report_refund(owner, "succeeded", 10_000)
    assert ("refunded", []) == (state_of(owner, order_id)[0], drift(owner))

    assert "CONFLICT" == decided(moderator, dispute_id, "refund")["code"]
    assert decided(moderator, dispute_id, "deny")["success"]

    assert ("refunded", []) == (state_of(owner, order_id)[0], drift(owner))


def test_busy_account_is_not_anonymised(
    owner: Connection, order_id: UUID, alice: Actor, *, service: Actor, moderator: Actor
) -> None:
    """An open dispute keeps the accounts of both parties, also after the end of the order."""
    dispute_id = disputed(owner, order_id)
    report_refund(owner, "succeeded", 10_000)

    assert "ACCOUNT_BUSY" == service.call("anonymise_account", user_id=alice.id)["code"]
    decided(moderator, dispute_id, "deny")

    assert service.call("anonymise_account", user_id=alice.id)["success"]


def test_staff_from_elsewhere_may_decide(owner: Connection, order_id: UUID) -> None:
    """Every admin with a second factor may decide."""
    judge = signed_up(owner, "judge", role="admin").with_second_factor()

    assert decided(judge, disputed(owner, order_id), "deny")["success"]
