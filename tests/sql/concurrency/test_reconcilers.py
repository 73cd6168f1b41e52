"""Several reconcilers meet each other and payments on other connections."""

from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time
from tests.sql.concurrency.crowd import OnOwnConnection, Prepare, at_once
from tests.sql.paying import (
    AMOUNT,
    INTENT,
    attached,
    balances,
    drift,
    order_row,
    ordered,
    outbox_rows,
    stored,
    succeeded,
)


CROWD = 4


def strikes(owner: Connection, order_id: UUID) -> int:
    query = "select count(*) from public.user_strikes where order_id = %s"
    [(count,)] = owner.execute(query, [order_id]).fetchall()
    return int(count)


def test_overdue_order_expires_once(owner: Connection, order_id: UUID, rpc: Prepare) -> None:
    """Workers and pg_cron expire an order once, with one strike (case 9)."""
    move_time(owner, "49 hours")
    owner.commit()

    counts = at_once([rpc("expire_unpaid_orders") for _ in range(CROWD)])

    assert 1 == sum(counts)
    assert "cancelled" == order_row(owner, order_id)["state"]
    assert 1 == strikes(owner, order_id)


@pytest.mark.parametrize("has_intent", [True, False])
def test_payment_at_the_deadline_pays_or_goes_back(
    owner: Connection,
    order_id: UUID,
    service: Actor,
    on_own_connection: OnOwnConnection,
    rpc: Prepare,
    *,
    has_intent: bool,
) -> None:
    """A payment at the deadline pays the order or is refunded (case 9)."""
    if has_intent:
        attached(owner, order_id)
    move_time(owner, "49 hours")
    event_id = stored(owner, "payment_intent.succeeded")
    owner.commit()
    inbox = on_own_connection(service).connection

    at_once(
        [
            *(rpc("expire_unpaid_orders") for _ in range(CROWD)),
            lambda: succeeded(inbox, order_id, event_id=event_id),
        ]
    )
    # Each of them may have skipped the order while the payment held its lock.
    service.call("expire_unpaid_orders")

    assert ("paid" if has_intent else "cancelled") == order_row(owner, order_id)["state"]
    assert (0 if has_intent else 1) == len(outbox_rows(owner, "auto_refund"))
    assert AMOUNT == balances(owner, order_id)["stripe_clearing"]
    assert [] == drift(owner)


def test_open_object_is_claimed_by_one_worker(
    owner: Connection, seller: Actor, alice: Actor, rpc: Prepare
) -> None:
    """One worker claims each open object, so Stripe is read once about it."""
    names = {f"pi_{number}" for number in range(6)}
    for name in sorted(names):
        attached(owner, ordered(seller, alice), name)
    move_time(owner, "11 minutes")
    owner.commit()

    answers = at_once([rpc("claim_open_intents") for _ in range(CROWD)])

    claimed = [row["payment_intent_id"] for answer in answers for row in answer]
    assert sorted(names) == sorted(claimed)


def test_readings_of_one_intent_are_booked_once(
    owner: Connection,
    order_id: UUID,
    alice: Actor,
    service: Actor,
    on_own_connection: OnOwnConnection,
    rpc: Prepare,
) -> None:
    """Two workers read the intent again while its event arrives."""
    attached(owner, order_id)
    event_id = stored(owner, "payment_intent.succeeded")
    owner.commit()
    inbox = on_own_connection(service).connection
    reading = {
        "order_id": order_id,
        "payment_intent_id": INTENT,
        "status": "succeeded",
        "charge_id": f"ch_{INTENT}",
        "amount_cents": AMOUNT,
        "currency": "aud",
        "buyer_id": str(alice.id),
    }

    answers = at_once(
        [
            *(rpc("record_intent", **reading) for _ in range(CROWD)),
            lambda: succeeded(inbox, order_id, event_id=event_id),
        ]
    )

    assert 1 == [answer["outcome"] for answer in answers].count("processed")
    assert {"stripe_clearing": AMOUNT, "buyer": -AMOUNT} == balances(owner, order_id)
    assert [] == drift(owner)


def test_difference_raises_one_alert(
    owner: Connection, order_id: UUID, service: Actor, rpc: Prepare
) -> None:
    """Several checks at once see the same difference.

    A check may begin before another one commits, and then looks at the same order once more.
    """
    attached(owner, order_id)
    succeeded(owner, order_id)
    position = {"list": "balance_transactions", "until": 4_000_000_000}
    service.call("advance_reading", **position)
    service.call("check_orders")
    move_time(owner, "11 minutes")
    owner.commit()

    answers = at_once([rpc("check_orders") for _ in range(CROWD)])

    assert 1 == sum(len(answer["alerts"]) for answer in answers)


def test_two_fleets_record_the_figures_once(owner: Connection, rpc: Prepare) -> None:
    """The second worker waits for the first one, and finds its rows new."""
    owner.commit()

    counts = at_once([rpc("record_gauges") for _ in range(CROWD)])

    [count] = [count for count in counts if count]
    rows = owner.execute("select count(*), count(distinct recorded_at) from public.metrics")
    assert [(count, 1)] == rows.fetchall()
