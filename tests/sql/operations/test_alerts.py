"""Alerts reach a process at least once: each is kept until a process confirms it."""

from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time, set_setting
from tests.sql.paying import (
    attached,
    moved,
    order_row,
    outbox_rows,
    paid,
    refund_requested,
    stored,
    succeeded,
)


def claim(service: Actor) -> list[dict[str, Any]]:
    rows = service.call("claim_alerts", max_rows=10, lease_s=60)
    assert isinstance(rows, list)
    return rows


def claim_job(service: Actor) -> dict[str, Any]:
    [job] = service.call("claim_outbox", max_rows=10, lease_s=60)
    return {"outbox_id": job["id"], "lease_token": job["lease_token"]}


class World(NamedTuple):
    """The connection of the schema's owner, our own processes on it, and an order."""

    owner: Connection
    service: Actor
    order_id: UUID


class Case(NamedTuple):
    """A call that raises alerts about `subject`; the same call may be repeated."""

    subject: str
    alerts: list[str]
    call: Callable[[], Any]


@pytest.fixture
def world(owner: Connection, service: Actor, order_id: UUID) -> World:
    return World(owner, service, order_id)


def stray_event(world: World) -> Case:
    event_id = stored(world.owner, "payment_intent.succeeded", "pi_stray")
    return Case(
        event_id,
        ["stray_payment:intent_is_not_current"],
        lambda: succeeded(world.owner, world.order_id, "pi_stray", event_id=event_id),
    )


def unknown_order(world: World) -> Case:
    event_id = stored(world.owner, "payment_intent.succeeded")
    return Case(
        event_id,
        ["order_not_found"],
        lambda: succeeded(world.owner, uuid4(), event_id=event_id),
    )


def ignored_money(world: World) -> Case:
    event_id = stored(world.owner, "charge.dispute.created")
    arguments = {"event_id": event_id, "reason": "unhandled_type"}
    return Case(
        event_id,
        ["money_event_unhandled"],
        lambda: world.service.call("ignore_webhook_event", **arguments),
    )


def dead_event(world: World) -> Case:
    token = uuid4()
    event_id = stored(world.owner, "refund.updated", lease_token=token)
    set_setting(world.owner, "queue_max_attempts", "1")
    failure = {"event_id": event_id, "error_code": "X", "error_message": "", "lease_token": token}
    return Case(
        event_id,
        ["webhook_event_dead"],
        lambda: world.service.call("fail_webhook_event", **failure),
    )


def failed_refund(world: World) -> Case:
    paid(world.owner, world.order_id)
    refund_requested(world.owner, world.order_id, 1_000)
    result = claim_job(world.service) | {
        "stripe_object_id": "re_1",
        "result": '{"status": "failed"}',
    }
    return Case(
        result["outbox_id"],
        ["refund_failed"],
        lambda: world.service.call("finish_outbox", **result),
    )


def refused_refund(world: World) -> Case:
    paid(world.owner, world.order_id)
    refund_requested(world.owner, world.order_id, 1_000)
    refusal = claim_job(world.service) | {"error_code": "STRIPE_REFUSED"}
    return Case(
        refusal["outbox_id"],
        ["outbox_row_rejected", "refund_failed"],
        lambda: world.service.call("reject_outbox", **refusal),
    )


def dead_row(world: World) -> Case:
    attached(world.owner, world.order_id)
    moved(world.owner, world.order_id, "cancelled", "seller")
    set_setting(world.owner, "queue_max_attempts", "1")
    failure = claim_job(world.service) | {"error_code": "STRIPE_ERROR"}
    return Case(
        failure["outbox_id"],
        ["outbox_row_dead"],
        lambda: world.service.call("fail_outbox", **failure),
    )


def confirmed_stray(world: World) -> Case:
    attached(world.owner, world.order_id)
    payment = {
        "order_id": world.order_id,
        "payment_intent_id": "pi_stray",
        "charge_id": "ch_1",
        "amount_cents": 10_000,
        "currency": "aud",
        "user_id": order_row(world.owner, world.order_id)["buyer_id"],
    }
    return Case(
        "pi_stray",
        ["stray_payment:intent_is_not_current"],
        lambda: world.service.call("confirm_payment_transaction", **payment),
    )


CASES = [
    stray_event,
    unknown_order,
    ignored_money,
    dead_event,
    failed_refund,
    refused_refund,
    dead_row,
    confirmed_stray,
]


@pytest.mark.parametrize("case", CASES)
def test_alert_is_answered_until_it_is_confirmed(
    world: World, case: Callable[[World], Case]
) -> None:
    """A repeated call, whose first answer may be lost, answers the same alerts."""
    subject, alerts, call = case(world)

    for _ in range(3):
        assert alerts == call()["alerts"]

    assert len(alerts) == world.service.call("confirm_alerts", subject=subject, names=alerts)
    assert [] == call().get("alerts", [])
    assert 0 == world.service.call("confirm_alerts", subject=subject, names=alerts)


@pytest.mark.parametrize("case", CASES)
def test_alert_of_a_killed_process_is_claimed(world: World, case: Callable[[World], Case]) -> None:
    """A process that dies between the commit and its log line leaves the alert to a worker."""
    subject, alerts, call = case(world)
    call()
    assert [] == claim(world.service)
    move_time(world.owner, "11 seconds")

    assert [{"subject": subject, "name": name} for name in alerts] == claim(world.service)

    assert [] == claim(world.service)
    move_time(world.owner, "61 seconds")
    assert len(alerts) == len(claim(world.service))
    world.service.call("confirm_alerts", subject=subject, names=alerts)
    move_time(world.owner, "61 seconds")
    assert [] == claim(world.service)


def test_alert_is_undone_with_its_transaction(owner: Connection, order_id: UUID) -> None:
    """An alert is rolled back with the change that it is about."""
    with owner.transaction(force_rollback=True):
        assert succeeded(owner, order_id, "pi_stray")["alerts"]

    assert [] == owner.execute("select from private.open_alerts").fetchall()


def test_ordinary_work_keeps_no_alert(owner: Connection, order_id: UUID, service: Actor) -> None:
    """A fitting payment and a pending refund raise no alert."""
    paid(owner, order_id)
    refund_requested(owner, order_id, 1_000)
    service.call(
        "finish_outbox", **claim_job(service), stripe_object_id="re_1", result='{"status": "x"}'
    )

    assert 1 == len(outbox_rows(owner, "refund"))
    assert [] == owner.execute("select from private.open_alerts").fetchall()


def test_alerts_are_for_our_own_processes(alice: Actor, anonymous: Actor, moderator: Actor) -> None:
    """No user claims or confirms alerts."""
    for actor in (alice, anonymous, moderator):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call("claim_alerts", max_rows=1, lease_s=1)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call("confirm_alerts", subject="x", names=["x"])
