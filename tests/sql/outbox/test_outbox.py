"""The outbox: each call of another system is queued, sent and settled once."""

import json
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection
from psycopg.types.json import Jsonb

from tests.sql.actors import Actor
from tests.sql.auctioning import hold_clock, move_time
from tests.sql.paying import attached, moved, order_row, paid, refund_requested, report_refund


def queued(owner: Connection, order_id: UUID) -> None:
    """Queue the cancellation of the order's intent."""
    attached(owner, order_id)
    moved(owner, order_id, "cancelled", "seller")


def claim(service: Actor) -> list[dict[str, Any]]:
    rows = service.call("claim_outbox", max_rows=10, lease_s=60)
    assert isinstance(rows, list)
    return rows


def lease(job: dict[str, Any]) -> dict[str, Any]:
    return {"outbox_id": job["id"], "lease_token": job["lease_token"]}


def row(owner: Connection) -> dict[str, Any]:
    [(values,)] = owner.execute("select to_jsonb(o) from public.outbox as o").fetchall()
    assert isinstance(values, dict)
    return values


def test_claimed_row_has_all_that_a_sender_needs(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """A claimed row has its content, key, order and lease."""
    queued(owner, order_id)

    [job] = claim(service)

    assert {
        "id": row(owner)["id"],
        "kind": "cancel_intent",
        "payload": {"payment_intent_id": "pi_current", "order_id": str(order_id)},
        "dedupe_key": "cancel_intent:pi_current",
        "attempts": 0,
        "answered_errors": 0,
        "lease_token": row(owner)["lease_token"],
        "order_id": str(order_id),
    } == job
    assert [] == claim(service)


def test_key_makes_the_row_and_its_id(owner: Connection) -> None:
    """A key queued twice is one row, and has the same id after a restore."""
    queue = "select private.queue_outbox('cancel_intent', '{}', 'cancel_intent:pi_1')"

    ids = {owner.execute(queue).fetchone() for _ in range(2)}

    assert 1 == len(ids)
    assert ids == set(owner.execute("select id from public.outbox").fetchall())
    assert ids == {owner.execute("select md5('outbox:cancel_intent:pi_1')::uuid").fetchone()}


def test_lapsed_lease_is_claimed_again(owner: Connection, order_id: UUID, service: Actor) -> None:
    """Another worker claims a row after its lease, and late calls of the first change nothing."""
    queued(owner, order_id)
    [first] = claim(service)
    move_time(owner, "61 seconds")
    [second] = claim(service)
    before = row(owner)

    for answer in (
        service.call("claim_send_permission", **lease(first)),
        service.call("fail_outbox", error_code="STRIPE_ERROR", **lease(first)),
        service.call("reject_outbox", error_code="STRIPE_ERROR", **lease(first)),
        service.call("finish_outbox", stripe_object_id="pi", result="{}", **lease(first)),
    ):
        assert answer["stale"]
    assert before == row(owner)
    assert 0 == second["attempts"]
    assert service.call("claim_send_permission", **lease(second))["may_send"]


@pytest.mark.parametrize(
    ("error_code", "attempts", "answered"),
    [
        ("STRIPE_ERROR", 1, 1),
        ("INTERNAL_ERROR", 1, 0),
        ("STRIPE_UNREACHABLE", 0, 0),
        ("STRIPE_CONFLICT", 0, 0),
        ("STRIPE_RATE_LIMITED", 0, 0),
    ],
)
def test_key_moves_on_after_an_answer_alone(
    owner: Connection,
    order_id: UUID,
    service: Actor,
    *,
    error_code: str,
    attempts: int,
    answered: int,
) -> None:
    """Stripe replays an answer under its key. A try without an answer keeps key and attempts."""
    hold_clock(owner)
    queued(owner, order_id)
    [job] = claim(service)

    answer = service.call("fail_outbox", error_code=error_code, **lease(job))

    assert {"stale": False, "status": "queued", "alerts": []} == answer
    assert (answered, error_code) == (
        (values := row(owner))["answered_errors"],
        values["last_error"],
    )
    assert [] == claim(service)
    move_time(owner, "6 seconds")
    [again] = claim(service)
    assert (attempts, answered) == (again["attempts"], again["answered_errors"])


def test_claim_alone_spends_no_try(owner: Connection, order_id: UUID, service: Actor) -> None:
    """A worker that ends before it sends spends no try of its row."""
    queued(owner, order_id)
    for _ in range(12):
        [job] = claim(service)
        assert service.call("claim_send_permission", **lease(job))["may_send"]
        move_time(owner, "61 seconds")

    [job] = claim(service)
    answer = service.call("fail_outbox", error_code="STRIPE_ERROR", **lease(job))

    assert ("queued", 1) == (answer["status"], row(owner)["attempts"])


def test_sent_row_has_spent_a_try(owner: Connection, order_id: UUID, service: Actor) -> None:
    """The count tells how many tries a row has taken."""
    queued(owner, order_id)
    [job] = claim(service)

    service.call("finish_outbox", stripe_object_id="pi_current", result="{}", **lease(job))

    assert ("done", 1) == ((values := row(owner))["status"], values["attempts"])


def test_staff_queues_a_dead_row_again(
    owner: Connection, order_id: UUID, service: Actor, moderator: Actor, alice: Actor
) -> None:
    """A dead row gets all of its tries again, with a reason that is audited."""
    queued(owner, order_id)
    arguments = {"outbox_id": row(owner)["id"], "reason": "Stripe works again"}
    with pytest.raises(psycopg.DatabaseError, match="FORBIDDEN"):
        alice.call("requeue_outbox", **arguments)
    assert "CONFLICT" == moderator.call("requeue_outbox", **arguments)["code"]
    owner.execute("update public.outbox set status = 'dead', attempts = 10")

    assert {"success": True} == moderator.call("requeue_outbox", **arguments)

    [job] = claim(service)
    assert 0 == job["attempts"]
    query = "select actor_id, action, description from public.audit_logs"
    assert [(moderator.id, "outbox_row_requeued", "Stripe works again")] == (
        owner.execute(query).fetchall()
    )


@pytest.mark.parametrize("party", ["alice", "seller"])
def test_party_on_the_staff_requeues_no_own_row(
    request: pytest.FixtureRequest, owner: Connection, order_id: UUID, party: str
) -> None:
    """Staff decide nothing about their own money."""
    queued(owner, order_id)
    owner.execute("update public.outbox set status = 'dead', attempts = 10")
    owner.execute("update public.users set role = 'admin'")
    staff: Actor = request.getfixturevalue(party).with_second_factor()

    answer = staff.call("requeue_outbox", outbox_id=row(owner)["id"], reason="Stripe works again")

    assert ("FORBIDDEN", "dead") == (answer["code"], row(owner)["status"])


def test_requeue_names_what_is_wrong(owner: Connection, order_id: UUID, service: Actor) -> None:
    """An unknown row and a blank reason are refused with a code."""
    queued(owner, order_id)
    for outbox_id, reason, code in (
        (uuid4(), "Stripe works again", "RESOURCE_NOT_FOUND"),
        (row(owner)["id"], "again", "VALIDATION_ERROR"),
        (row(owner)["id"], "\u200b" * 20, "VALIDATION_ERROR"),
        (row(owner)["id"], "x" * 501, "VALIDATION_ERROR"),
        (row(owner)["id"], None, "VALIDATION_ERROR"),
    ):
        answer = service.call("requeue_outbox", outbox_id=outbox_id, reason=reason)
        assert code == answer["code"]


def test_page_follows_the_last_dead_row(owner: Connection, order_id: UUID, service: Actor) -> None:
    """The newest dead row comes first; the page has no other rows and no payloads."""
    payload = {"order_id": str(order_id), "payment_intent_id": "pi_dead"}
    add = """
      insert into public.outbox
        (id, kind, payload, dedupe_key, status, attempts, last_error, next_attempt_at, created_at)
      select
        md5('outbox:' || 'dead:' || n)::uuid, 'cancel_intent', %s, 'dead:' || n,
        case n when 4 then 'done' else 'dead' end::public.outbox_status, 10, 'STRIPE_REFUSED',
        now(), now() + n * interval '1 second'
      from generate_series(1, 4) as n
    """
    owner.execute(add, [Jsonb(payload)])
    query = "select id::text from public.outbox where status = 'dead' order by created_at desc"
    ids = [row_id for (row_id,) in owner.execute(query)]

    first = service.call("list_dead_outbox_rows", max_rows=2)
    second = service.call("list_dead_outbox_rows", max_rows=2, after_id=first[-1]["id"])

    assert ids == [one["id"] for one in first + second]
    assert ("cancel_intent", str(order_id), 10, "STRIPE_REFUSED") == (
        first[0]["kind"],
        first[0]["order_id"],
        first[0]["attempts"],
        first[0]["last_error"],
    )
    assert "pi_dead" not in json.dumps(first)


def test_tenth_failure_is_the_last(owner: Connection, order_id: UUID, service: Actor) -> None:
    """The tenth failure makes a row a dead letter with an alert (D10)."""
    queued(owner, order_id)
    answers = []
    for _ in range(10):
        [job] = claim(service)
        answers.append(service.call("fail_outbox", error_code="STRIPE_ERROR", **lease(job)))
        move_time(owner, "2 hours")

    assert ["queued"] * 9 + ["dead"] == [answer["status"] for answer in answers]
    assert ["outbox_row_dead"] == answers[-1]["alerts"]
    assert [] == claim(service)


def test_refused_cancellation_is_done_with(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """A cancellation that Stripe refuses is settled, because the intent has ended."""
    queued(owner, order_id)
    [job] = claim(service)

    answer = service.call("reject_outbox", error_code="STRIPE_REJECTED", **lease(job))

    assert {"stale": False, "status": "done", "alerts": []} == answer


def test_canceled_intent_is_taken_over(owner: Connection, order_id: UUID, service: Actor) -> None:
    """Our call's answer cancels the payment as the event does."""
    queued(owner, order_id)
    [job] = claim(service)

    service.call(
        "finish_outbox",
        stripe_object_id="pi_current",
        result='{"status": "canceled"}',
        **lease(job),
    )

    assert [("cancelled",)] == owner.execute("select status::text from public.payments").fetchall()
    assert "done" == row(owner)["status"]


def test_intent_that_was_paid_meanwhile_is_left_to_its_event(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """An answer that the intent was paid changes nothing; its event does."""
    queued(owner, order_id)
    [job] = claim(service)

    service.call(
        "finish_outbox",
        stripe_object_id="pi_current",
        result='{"status": "succeeded"}',
        **lease(job),
    )

    assert [("requires_payment",)] == owner.execute(
        "select status::text from public.payments"
    ).fetchall()


def test_settled_refund_is_not_sent(owner: Connection, order_id: UUID, service: Actor) -> None:
    """A refund that its event has settled is not sent again."""
    paid(owner, order_id)
    refund_requested(owner, order_id, 1_000)
    [job] = claim(service)
    report_refund(owner, "succeeded", 1_000, outbox_id=job["id"])

    assert {"may_send": False, "stale": True} == service.call("claim_send_permission", **lease(job))
    assert "done" == row(owner)["status"]


def test_row_for_a_refund_that_failed_is_canceled(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """The row of a refund that is not pending any more is canceled."""
    paid(owner, order_id)
    refund_requested(owner, order_id, 1_000)
    [job] = claim(service)
    owner.execute("update public.refunds set status = 'canceled'")

    answer = service.call("claim_send_permission", **lease(job))

    assert (False, False, "REFUND_IS_SETTLED") == (
        answer["may_send"],
        answer["stale"],
        answer["reason"],
    )
    assert "canceled" == row(owner)["status"]
    assert "paid" == order_row(owner, order_id)["state"]


def test_outbox_is_for_our_own_processes(
    alice: Actor, anonymous: Actor, moderator: Actor, service: Actor
) -> None:
    """No user reads the outbox; a worker reads the keys that wake it, and no payload."""
    for actor in (alice, anonymous, moderator):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.rows("select id from public.outbox")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call("claim_send_permission", outbox_id=uuid4(), lease_token=uuid4())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call("list_dead_outbox_rows")
    assert [] == service.rows("select id, status, next_attempt_at from public.outbox")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        service.rows("select payload from public.outbox")


UNANSWERED = ("STRIPE_UNREACHABLE", "STRIPE_RATE_LIMITED", "STRIPE_CONFLICT")


def failed(owner: Connection, service: Actor, error_code: str) -> dict[str, Any]:
    """Fail the due row, check that it waits until its next try, and move the time there."""
    [job] = claim(service)
    answer: dict[str, Any] = service.call("fail_outbox", error_code=error_code, **lease(job))
    query = "select next_attempt_at - private.clock() - interval '1 second' from public.outbox"
    [(pause,)] = owner.execute(query).fetchall()
    move_time(owner, str(pause))
    assert [] == claim(service)
    move_time(owner, "2 seconds")
    return answer | {"pause_s": pause.total_seconds() + 1}


def test_row_outlives_an_outage_of_stripe(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """The pause grows to an hour during an outage, and then the row is sent."""
    hold_clock(owner)
    queued(owner, order_id)

    answers = [failed(owner, service, UNANSWERED[number % 3]) for number in range(40)]

    assert {"queued"} == {answer["status"] for answer in answers}
    doubled = [5 * 2**number for number in range(10)]
    assert [*doubled, *[3600] * 30] == [answer["pause_s"] for answer in answers]
    [job] = claim(service)
    assert (0, 0) == (job["attempts"], job["answered_errors"])
    service.call("finish_outbox", stripe_object_id="pi_current", result="{}", **lease(job))
    assert "done" == row(owner)["status"]


def test_long_outage_of_stripe_is_one_alert(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """A row raises one alert per outage, when its pause reaches the cap."""
    hold_clock(owner)
    queued(owner, order_id)

    alerts = [failed(owner, service, "STRIPE_UNREACHABLE")["alerts"] for _ in range(14)]
    failed(owner, service, "STRIPE_ERROR")
    again = [failed(owner, service, "STRIPE_UNREACHABLE")["alerts"] for _ in range(11)]

    assert [[]] * 10 + [["outbox_row_unanswered"]] + [[]] * 3 == alerts
    assert [[]] * 10 + [["outbox_row_unanswered"]] == again


def test_outage_leaves_a_row_all_of_its_attempts(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """An outage spends no attempt of a row, because errors often follow it."""
    hold_clock(owner)
    queued(owner, order_id)
    for _ in range(20):
        failed(owner, service, "STRIPE_UNREACHABLE")

    answers = [failed(owner, service, "STRIPE_ERROR") for _ in range(9)]
    [job] = claim(service)
    last = service.call("fail_outbox", error_code="STRIPE_ERROR", **lease(job))

    assert ["queued"] * 9 == [answer["status"] for answer in answers]
    assert [5 * 2**number for number in range(9)] == [answer["pause_s"] for answer in answers]
    assert ("dead", ["outbox_row_dead"]) == (last["status"], last["alerts"])
