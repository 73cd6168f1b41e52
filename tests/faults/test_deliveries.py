"""Webhooks as Stripe may deliver them: twice, ten at once, out of order, late, or corrupted."""

import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
import stripe

from tests.faults.fleet import Fleet
from tests.faults.locks import locked, waiting_count
from tests.integration.service.shop import AMOUNT, Order, Shop, answers_of


pytestmark = [pytest.mark.xdist_group("deliveries"), pytest.mark.usefixtures("fleet")]


@pytest.fixture
def delivering(shop: Shop) -> Callable[..., None]:
    """Give a function that sets the delivery mode."""

    def chosen(mode: str, *event_types: str, **more: Any) -> None:
        shop.command("PUT", "/delivery", mode=mode, event_types=event_types or ["*"], **more)

    return chosen


def declined(shop: Shop, order: Order) -> None:
    with pytest.raises(stripe.CardError):
        shop.pay(order, "pm_card_visa_chargeDeclined")


def test_ten_deliveries_at_once_take_effect_once(shop: Shop) -> None:
    """All deliveries are accepted, and one answer reports the effect (case 14)."""
    order = shop.awaiting(f"pi_{uuid.uuid4().hex}")
    event = shop.event(order.paid_intent())

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: shop.post(event), range(10)))

    assert [200] * 10 == [answer.status_code for answer in answers]
    bodies = [answer.json() for answer in answers]
    assert [False] + [True] * 9 == sorted(body["idempotent"] for body in bodies)
    assert all(body["processed"] for body in bodies)
    shop.check_books()


def test_deliveries_that_wait_for_one_another_see_what_was_done(
    shop: Shop, superuser: psycopg.Connection
) -> None:
    """Deliveries that arrive while the first is applied wait for it, and apply nothing.

    The service may give up its wait, and then Stripe would send the event again. The call in
    the database goes on.
    """
    order = shop.awaiting(f"pi_{uuid.uuid4().hex}")
    event = shop.event(order.paid_intent())

    with ThreadPoolExecutor(10) as pool:
        with locked(shop, [order]):
            posts = [pool.submit(shop.post, event) for _ in range(10)]
            shop.wait_for(lambda: waiting_count(superuser) >= 4)
        answers = [post.result() for post in posts]

    answers_by_status = Counter(
        answer.json().get("status") or answer.json()["code"] for answer in answers
    )
    assert answers_by_status["processed"] <= 1
    assert answers_by_status.keys() <= {
        "processed",
        "already_processed",
        "retrying",
        "DATABASE_UNREACHABLE",
    }
    shop.wait_for(lambda: shop.is_settled(event["id"]))
    assert "processed" == shop.event_row(event["id"])["outcome"]
    shop.check_books()


def test_three_deliveries_of_one_event_are_told_apart(shop: Shop) -> None:
    """The first of three deliveries is not idempotent, and the later ones are (case 14)."""
    order = shop.awaiting(f"pi_{uuid.uuid4().hex}")
    event = shop.event(order.paid_intent())

    bodies = [shop.post(event).json() for _ in range(3)]

    assert [False, True, True] == [body["idempotent"] for body in bodies]
    assert ["processed", "already_processed", "already_processed"] == [
        body["status"] for body in bodies
    ]
    shop.check_books()


def test_two_events_of_one_success_pay_once(shop: Shop) -> None:
    """Two events with different ids about one payment arrive at once, and one has the effect."""
    order = shop.awaiting(f"pi_{uuid.uuid4().hex}")
    events = [shop.event(order.paid_intent()) for _ in range(6)]

    with ThreadPoolExecutor(6) as pool:
        bodies = [answer.json() for answer in pool.map(shop.post, events)]

    assert ["order_already_processed"] * 5 + ["processed"] == sorted(
        body["status"] for body in bodies
    )
    shop.check_books()


def test_duplicate_delivery_changes_nothing(shop: Shop, delivering: Callable[..., None]) -> None:
    """Stripe sends each event twice, side by side."""
    order = shop.awaiting()
    delivering("duplicate")

    shop.pay(order)

    deliveries = shop.deliveries(
        count=2,
        object_id=order.intent_id,
        event_type="payment_intent.succeeded",
        state="delivered",
    )
    bodies = [body for delivery in deliveries for body in answers_of(delivery)]
    assert [False, True] == sorted(body["idempotent"] for body in bodies)
    assert "paid" == shop.state(order)
    shop.check_books()


@pytest.mark.parametrize("first", ["newest_first", "oldest_first"])
def test_decline_and_success_in_any_order_end_paid(
    shop: Shop, delivering: Callable[..., None], first: str
) -> None:
    """A decline that arrives after the success does not undo the payment (case 16)."""
    order = shop.awaiting()
    delivering("hold")
    declined(shop, order)
    shop.pay(order)

    shop.command("POST", "/deliveries/release", order=first)

    assert "paid" == shop.state(order)
    outcomes = shop.db.execute(
        "select type, outcome from public.webhook_events where payment_intent_id = %s",
        [order.intent_id],
    ).fetchall()
    assert ("payment_intent.succeeded", "processed") in outcomes
    assert 2 == len(outcomes)
    shop.check_books()


def test_refund_that_is_told_before_its_payment_ends_the_same(
    shop: Shop, delivering: Callable[..., None]
) -> None:
    """Events that arrive in reverse order wait for the event that they depend on."""
    order = shop.awaiting()
    delivering("hold")
    shop.pay(order)
    shop.stripe.v1.refunds.create({"payment_intent": order.intent_id, "amount": AMOUNT})

    shop.command("POST", "/deliveries/release", order="newest_first")

    shop.wait_for(lambda: shop.state(order) == "refunded")
    shop.wait_for(
        lambda: (
            shop.value(
                "select count(*) from public.webhook_events"
                " where payment_intent_id = %s and processed_at is null",
                order.intent_id,
            )
            == 0
        )
    )
    assert [AMOUNT] == [
        amount
        for (amount,) in shop.db.execute(
            "select amount_cents from public.refunds where order_id = %s and status = 'succeeded'",
            [order.id],
        )
    ]
    shop.check_books()


def test_event_damaged_on_its_way_is_sent_again(
    shop: Shop, delivering: Callable[..., None]
) -> None:
    """An event whose signature does not fit is refused and not stored, so Stripe sends it again."""
    order = shop.awaiting()
    delivering("corrupt")
    shop.pay(order)
    [damaged] = shop.deliveries(object_id=order.intent_id, event_type="payment_intent.succeeded")
    shop.wait_for(lambda: bool(attempts_of(shop, order)))
    assert {400} == {one["status"] for one in attempts_of(shop, order)}
    assert "pending_payment" == shop.state(order)

    delivering("normal")
    shop.command("POST", f"/events/{damaged['event_id']}/redeliver")

    shop.wait_for(lambda: shop.state(order) == "paid")
    shop.check_books()


def attempts_of(shop: Shop, order: Order) -> list[dict[str, Any]]:
    deliveries = shop.deliveries(object_id=order.intent_id)
    return [attempt for delivery in deliveries for attempt in delivery["attempts"]]


def test_event_that_tells_of_an_answer_to_come_is_taken(
    shop: Shop, delivering: Callable[..., None]
) -> None:
    """Stripe's event may arrive before the browser has the answer to its confirmation."""
    order = shop.awaiting()
    delivering("before_answer")

    shop.pay(order)

    assert "paid" == shop.state(order)
    shop.check_books()


def test_effect_that_is_denied_for_a_while_takes_place_once(shop: Shop, fleet: Fleet) -> None:
    """A stored event whose effect fails is retried until the missing grant is back (case 15)."""
    order = shop.awaiting(f"pi_{uuid.uuid4().hex}")
    event = shop.event(order.paid_intent())
    shop.db.execute("revoke execute on function public.apply_payment_succeeded from service_role")
    try:
        answer = shop.post(event)
        shop.wait_for(lambda: shop.event_row(event["id"])["attempts"] >= 2)
    finally:
        shop.db.execute("grant execute on function public.apply_payment_succeeded to service_role")

    assert (200, "retrying", False) == (
        answer.status_code,
        answer.json()["status"],
        answer.json()["processed"],
    )
    shop.wait_for(lambda: shop.state(order) == "paid")
    assert ("processed", "processed", None) == (
        shop.event_row(event["id"])["status"],
        shop.event_row(event["id"])["outcome"],
        shop.event_row(event["id"])["error_message"],
    )
    assert fleet.process.poll() is None
    shop.check_books()


@pytest.fixture
def _four_tries(shop: Shop) -> Iterator[None]:
    with shop.setting("queue_max_attempts", 4):
        yield


@pytest.mark.usefixtures("_four_tries")
def test_poison_event_dies_by_its_own_tries_and_holds_nobody_up(shop: Shop, fleet: Fleet) -> None:
    """Two unreadable events end as dead letters, and the events behind them take effect.

    Case 15, D10: each dead letter raises an alert.
    """
    orders = [shop.awaiting(f"pi_{uuid.uuid4().hex}") for _ in range(8)]
    unreadable = [shop.awaiting(f"pi_{uuid.uuid4().hex}") for _ in range(2)]
    damaged = shop.event(unreadable[0].paid_intent(amount_received="a lot"))
    partial = shop.event(without(unreadable[1].paid_intent(), "currency"))
    poison = [damaged["id"], partial["id"]]

    answers = [shop.post(event) for event in (damaged, partial)]
    for order in orders:
        shop.keep(shop.event(order.paid_intent()))
    shop.wait_for(lambda: {shop.event_row(id_)["status"] for id_ in poison} == {"dead"})

    assert [(200, "retrying")] * 2 == [(one.status_code, one.json()["status"]) for one in answers]
    assert [4, 4] == [shop.event_row(id_)["attempts"] for id_ in poison]
    assert {"PAYLOAD_UNREADABLE"} == {shop.event_row(id_)["error_code"] for id_ in poison}
    shop.wait_for(lambda: shop.count_paid(orders) == 8)
    assert ["pending_payment"] * 2 == [shop.state(order) for order in unreadable]
    shop.wait_for(lambda: set(poison) <= events_alerted(fleet, "webhook_event_dead"))
    assert fleet.process.poll() is None
    shop.check_books(dead_events=poison)
    for id_ in poison:
        assert shop.service.call("requeue_webhook_event", event_id=id_)["success"]
        shop.service.call("ignore_webhook_event", event_id=id_, reason="poison")
    shop.check_books()


def without(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != key}


def events_alerted(fleet: Fleet, alert: str) -> set[str]:
    """Return the events for which a worker has raised an alert."""
    lines = [json.loads(line) for line in fleet.log().splitlines() if '"alert_raised"' in line]
    return {line["event_id"] for line in lines if line["alert"] == alert}
