"""`check_orders`: order, ledger and Stripe's balance transactions agree to the cent."""

import json
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import hold_clock, move_time
from tests.sql.paying import (
    AMOUNT,
    INTENT,
    attached,
    ordered,
    outbox_rows,
    paid,
    refund_requested,
    report_refund,
    succeeded,
)


def moved_at_stripe(service: Actor, amount: int, source: str = "ch_1", **changes: Any) -> int:
    """Record movements of a source at Stripe; return the number of new ones."""
    movement = {
        "id": f"txn_{source}_{amount}",
        "source_id": source,
        "kind": {"ch": "charge", "re": "refund", "tr": "transfer"}[source[:2]],
        "amount_cents": amount,
        "currency": "aud",
        "payment_intent_id": INTENT,
        "transfer_id": None,
        "order_ref": None,
        "created": 1_790_000_000,
    }
    transactions = json.dumps([movement | changes])
    return int(service.call("record_balance_transactions", transactions=transactions))


def checked(service: Actor) -> dict[str, list[str]]:
    """Check all orders after Stripe's list was read; return the alerts of each."""
    window = service.call("reading_window", list="balance_transactions", span_s=10**8, delay_s=10)
    service.call("advance_reading", list="balance_transactions", until=window["until"])
    answer = service.call("check_orders")
    return {one["order_id"]: one["alerts"] for one in answer["alerts"]}


def is_blocked(owner: Connection, order_id: UUID) -> bool:
    [(answer,)] = owner.execute("select private.has_difference(%s)", [order_id]).fetchall()
    return bool(answer)


def difference(owner: Connection, order_id: UUID) -> int:
    [(cents,)] = owner.execute(
        "select cents from private.stripe_differences(array[%s::uuid])", [order_id]
    ).fetchall()
    return int(cents)


def test_order_that_agrees_is_left_alone(owner: Connection, order_id: UUID, service: Actor) -> None:
    """An order whose ledger equals Stripe's movements raises nothing."""
    paid(owner, order_id)
    assert 1 == moved_at_stripe(service, AMOUNT)

    assert {} == checked(service)
    move_time(owner, "11 minutes")
    assert {} == checked(service)

    assert not is_blocked(owner, order_id)


@pytest.mark.parametrize("cents", [-1, 1, 500])
def test_difference_that_lasts_blocks_until_it_heals(
    owner: Connection, order_id: UUID, service: Actor, cents: int
) -> None:
    """A lasting difference of a cent raises one alert, and blocks the order until it ends."""
    paid(owner, order_id)
    moved_at_stripe(service, AMOUNT + cents)

    assert {} == checked(service)
    move_time(owner, "9 minutes")
    assert {} == checked(service)
    assert not is_blocked(owner, order_id)
    move_time(owner, "2 minutes")
    assert {str(order_id): ["order_unlike_stripe"]} == checked(service)
    assert is_blocked(owner, order_id)
    assert 1 == service.call("read_gauges")["orders_unlike_stripe"]
    move_time(owner, "1 minute")
    assert {} == checked(service)
    assert is_blocked(owner, order_id)

    moved_at_stripe(service, -cents, "re_1")
    move_time(owner, "1 minute")
    assert {} == checked(service)

    assert not is_blocked(owner, order_id)
    assert 0 == service.call("read_gauges")["orders_unlike_stripe"]


def test_two_short_differences_block_nothing(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """Two short differences block nothing, because a movement and its event arrive apart."""
    paid(owner, order_id)
    checked(service)
    moved_at_stripe(service, AMOUNT)
    move_time(owner, "5 minutes")
    checked(service)
    moved_at_stripe(service, -100, "re_1")
    move_time(owner, "6 minutes")

    assert {} == checked(service)

    assert not is_blocked(owner, order_id)


def test_nothing_is_compared_while_stripe_is_away(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """Orders are not compared before Stripe's list was read."""
    checked(service)
    move_time(owner, "6 minutes")
    paid(owner, order_id)

    for _ in range(3):
        assert [] == service.call("check_orders")["alerts"]
        move_time(owner, "11 minutes")

    assert not is_blocked(owner, order_id)


def test_movement_without_a_payment_finds_its_order(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """A movement without a payment is matched by the charge's metadata."""
    moved_at_stripe(service, AMOUNT, payment_intent_id="pi_lost", order_ref=str(order_id))

    assert AMOUNT == difference(owner, order_id)


def test_movement_that_comes_first_is_matched_later(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """A movement that precedes its payment is matched later."""
    moved_at_stripe(service, AMOUNT)
    paid(owner, order_id)
    assert -AMOUNT == difference(owner, order_id)

    assert 0 == moved_at_stripe(service, AMOUNT)

    assert 0 == difference(owner, order_id)


def test_movement_counts_once(owner: Connection, order_id: UUID, service: Actor) -> None:
    """A movement that is read twice counts once."""
    paid(owner, order_id)

    assert [1, 0, 0] == [moved_at_stripe(service, AMOUNT) for _ in range(3)]

    assert 0 == difference(owner, order_id)


@pytest.mark.parametrize("booked", [1_000, 0])
def test_pending_refund_is_no_difference(
    owner: Connection, order_id: UUID, service: Actor, booked: int
) -> None:
    """A pending refund is no difference: Stripe books it at its request, the ledger at success."""
    paid(owner, order_id)
    moved_at_stripe(service, AMOUNT)
    refund_requested(owner, order_id, 1_000)
    [job] = outbox_rows(owner, "refund")
    report_refund(owner, "pending", 1_000, outbox_id=job["id"])
    if booked:
        moved_at_stripe(service, -booked, "re_1")
    assert 0 == difference(owner, order_id)

    report_refund(owner, "succeeded", 1_000, outbox_id=job["id"])

    assert 1_000 - booked == difference(owner, order_id)


def test_stray_in_another_currency_is_left_out(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """A stray payment in another currency is not compared, because its rate is unknown."""
    attached(owner, order_id)
    answer = succeeded(owner, order_id, "pi_usd", currency="usd")
    assert ["stray_payment:intent_is_not_current"] == answer["alerts"]

    moved_at_stripe(service, 15_123, payment_intent_id="pi_usd")

    assert 0 == difference(owner, order_id)


def test_drift_raises_its_alert_once(owner: Connection, order_id: UUID, service: Actor) -> None:
    """An order's drift raises one alert, and counts until it ends."""
    hold_clock(owner)
    paid(owner, order_id)
    moved_at_stripe(service, AMOUNT)
    assert {} == checked(service)
    owner.execute("update public.payments set fee_cents = fee_cents + 1")

    assert {str(order_id): ["ledger_drifted"]} == checked(service)
    move_time(owner, "1 minute")
    assert {} == checked(service)
    assert 1 == service.call("read_gauges")["ledger_drift_orders"]

    owner.execute("update public.payments set fee_cents = fee_cents - 1")
    move_time(owner, "1 minute")
    assert {} == checked(service)
    assert 0 == service.call("read_gauges")["ledger_drift_orders"]


def test_orders_get_their_turn(
    owner: Connection, service: Actor, seller: Actor, alice: Actor
) -> None:
    """Orders with moved money come first; each other one once an hour, in batches."""
    # The rows of the ledger have the time of the transaction.
    owner.execute("update private.test_clock set ahead_by = now() - clock_timestamp()")
    hold_clock(owner)
    orders = [ordered(seller, alice) for _ in range(3)]
    assert 0 == service.call("check_orders")["count"]
    paid(owner, orders[2])
    assert 1 == service.call("check_orders", max_rows=1)["count"]
    query = "select order_id from private.order_checks order by checked_at desc limit 1"
    assert [(orders[2],)] == owner.execute(query).fetchall()
    move_time(owner, "61 minutes")

    assert [2, 1, 0] == [service.call("check_orders", max_rows=2)["count"] for _ in range(3)]


def claimed(service: Actor) -> list[tuple[str, str]]:
    rows = service.call("claim_differing_intents")
    return sorted((row["payment_intent_id"], row["order_id"]) for row in rows)


def test_intents_of_an_order_that_differs_are_read_again(
    owner: Connection, order_id: UUID, service: Actor, seller: Actor, alice: Actor
) -> None:
    """Known intents and those that Stripe names are read again, each every ten minutes."""
    paid(owner, order_id)
    other_id = ordered(seller, alice)
    attached(owner, other_id, "pi_other")
    succeeded(owner, other_id, "pi_other")
    moved_at_stripe(service, AMOUNT, "ch_2", payment_intent_id="pi_other")
    moved_at_stripe(service, AMOUNT, payment_intent_id="pi_lost", order_ref=str(order_id))
    moved_at_stripe(service, 7)
    assert [] == claimed(service)
    checked(service)

    assert [(INTENT, str(order_id)), ("pi_lost", str(order_id))] == claimed(service)

    assert [] == claimed(service)
    assert [[str(order_id)], []] == [service.call("claim_differing_orders") for _ in range(2)]
    move_time(owner, "11 minutes")
    assert 2 == len(claimed(service))
    assert [str(order_id)] == service.call("claim_differing_orders")
