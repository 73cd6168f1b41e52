"""`list_dead_events`, `replay_webhook_event`: the calls behind the routes for staff."""

from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection, sql

from tests.sql.actors import Actor
from tests.sql.paying import INTENT, paid, stored


REASON = "The cause is corrected"


def dead(owner: Connection) -> str:
    """Store an event that has used up its tries."""
    event_id = stored(owner, "charge.refunded")
    query = """
      update public.webhook_events
      set status = 'dead', attempts = 10, next_attempt_at = null, error_code = 'CRASHED',
        leased_until = null, lease_token = null
      where event_id = %s
    """
    owner.execute(query, [event_id])
    return event_id


def replay(service: Actor, staff: Actor, event_id: str, reason: str | None = REASON) -> Any:
    return service.call("replay_webhook_event", event_id=event_id, actor_id=staff.id, reason=reason)


def test_page_follows_the_last_event(owner: Connection, service: Actor) -> None:
    """The newest dead event comes first; the page has no open events and no payloads."""
    stored(owner, "charge.refunded")
    ids = [dead(owner) for _ in range(3)]

    first = service.call("list_dead_events", max_rows=2)
    second = service.call("list_dead_events", max_rows=2, after_id=first[-1]["event_id"])

    assert ids[::-1] == [event["event_id"] for event in first + second]
    assert (10, "CRASHED", False) == (
        first[0]["attempts"],
        first[0]["error_code"],
        "payload" in first[0],
    )


def test_replayed_event_is_due(owner: Connection, service: Actor, moderator: Actor) -> None:
    """A replayed event is due, and a repeated call adds no audit entry."""
    event_id = dead(owner)

    for _ in range(2):
        assert {"success": True} == replay(service, moderator, event_id)

    query = """
      select status::text, attempts, next_attempt_at <= private.clock()
      from public.webhook_events where event_id = %s
    """
    assert [("received", 0, True)] == owner.execute(query, [event_id]).fetchall()
    assert [(moderator.id, event_id, REASON)] == owner.execute(
        "select actor_id, entity_id, description from public.audit_logs"
    ).fetchall()


@pytest.mark.parametrize("party", ["alice", "seller"])
@pytest.mark.parametrize("known_by", ["order_id", "order_ref", "payment"])
def test_party_on_the_staff_replays_no_event_of_an_own_order(
    request: pytest.FixtureRequest, owner: Connection, service: Actor, *, order_id: UUID,
    party: str, known_by: str,
) -> None:  # fmt: skip
    """Staff decide nothing about their own money."""
    event_id = dead(owner)
    if known_by == "payment":
        paid(owner, order_id)
    else:
        owner.execute(
            sql.SQL("update public.webhook_events set {} = %s, payment_intent_id = null").format(
                sql.Identifier(known_by)
            ),
            [order_id],
        )

    check_that_the_caller_cannot_replay(owner, service, request.getfixturevalue(party), event_id)


def check_that_the_caller_cannot_replay(
    owner: Connection, service: Actor, user: Actor, event_id: str
) -> None:
    owner.execute("update public.users set role = 'admin' where id = %s", [user.id])
    staff = user.with_second_factor()

    assert "FORBIDDEN" == replay(service, staff, event_id)["code"]
    assert "FORBIDDEN" == staff.call("requeue_webhook_event", event_id=event_id)["code"]


def test_party_on_the_staff_requeues_no_ignored_event_of_an_own_order(
    owner: Connection, service: Actor, *, order_id: UUID, alice: Actor, moderator: Actor
) -> None:
    """An ignored event about an order of the caller stays ignored, until others requeue it."""
    paid(owner, order_id)
    for intent in (INTENT, "pi_of_others"):
        event_id = stored(owner, "payout.failed", intent)
        service.call("ignore_webhook_event", event_id=event_id, reason="unhandled_type")
    owner.execute("update public.users set role = 'admin' where id = %s", [alice.id])
    events = {"type": "payout.failed", "since": "2026-01-01T00:00:00Z"}

    answers = [
        staff.call("requeue_ignored_events", **events)
        for staff in (alice.with_second_factor(), moderator)
    ]

    assert [1, 1] == [answer["count"] for answer in answers]
    query = "select metadata -> 'count' from public.audit_logs"
    assert [(1,), (1,)] == owner.execute(query).fetchall()


def test_nobody_on_the_staff_replays_an_event_about_themselves(
    owner: Connection, service: Actor, alice: Actor, seller: Actor
) -> None:
    """An event about oneself tells of one's account at Stripe, or of one's verification."""
    event_id = dead(owner)
    owner.execute("update public.webhook_events set object_id = 'of_a_user'")
    owner.execute(
        "update public.users set stripe_connect_account_id = 'of_a_user' where id = %s", [alice.id]
    )
    owner.execute(
        """
        insert into private.kyc_sessions (user_id, stripe_session_id, status)
        values (%s, 'of_a_user', 'verified')
        """,
        [seller.id],
    )

    check_that_the_caller_cannot_replay(owner, service, alice, event_id)
    check_that_the_caller_cannot_replay(owner, service, seller, event_id)


def test_replay_names_what_is_wrong(owner: Connection, service: Actor, moderator: Actor) -> None:
    """An unknown event, a settled event and a blank reason are refused with a code."""
    event_id, settled_id = dead(owner), stored(owner, "charge.refunded")
    service.call("ignore_webhook_event", event_id=settled_id, reason="unhandled_type")

    assert "RESOURCE_NOT_FOUND" == replay(service, moderator, "evt_none")["code"]
    assert "CONFLICT" == replay(service, moderator, settled_id)["code"]
    for reason in (None, "short", "x" * 501):
        assert "VALIDATION_ERROR" == replay(service, moderator, event_id, reason)["code"]
    assert [] == owner.execute("select 1 from public.audit_logs").fetchall()


def test_only_our_service_calls(moderator: Actor, alice: Actor, anonymous: Actor) -> None:
    """No client may execute the functions; the service checks the session of staff."""
    for actor in (moderator, alice, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call("list_dead_events")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            replay(actor, moderator, "evt_1")


def test_staff_read_an_event_without_its_payload(owner: Connection, moderator: Actor) -> None:
    """The answer has the state of the event, and no object of Stripe."""
    event_id = dead(owner)

    event = moderator.call("staff_read_event", event_id=event_id)["event"]

    assert ("dead", "CRASHED", 10) == (event["status"], event["error_code"], event["attempts"])
    assert not {"payload", "payload_sha256", "lease_token"} & event.keys()
    for other in ("evt_none", "", None):
        answer = moderator.call("staff_read_event", event_id=other)
        assert "RESOURCE_NOT_FOUND" == answer["code"]


def test_party_on_the_staff_reads_no_event_of_an_own_order(
    owner: Connection, service: Actor, *, order_id: UUID, alice: Actor
) -> None:
    """The buyer of the order learns nothing about its events, whatever the role."""
    paid(owner, order_id)
    event_id = stored(owner, "payout.failed", INTENT)
    service.call("ignore_webhook_event", event_id=event_id, reason="unhandled_type")
    owner.execute("update public.users set role = 'admin' where id = %s", [alice.id])

    answer = alice.with_second_factor().call("staff_read_event", event_id=event_id)

    assert "FORBIDDEN" == answer["code"]


def test_reason_for_requeued_events_stands_in_the_audit_log(
    owner: Connection, moderator: Actor
) -> None:
    """A call without a reason says what was done, and a short reason is refused."""
    events = {"type": "payout.failed", "since": "2026-01-01T00:00:00Z"}

    for reason in ({"reason": REASON}, {}):
        assert moderator.call("requeue_ignored_events", **events, **reason)["success"]
    refused = moderator.call("requeue_ignored_events", **events, reason="short")

    assert "VALIDATION_ERROR" == refused["code"]
    query = "select description from public.audit_logs order by description"
    assert ["Events that had no handler became due again", REASON] == [
        description for (description,) in owner.execute(query)
    ]
