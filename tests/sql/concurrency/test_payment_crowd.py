"""Events and confirmations of one payment at the same time."""

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.concurrency.crowd import OnOwnConnection, at_once
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


@pytest.fixture
def order_id(owner: Connection, seller: Actor, alice: Actor) -> UUID:
    """Sell an item to Alice, who is about to pay."""
    order_id = ordered(seller, alice)
    assert attached(owner, order_id)["success"]
    return order_id


def test_payment_is_captured_once(
    owner: Connection,
    order_id: UUID,
    alice: Actor,
    service: Actor,
    on_own_connection: OnOwnConnection,
) -> None:
    """Two events, one sent four times, and three confirmations at once make one capture."""
    events = [stored(owner, "payment_intent.succeeded") for _ in range(2)]
    owner.commit()

    def tell(event_id: str) -> Callable[[], Any]:
        connection = on_own_connection(service).connection
        return lambda: succeeded(connection, order_id, event_id=event_id)["outcome"]

    def confirm() -> Callable[[], Any]:
        browser = on_own_connection(service)
        return lambda: browser.call(
            "confirm_payment_transaction",
            order_id=order_id,
            payment_intent_id=INTENT,
            charge_id=f"ch_{INTENT}",
            amount_cents=AMOUNT,
            currency="aud",
            user_id=alice.id,
        )["success"]

    tellers = [tell(event_id) for event_id in [events[0]] * 4 + [events[1]]]
    answers = at_once([*tellers, *(confirm() for _ in range(3))])

    assert 3 == sum(answer is True for answer in answers)
    outcomes = Counter(answer for answer in answers if isinstance(answer, str))
    assert 3 == outcomes["already_processed"]
    assert 2 == outcomes["processed"] + outcomes["order_already_processed"]
    assert 1 >= outcomes["processed"]
    assert "paid" == order_row(owner, order_id)["state"]
    assert {"stripe_clearing": AMOUNT, "buyer": -AMOUNT} == balances(owner, order_id)
    query = "select count(*) from public.ledger_entries where entry_type = 'CAPTURE'"
    assert [(2,)] == owner.execute(query).fetchall()
    assert [(1,)] == owner.execute("select count(*) from public.payments").fetchall()
    assert [] == drift(owner)


def test_second_intent_goes_back_in_either_order(
    owner: Connection, order_id: UUID, service: Actor, on_own_connection: OnOwnConnection
) -> None:
    """Of two intents that succeed at once, the current one pays, and the other is refunded."""
    stray = "pi_stray"
    events = {
        intent: stored(owner, "payment_intent.succeeded", intent) for intent in (INTENT, stray)
    }
    owner.commit()

    def tell(intent: str) -> Callable[[], Any]:
        connection = on_own_connection(service).connection
        event_id = events[intent]
        return lambda: succeeded(connection, order_id, intent, event_id=event_id)

    at_once([tell(intent) for intent in events])

    order = order_row(owner, order_id)
    assert ("paid", INTENT) == (order["state"], order["stripe_payment_intent_id"])
    [refund] = outbox_rows(owner, "auto_refund")
    assert (stray, AMOUNT) == (
        refund["payload"]["payment_intent_id"],
        refund["payload"]["amount_cents"],
    )
    assert [] == drift(owner)
