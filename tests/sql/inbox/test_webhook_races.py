"""Two processes apply one event or change one order at the same time."""

import threading
from collections.abc import Callable
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time
from tests.sql.paying import attached, balances, drift, order_row, stored, succeeded
from tests.support.database_copies import copy_database


@pytest.fixture
def declared_url(declared_url: str) -> str:
    """Give each test a database of its own, in which it may commit."""
    return copy_database(declared_url, "market_webhook_races")


def begin(*connections: Connection) -> None:
    """Commit, and begin a transaction for the next call."""
    for connection in connections:
        connection.commit()
        # A wait for a lock that never comes fails the test instead of blocking it.
        connection.execute("set statement_timeout = '10s'")


def while_waiting(owner: Connection, other: Connection, act: Callable[[], None]) -> None:
    """Start `act` on `other`, commit `owner` once it waits for a lock, and let it end."""
    pid = other.info.backend_pid
    thread = threading.Thread(target=act)
    thread.start()
    query = "select wait_event_type from pg_catalog.pg_stat_activity where pid = %s"
    with psycopg.connect(owner.info.dsn, autocommit=True) as watcher:
        while watcher.execute(query, [pid]).fetchone() != ("Lock",):
            assert thread.is_alive(), "it did not wait"
    owner.commit()
    thread.join(timeout=10)
    assert not thread.is_alive()


def test_twin_events_have_one_effect(owner: Connection, other: Connection, order_id: UUID) -> None:
    """Of two parallel events about one payment, the second waits and changes nothing."""
    attached(owner, order_id)
    events = [stored(owner, "payment_intent.succeeded") for _ in range(2)]
    owner.commit()
    outcomes = [succeeded(owner, order_id, event_id=events[0])["outcome"]]

    def act() -> None:
        outcomes.append(succeeded(other, order_id, event_id=events[1])["outcome"])
        other.commit()

    while_waiting(owner, other, act)

    assert ["processed", "order_already_processed"] == outcomes
    assert {"stripe_clearing": 10_000, "buyer": -10_000} == balances(owner, order_id)
    assert [] == drift(owner)


def test_same_event_twice_at_once_has_one_effect(
    owner: Connection, other: Connection, order_id: UUID
) -> None:
    """A concurrent duplicate waits for the event's row, and sees that it is settled."""
    attached(owner, order_id)
    event_id = stored(owner, "payment_intent.succeeded")
    owner.commit()
    outcomes = [succeeded(owner, order_id, event_id=event_id)["outcome"]]

    def act() -> None:
        outcomes.append(succeeded(other, order_id, event_id=event_id)["outcome"])
        other.commit()

    while_waiting(owner, other, act)

    assert ["processed", "already_processed"] == outcomes


def test_payment_and_expiry_at_once_lose_no_money(
    owner: Connection, other: Connection, order_id: UUID
) -> None:
    """A payment that waited for the expiry of its order is refunded."""
    attached(owner, order_id)
    move_time(owner, "49 hours")
    event_id = stored(owner, "payment_intent.succeeded")
    begin(owner)
    service = Actor(connection=owner, role="service_role")
    service.call(
        "transition_order",
        order_id=order_id,
        to_state="cancelled",
        actor_id=None,
        actor_kind="system",
        reason="unpaid",
    )
    alerts: list[str] = []

    def act() -> None:
        alerts.extend(succeeded(other, order_id, event_id=event_id)["alerts"])
        other.commit()

    while_waiting(owner, other, act)

    assert ["stray_payment:order_cancelled"] == alerts
    assert "cancelled" == order_row(owner, order_id)["state"]
    assert [] == drift(owner)


def test_expiry_leaves_alone_what_is_being_paid(
    owner: Connection, other: Connection, order_id: UUID
) -> None:
    """The expiry skips an order that another session has locked."""
    move_time(owner, "49 hours")
    begin(owner)
    other.execute("select from public.orders where id = %s for update", [order_id])

    service = Actor(connection=owner, role="service_role")
    assert 0 == service.call("expire_unpaid_orders")
    owner.commit()
    other.rollback()
    assert 1 == service.call("expire_unpaid_orders")
    owner.commit()


def test_two_workers_never_claim_one_row(
    owner: Connection,
    other: Connection,
) -> None:
    """Two parallel claims never return the same row, in the inbox and in the outbox."""
    for number in range(4):
        stored(owner, "charge.succeeded", event_id=f"evt_{number}", lease_token=uuid4())
        owner.execute(
            "select private.queue_outbox('cancel_intent', %s, %s)",
            [f'{{"payment_intent_id": "pi_{number}"}}', f"cancel_intent:pi_{number}"],
        )
    move_time(owner, "1 minute")
    begin(owner, other)
    workers = [Actor(connection=c, role="service_role") for c in (owner, other)]

    for function, key in (("claim_webhook_retries", "event_id"), ("claim_outbox", "id")):
        claims = [worker.call(function, max_rows=2, lease_s=60) for worker in workers]
        claimed = [row[key] for rows in claims for row in rows]
        assert (4, 4) == (len(claimed), len(set(claimed)))


def test_refund_event_and_answer_at_once_settle_once(
    owner: Connection, other: Connection, order_id: UUID
) -> None:
    """Of a refund's event and our worker's answer at once, one posts it."""
    attached(owner, order_id)
    succeeded(owner, order_id, amount_cents=5)
    service = Actor(connection=owner, role="service_role")
    [job] = service.call("claim_outbox", max_rows=10, lease_s=60)
    event_id = stored(owner, "refund.updated")
    begin(owner)
    service.call(
        "finish_outbox",
        outbox_id=job["id"],
        lease_token=job["lease_token"],
        stripe_object_id="re_1",
        result='{"status": "succeeded"}',
    )
    outcomes: list[str] = []

    def act() -> None:
        answer = Actor(connection=other, role="service_role").call(
            "apply_refund",
            event_id=event_id,
            stripe_refund_id="re_1",
            outbox_id=job["id"],
            payment_intent_id="pi_current",
            amount_cents=5,
            status="succeeded",
        )
        outcomes.append(answer["outcome"])
        other.commit()

    while_waiting(owner, other, act)

    assert ["order_already_processed"] == outcomes
    assert ({}, []) == (balances(owner, order_id), drift(owner))


def test_effect_does_not_wait_long_for_its_order(
    owner: Connection, other: Connection, order_id: UUID
) -> None:
    """The event is stored before the caller's time is used up, and the effect is tried again."""
    attached(owner, order_id)
    begin(owner, other)
    owner.execute("select from public.orders where id = %s for update", [order_id])

    answer = Actor(connection=other, role="service_role").call(
        "store_webhook_event",
        event_id="evt_1",
        source="stripe",
        type="payment_intent.canceled",
        livemode=False,
        created=1_790_000_000,
        order_ref=str(order_id),
        payment_intent_id="pi_current",
        object_id="pi_current",
        payload="{}",
        payload_sha256="aa",
        lease_token=uuid4(),
        api_version=None,
        effect="apply_payment_canceled",
        arguments=f'{{"order_id": "{order_id}", "payment_intent_id": "pi_current"}}',
    )
    other.commit()

    assert ("55P03", True) == (answer["effect_error"]["code"], answer["leased"])
    query = "select status::text from public.webhook_events"
    assert [("received",)] == owner.execute(query).fetchall()
    assert [("0",)] == other.execute("show lock_timeout").fetchall()


def test_worker_locks_the_order_before_its_row(
    owner: Connection, other: Connection, order_id: UUID
) -> None:
    """The holder of an order may need its outbox row, so a worker waits for the order first."""
    attached(owner, order_id)
    succeeded(owner, order_id, amount_cents=5)
    [job] = Actor(connection=owner, role="service_role").call(
        "claim_outbox", max_rows=10, lease_s=60
    )
    begin(owner)
    owner.execute("select from public.orders where id = %s for update", [order_id])
    answers: list[bool] = []

    def act() -> None:
        answer = Actor(connection=other, role="service_role").call(
            "claim_send_permission", outbox_id=job["id"], lease_token=job["lease_token"]
        )
        answers.append(answer["may_send"])
        other.commit()

    while_waiting(owner, other, act)

    assert [True] == answers
