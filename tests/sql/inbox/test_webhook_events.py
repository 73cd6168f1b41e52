"""The webhook inbox: events, leases, failures and requeues."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import hold_clock, move_time, set_setting


EVENT: dict[str, Any] = {
    "event_id": "evt_1",
    "source": "stripe",
    "type": "charge.succeeded",
    "livemode": False,
    "created": 1_790_000_000,
    "order_ref": "somewhere",
    "payment_intent_id": "pi_1",
    "object_id": "ch_1",
    "payload": '{"id": "ch_1"}',
    "payload_sha256": "aa",
}


def store(service: Actor, token: UUID, **changes: object) -> Any:
    return service.call("store_webhook_event", **(EVENT | {"lease_token": token} | changes))


def fail(service: Actor, token: object, code: str = "DATABASE_ERROR") -> Any:
    return service.call(
        "fail_webhook_event",
        event_id="evt_1",
        error_code=code,
        error_message="why",
        lease_token=token,
    )


def claim(service: Actor) -> list[dict[str, Any]]:
    rows = service.call("claim_webhook_retries", max_rows=10, lease_s=60)
    assert isinstance(rows, list)
    return rows


def event(owner: Connection) -> dict[str, Any]:
    [(row,)] = owner.execute("select to_jsonb(e) from public.webhook_events as e").fetchall()
    assert isinstance(row, dict)
    return row


def killed(service: Actor) -> None:
    """Let the event use up all of its tries."""
    token: object = uuid4()
    store(service, UUID(str(token)))
    while fail(service, token)["status"] != "dead":
        move_time(service.connection, "2 hours")
        [row] = claim(service)
        token = row["lease_token"]


def test_new_event_is_leased_to_who_stored_it(owner: Connection, service: Actor) -> None:
    """A new event is leased to its request for ten seconds, so a woken worker leaves it alone."""
    answer = store(service, uuid4())

    expected = {
        "stored": True,
        "status": "received",
        "outcome": None,
        "leased": True,
        "hash_conflict": False,
    }
    assert expected == answer
    assert [] == claim(service)
    move_time(owner, "11 seconds")
    [row] = claim(service)
    for key in ("event_id", "source", "type", "livemode", "created"):
        assert EVENT[key] == row[key]
    assert {"id": "ch_1"} == row["payload"]
    assert "2026-09-21T14:13:20+00:00" == event(owner)["created_at"]


def test_store_may_be_called_again(owner: Connection, service: Actor) -> None:
    """A repeated call under its token finds its lease, and changes nothing."""
    hold_clock(owner)
    token = uuid4()
    store(service, token)
    before = event(owner)
    move_time(owner, "5 seconds")

    answer = store(service, token)

    assert (False, True) == (answer["stored"], answer["leased"])
    assert before == event(owner)


def test_twin_delivery_leaves_the_event_to_the_first(owner: Connection, service: Actor) -> None:
    """While a lease runs, another delivery gets none."""
    store(service, uuid4())
    before = event(owner)

    assert False is store(service, uuid4())["leased"]
    assert before == event(owner)


def test_redelivery_rearms_an_open_event(owner: Connection, service: Actor) -> None:
    """A delivery of an open event without a lease makes it due and leases it to its caller."""
    first, second = uuid4(), uuid4()
    store(service, first)
    fail(service, first)

    answer = store(service, second)

    assert (False, "failed", True) == (answer["stored"], answer["status"], answer["leased"])
    assert str(second) == event(owner)["lease_token"]
    assert {"stale": True} == fail(service, first)
    assert [] == claim(service)


def test_redelivery_revives_a_dead_event(owner: Connection, service: Actor) -> None:
    """A redelivered event gets another try, dead or not; if it fails, it is dead again."""
    killed(service)
    assert [] == claim(service)
    token = uuid4()

    answer = store(service, token)

    assert (True, "failed") == (answer["leased"], answer["status"])
    assert "dead" == fail(service, token)["status"]
    assert None is event(owner)["next_attempt_at"]


def test_settled_event_stays_settled(owner: Connection, service: Actor) -> None:
    """A settled event stays settled, and a delivery answers its outcome."""
    store(service, uuid4())
    service.call("ignore_webhook_event", event_id="evt_1", reason="unhandled_type")
    before = event(owner)
    move_time(owner, "1 day")

    answer = store(service, uuid4())

    expected = {
        "stored": False,
        "status": "ignored",
        "outcome": "ignored",
        "leased": False,
        "hash_conflict": False,
    }
    assert expected == answer
    assert before == event(owner)
    assert (
        "already_processed"
        == service.call("ignore_webhook_event", event_id="evt_1", reason="other")["outcome"]
    )


def test_other_body_under_a_known_id_changes_nothing(owner: Connection, service: Actor) -> None:
    """Same id, another body: the first one counts, the second is reported and not worked on."""
    store(service, uuid4())
    move_time(owner, "1 minute")
    before = event(owner)

    answer = store(service, uuid4(), payload_sha256="bb", payload='{"id": "ch_2"}')

    assert (True, False) == (answer["hash_conflict"], answer["leased"])
    assert before == event(owner)


def test_other_version_of_an_event_is_no_conflict(owner: Connection, service: Actor) -> None:
    """Stripe sends one event in the shape of each API version; such a delivery is processed."""
    store(service, uuid4(), api_version="2026-01-01")
    move_time(owner, "1 minute")

    answer = store(service, uuid4(), payload_sha256="bb", api_version="2026-09-01")

    assert (False, True, True) == (
        answer["hash_conflict"],
        answer["version_conflict"],
        answer["leased"],
    )
    row = event(owner)
    assert ("aa", "2026-01-01") == (row["payload_sha256"], row["api_version"])


def test_other_content_of_one_version_is_a_conflict(owner: Connection, service: Actor) -> None:
    """Two contents in one version are suspicious, however often they come."""
    store(service, uuid4(), api_version="2026-01-01")
    move_time(owner, "1 minute")

    answer = store(service, uuid4(), payload_sha256="bb", api_version="2026-01-01")

    assert (True, False) == (answer["hash_conflict"], answer["leased"])
    assert "version_conflict" not in answer


def test_failures_back_off_and_end(owner: Connection, service: Actor) -> None:
    """The pause doubles after each failure, up to an hour; the tenth failure is the last."""
    hold_clock(owner)
    pauses = []
    token: object = uuid4()
    store(service, UUID(str(token)))
    while (answer := fail(service, token))["status"] == "failed":
        [(pause,)] = owner.execute(
            """
            select round(extract(epoch from next_attempt_at - private.clock()))::integer
            from public.webhook_events
            """
        ).fetchall()
        pauses.append(pause)
        assert [] == claim(service)
        move_time(owner, f"{pause + 1} seconds")
        [row] = claim(service)
        token = row["lease_token"]

    assert [5, 10, 20, 40, 80, 160, 320, 640, 1280] == pauses
    assert ("dead", 10, ["webhook_event_dead"]) == (
        answer["status"],
        answer["attempts"],
        answer["alerts"],
    )
    row = event(owner)
    assert ("DATABASE_ERROR", "why") == (row["error_code"], row["error_message"])


def test_pause_has_a_cap(owner: Connection) -> None:
    """The pause between two tries is at most an hour."""
    set_setting(owner, "queue_max_attempts", "1000")

    assert [(3600,)] == owner.execute(
        "select extract(epoch from private.retry_delay(900))::integer"
    ).fetchall()


@pytest.mark.parametrize("code", ["PREDECESSOR_MISSING", "REFUND_CONTRADICTED"])
def test_wait_for_another_event_spends_no_try(owner: Connection, service: Actor, code: str) -> None:
    """An event that came too early waits up to seven days, and then it is dead."""
    token: object = uuid4()
    store(service, UUID(str(token)))
    for _ in range(12):
        answer = fail(service, token, code)
        assert ("failed", 0) == (answer["status"], answer["attempts"])
        move_time(owner, "2 hours")
        [row] = claim(service)
        token = row["lease_token"]

    move_time(owner, "7 days")

    answer = fail(service, token, code)
    assert ("dead", ["webhook_event_dead"]) == (answer["status"], answer["alerts"])


def test_zombie_changes_nothing(owner: Connection, service: Actor) -> None:
    """A worker without the lease cannot record a failure."""
    first = uuid4()
    store(service, first)
    move_time(owner, "11 seconds")
    [row] = claim(service)
    before = event(owner)

    assert {"stale": True} == fail(service, first)

    assert before == event(owner)
    assert False is fail(service, row["lease_token"])["stale"]


def test_lapsed_lease_is_claimed_again(owner: Connection, service: Actor) -> None:
    """Another worker claims an event after its lease has expired."""
    store(service, uuid4())
    move_time(owner, "11 seconds")
    [first] = claim(service)
    assert [] == claim(service)
    move_time(owner, "61 seconds")

    [second] = claim(service)

    assert first["lease_token"] != second["lease_token"]


def test_claim_takes_no_more_than_asked(owner: Connection, service: Actor) -> None:
    """A claim returns at most the requested number, the longest due first."""
    for number in range(3):
        store(service, uuid4(), event_id=f"evt_{number}")
        move_time(owner, "1 second")
    move_time(owner, "1 minute")

    rows = service.call("claim_webhook_retries", max_rows=2, lease_s=60)

    assert ["evt_0", "evt_1"] == [row["event_id"] for row in rows]


@pytest.mark.parametrize(
    ("type_", "reason", "alerts"),
    [
        ("payment_intent.succeeded", "order_id_missing", ["money_without_an_order"]),
        ("refund.updated", "order_id_missing", ["money_without_an_order"]),
        ("charge.dispute.created", "order_id_missing", ["money_without_an_order"]),
        ("payment_intent.payment_failed", "order_id_missing", []),
        ("refund.updated", "payment_intent_missing", ["money_without_an_order"]),
        ("charge.refunded", "refund_missing", ["money_without_an_order"]),
        ("payment_intent.canceled", "order_id_missing", []),
        ("charge.dispute.created", "unhandled_type", ["money_event_unhandled"]),
        ("charge.dispute.funds_withdrawn", "unhandled_type", ["money_event_unhandled"]),
        ("transfer.reversed", "unhandled_type", ["money_event_unhandled"]),
        ("payout.failed", "unhandled_type", ["money_event_unhandled"]),
        ("topup.succeeded", "unhandled_type", ["money_event_unhandled"]),
        ("refund.some_new_kind", "unhandled_type", ["money_event_unhandled"]),
        ("payment_intent.partially_funded", "unhandled_type", ["money_event_unhandled"]),
        ("payment_intent.created", "unhandled_type", []),
        ("charge.succeeded", "unhandled_type", []),
        ("plan.created", "unhandled_type", []),
        ("identity.verification_session.verified", "unhandled_type", []),
        ("account.updated", "unhandled_type", []),
    ],
)
def test_ignored_money_is_reported(
    owner: Connection, service: Actor, type_: str, reason: str, alerts: list[str]
) -> None:
    """An event without an effect is settled, and is an alert if it is about money."""
    store(service, uuid4(), type=type_)

    answer = service.call("ignore_webhook_event", event_id="evt_1", reason=reason)

    assert ("ignored", alerts) == (answer["outcome"], answer["alerts"])
    row = event(owner)
    assert ("ignored", reason) == (row["status"], row["error_code"])


def test_unknown_event_is_a_mistake(service: Actor) -> None:
    """An effect of an event that was not stored is refused."""
    for function, more in (
        ("ignore_webhook_event", {"reason": "none"}),
        ("requeue_webhook_event", {}),
        ("apply_payment_canceled", {"order_id": "x", "payment_intent_id": "pi"}),
    ):
        with pytest.raises(psycopg.DatabaseError, match="EVENT_NOT_FOUND") as raised:
            service.call(function, event_id="evt_none", **more)
        assert "PT404" == raised.value.sqlstate


def test_staff_requeues_a_dead_event(
    owner: Connection, service: Actor, moderator: Actor, alice: Actor
) -> None:
    """Staff give an event its tries again, with an audit entry; others may not."""
    killed(service)
    with pytest.raises(psycopg.DatabaseError, match="FORBIDDEN"):
        alice.call("requeue_webhook_event", event_id="evt_1")

    assert {"success": True} == moderator.call("requeue_webhook_event", event_id="evt_1")

    row = event(owner)
    assert ("received", 0) == (row["status"], row["attempts"])
    assert 1 == len(claim(service))
    query = "select actor_id, action, entity_id from public.audit_logs"
    assert [(moderator.id, "webhook_event_requeued", "evt_1")] == owner.execute(query).fetchall()


def ignored(service: Actor, event_id: str, type_: str, reason: str = "unhandled_type") -> None:
    store(service, uuid4(), event_id=event_id, type=type_)
    service.call("ignore_webhook_event", event_id=event_id, reason=reason)


def test_ignored_events_are_requeued_for_a_later_handler(
    owner: Connection, service: Actor, moderator: Actor, alice: Actor
) -> None:
    """Only unhandled events of the type since that time are due again, and it is audited."""
    ignored(service, "evt_before", "charge.dispute.created")
    move_time(owner, "1 day")
    [(since,)] = owner.execute("select private.clock()").fetchall()
    ignored(service, "evt_1", "charge.dispute.created")
    ignored(service, "evt_no_order", "charge.dispute.created", reason="order_id_missing")
    ignored(service, "evt_other", "charge.dispute.closed")
    arguments = {"type": "charge.dispute.created", "since": since}
    with pytest.raises(psycopg.DatabaseError, match="FORBIDDEN"):
        alice.call("requeue_ignored_events", **arguments)

    answer = moderator.call("requeue_ignored_events", **arguments)

    assert {"success": True, "count": 1} == answer
    [row] = claim(service)
    assert ("evt_1", "received", 0, None) == (
        row["event_id"],
        row["status"],
        row["attempts"],
        row["processed_at"],
    )
    query = "select actor_id, action, entity_id, metadata -> 'count' from public.audit_logs"
    assert [(moderator.id, "ignored_events_requeued", "charge.dispute.created", 1)] == (
        owner.execute(query).fetchall()
    )


def test_requeued_event_takes_effect_once(owner: Connection, service: Actor) -> None:
    """A second requeue finds nothing, and a settled event is not touched."""
    [(since,)] = owner.execute("select private.clock()").fetchall()
    ignored(service, "evt_1", "charge.dispute.created")
    arguments = {"type": "charge.dispute.created", "since": since}

    counts = [service.call("requeue_ignored_events", **arguments)["count"] for _ in range(2)]

    assert [1, 0] == counts


@pytest.mark.parametrize(
    "changes",
    [
        {"type": None},
        {"since": None},
        {"since": "2026-01-01T00:00"},
        {"since": "yesterday"},
        {"since": "-infinity"},
    ],
)
def test_requeue_of_ignored_events_needs_its_bounds(
    service: Actor, changes: dict[str, str | None]
) -> None:
    """A missing argument, or a time without an offset, is refused."""
    arguments = {"type": "transfer.created", "since": "2026-01-01T00:00:00Z"} | changes

    assert "VALIDATION_ERROR" == service.call("requeue_ignored_events", **arguments)["code"]


def test_settled_event_is_not_requeued(service: Actor) -> None:
    """An event that took effect cannot be queued again."""
    store(service, uuid4())
    service.call("ignore_webhook_event", event_id="evt_1", reason="unhandled_type")

    assert "CONFLICT" == service.call("requeue_webhook_event", event_id="evt_1")["code"]


def test_canary_finds_its_event(owner: Connection, service: Actor) -> None:
    """The canary finds an event by id, or by type since a time."""
    store(service, uuid4())
    found = service.call("find_webhook_event", event_id="evt_1")
    assert ("evt_1", "charge.succeeded", None) == tuple(
        found["event"][key] for key in ("event_id", "type", "processed_at")
    )
    service.call("ignore_webhook_event", event_id="evt_1", reason="unhandled_type")
    [(now,)] = owner.execute("select private.clock()").fetchall()

    found = service.call("find_webhook_event", type="charge.succeeded")
    assert found["event"]["processed_at"]
    for question in (
        {"event_id": "evt_2"},
        {"type": "other"},
        {"type": "charge.succeeded", "since": now},
        {"type": "charge.succeeded", "since": "2999-01-01T00:00:00Z"},
        {},
    ):
        assert {"found": False} == service.call("find_webhook_event", **question)


@pytest.mark.parametrize("since", ["tomorrow", "infinity", "2026-12-02T20:00", "2026-12-02", ""])
def test_event_is_not_looked_up_by_a_time_without_offset(service: Actor, since: str) -> None:
    """A time without an offset is refused, because it depends on the session's zone."""
    with pytest.raises(psycopg.Error, match="VALIDATION_ERROR"):
        service.call("find_webhook_event", type="charge.succeeded", since=since)


def test_events_are_for_our_own_processes(
    alice: Actor, anonymous: Actor, moderator: Actor, service: Actor
) -> None:
    """No user reads events; a worker reads the keys that wake it, and no payload."""
    for actor in (alice, anonymous, moderator):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.rows("select event_id from public.webhook_events")
    assert [] == service.rows("select event_id, status, next_attempt_at from public.webhook_events")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        service.rows("select payload from public.webhook_events")
