"""Deadlines meet payments, and each other, on other connections."""

from functools import partial
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time
from tests.sql.concurrency.crowd import OnOwnConnection, Waits, at_once, under_way
from tests.sql.paying import (
    AMOUNT,
    INTENT,
    attached,
    balances,
    brought_to,
    canceled,
    drift,
    order_row,
    ordered,
    outbox_rows,
    stored,
    succeeded,
)


@pytest.fixture
def overdue(owner: Connection, seller: Actor, alice: Actor) -> UUID:
    """Sell an item to Alice, who has begun to pay and missed the deadline."""
    order_id = ordered(seller, alice)
    assert attached(owner, order_id)["success"]
    move_time(owner, "49 hours")
    owner.commit()
    return order_id


def test_payment_that_waited_for_the_expiry_goes_back(
    owner: Connection,
    overdue: UUID,
    service: Actor,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
) -> None:
    """The order was cancelled first, so the money is a stray: refunded, and never lost."""
    canceled(owner, overdue)
    event_id = stored(owner, "payment_intent.succeeded", "pi_late")
    owner.commit()
    bank = on_own_connection(service)

    with psycopg.connect(owner.info.dsn, options="-c search_path=") as clock:
        expired = clock.execute("select public.expire_unpaid_orders()").fetchall()
        with under_way(
            partial(watcher, bank),
            partial(succeeded, bank.connection, overdue, "pi_late", event_id=event_id),
        ) as applied:
            clock.commit()

    assert ([(1,)], "processed") == (expired, applied.result()["outcome"])
    assert "cancelled" == order_row(owner, overdue)["state"]
    [refund] = outbox_rows(owner, "auto_refund")
    assert ("pi_late", AMOUNT) == (
        refund["payload"]["payment_intent_id"],
        refund["payload"]["amount_cents"],
    )
    assert {"stripe_clearing": AMOUNT, "refunds": -AMOUNT} == balances(owner, overdue)
    assert [] == drift(owner)


def test_expiry_passes_an_order_that_is_being_paid(
    owner: Connection, overdue: UUID, service: Actor, on_own_connection: OnOwnConnection
) -> None:
    """The expiry skips a locked order, so it cancels no payment."""
    clock = on_own_connection(service)

    with psycopg.connect(owner.info.dsn) as bank:
        assert "processed" == succeeded(bank, overdue)["outcome"]
        assert 0 == clock.call("expire_unpaid_orders")
        bank.commit()

    assert 0 == clock.call("expire_unpaid_orders")
    assert "paid" == order_row(owner, overdue)["state"]
    assert [] == outbox_rows(owner, "cancel_intent")
    assert [] == drift(owner)


def test_two_reconcilers_release_once(
    owner: Connection,
    seller: Actor,
    alice: Actor,
    service: Actor,
    on_own_connection: OnOwnConnection,
) -> None:
    """Four runs at once release an order whose buyer is silent, and queue one transfer."""
    order_id = ordered(seller, alice)
    brought_to(owner, order_id, "delivered")
    move_time(owner, "4 days")
    owner.commit()
    workers = [on_own_connection(service) for _ in range(4)]

    counts = at_once([partial(worker.call, "settle_due_orders") for worker in workers])

    assert 1 == sum(counts)
    assert "released" == order_row(owner, order_id)["state"]
    assert 1 == len(outbox_rows(owner, "transfer"))
    assert [] == drift(owner)


def test_overdue_handover_is_refunded_once(
    owner: Connection,
    seller: Actor,
    alice: Actor,
    service: Actor,
    on_own_connection: OnOwnConnection,
) -> None:
    """Four runs at once reserve one refund."""
    order_id = ordered(seller, alice)
    brought_to(owner, order_id, "paid")
    move_time(owner, "15 days")
    owner.commit()
    workers = [on_own_connection(service) for _ in range(4)]

    counts = at_once([partial(worker.call, "settle_due_orders") for worker in workers])

    assert 1 == sum(counts)
    [refund] = outbox_rows(owner, "refund")
    assert (INTENT, AMOUNT) == (
        refund["payload"]["payment_intent_id"],
        refund["payload"]["amount_cents"],
    )
    assert [] == drift(owner)
