"""Disputes at the fake Stripe, whose events arrive over HTTP in any sequence, and our own."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.service.shop import AMOUNT, Order, Shop


pytestmark = pytest.mark.xdist_group("stack")


def closed(shop: Shop, dispute_id: str, status: str) -> None:
    shop.command("POST", f"/disputes/{dispute_id}/close", status=status)


def _win(shop: Shop, order: Order) -> None:
    closed(shop, shop.disputed(order), "won")


def _lose(shop: Shop, order: Order) -> None:
    closed(shop, shop.disputed(order), "lost")


def _lose_a_part(shop: Shop, order: Order) -> None:
    closed(shop, shop.disputed(order, amount=4_000), "lost")


def _ask(shop: Shop, order: Order) -> None:
    closed(shop, shop.disputed(order, status="warning_needs_response"), "warning_closed")


def _escalate_and_lose(shop: Shop, order: Order) -> None:
    dispute_id = shop.disputed(order, status="warning_needs_response")
    shop.command("POST", f"/disputes/{dispute_id}/escalate")
    closed(shop, dispute_id, "lost")


#: Each course of a dispute, with the end of a paid order: state, Stripe's status, withdrawn,
#: reinstated, and the amounts in the accounts.
COURSES: Mapping[str, tuple[Callable[[Shop, Order], None], tuple[Any, ...]]] = {
    "won": (_win, ("paid", "won", AMOUNT, AMOUNT, {"stripe_clearing": AMOUNT, "buyer": -AMOUNT})),
    "lost": (_lose, ("refunded", "lost", AMOUNT, 0, {})),
    "lost in part": (
        _lose_a_part,
        ("paid", "lost", 4_000, 0, {"stripe_clearing": 6_000, "buyer": -6_000}),
    ),
    "asked": (
        _ask,
        ("paid", "warning_closed", 0, 0, {"stripe_clearing": AMOUNT, "buyer": -AMOUNT}),
    ),
    "escalated": (_escalate_and_lose, ("refunded", "lost", AMOUNT, 0, {})),
}


def end_of(shop: Shop, order: Order) -> tuple[Any, ...]:
    """Return the end in the form of `COURSES`."""
    rows = shop.db.execute(
        """
        select o.state::text, d.stripe_status, d.withdrawn_cents, d.reinstated_cents
        from public.orders as o join public.disputes as d on d.order_id = o.id
        where o.id::text = %s
        """,
        [order.id],
    ).fetchall()
    balances = """
      select account::text, sum(amount_cents)::bigint from public.ledger_entries
      where order_id::text = %s group by account having sum(amount_cents) <> 0
    """
    [end] = rows or [()]
    return (*end, dict(shop.db.execute(balances, [order.id]).fetchall()))


def is_drifted(shop: Shop, order: Order) -> bool:
    query = "select exists (select from public.ledger_drift() where order_id::text = %s)"
    return bool(shop.value(query, order.id))


@pytest.fixture
def dropped(shop: Shop) -> Iterator[None]:
    """Drop Stripe's own deliveries; the test sends the events itself."""
    # Held deliveries would wait until a later test releases its own, and all of these with them.
    shop.command("PUT", "/delivery", mode="drop")
    yield
    shop.command("PUT", "/delivery", mode="normal")


def events_about(shop: Shop, order: Order) -> list[dict[str, Any]]:
    """Return the events about the payment and its dispute, oldest first."""
    types = ["payment_intent.succeeded", "charge.dispute.*"]
    found = [
        event.to_dict()
        for type_ in types
        for event in shop.stripe.v1.events.list({"type": type_, "limit": 100}).data
    ]
    return sorted(
        (
            event
            for event in found
            if order.intent_id
            in (event["data"]["object"].get("payment_intent"), event["data"]["object"]["id"])
        ),
        key=lambda event: event["created"],
    )


def sequences_of(events: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return a few sequences: as it was, backward, and with each event first."""
    turned = [events[n:] + events[:n] for n in range(1, len(events))]
    return [events, events[::-1], *turned]


@pytest.mark.usefixtures("dropped")
@pytest.mark.parametrize("course", COURSES)
def test_events_in_any_sequence_have_one_end(shop: Shop, course: str) -> None:
    """Duplicated events in any sequence have one result, even if a dispute precedes its payment."""
    act, expected = COURSES[course]
    for number in itertools.count():
        order = shop.awaiting()
        shop.pay(order)
        act(shop, order)
        sequences = sequences_of(events_about(shop, order))
        if number == len(sequences):
            break

        for event in [*sequences[number], *sequences[number]]:
            assert 200 == shop.post(event).status_code
        for event in sequences[number]:
            shop.wait_for(lambda event=event: shop.is_settled(event["id"]))

        assert expected == end_of(shop, order)
        assert not is_drifted(shop, order)


@pytest.mark.usefixtures("dropped")
@pytest.mark.parametrize("course", COURSES)
def test_events_at_once_have_one_end(shop: Shop, course: str) -> None:
    """All events and their duplicates arrive together."""
    act, expected = COURSES[course]
    order = shop.awaiting()
    shop.pay(order)
    act(shop, order)
    events = events_about(shop, order) * 4

    with ThreadPoolExecutor(len(events)) as pool:
        statuses = {answer.status_code for answer in pool.map(shop.post, events)}

    assert {200} == statuses
    for event in events:
        shop.wait_for(lambda event=event: shop.is_settled(event["id"]))
    assert expected == end_of(shop, order)
    assert not is_drifted(shop, order)


@pytest.mark.parametrize("mode", ["normal", "duplicate", "reorder"])
@pytest.mark.parametrize("status", ["won", "lost"])
def test_dispute_is_followed_as_it_goes(shop: Shop, *, mode: str, status: str) -> None:
    """A disputed order becomes refunded or gets its previous state back (case 18)."""
    order = shop.paid()
    shop.command("PUT", "/delivery", mode=mode)

    try:
        dispute_id = shop.disputed(order)
        shop.wait_for(lambda: shop.state(order) == "disputed")
        closed(shop, dispute_id, status)
        state = {"won": "paid", "lost": "refunded"}[status]
        shop.wait_for(lambda: shop.state(order) == state)
        shop.wait_for(lambda: end_of(shop, order) == COURSES[status][1])
    finally:
        shop.command("PUT", "/delivery", mode="normal")

    assert not is_drifted(shop, order)


def test_late_dispute_of_a_released_order_comes_back(shop: Shop) -> None:
    """A dispute after the release stops the order, and a won one leads back to released."""
    order = shop.paid()
    shop.moved(order, "shipped", "delivered", "released")

    dispute_id = shop.disputed(order)
    shop.wait_for(lambda: shop.state(order) == "disputed")
    closed(shop, dispute_id, "won")

    shop.wait_for(lambda: shop.state(order) == "released")
    assert not is_drifted(shop, order)


@pytest.mark.parametrize(
    ("decision", "cents", "state"),
    [("refund", None, "refunded"), ("partial", 2_500, "paid"), ("deny", None, "paid")],
)
def test_decision_of_staff_reaches_stripe(
    shop: Shop, *, decision: str, cents: int | None, state: str
) -> None:
    """The outbox sends the refund, and its result moves the order."""
    order = shop.paid()
    opened = shop.buyer.call(
        "open_dispute", order_id=order.id, dispute_type="wrong_item", reason="Another teapot",
        description=None,
    )  # fmt: skip
    staff = shop.person("judge", role="admin").with_second_factor()

    answer = staff.call(
        "resolve_dispute", dispute_id=opened["dispute_id"], decision=decision,
        note="Photos show it.", refund_cents=cents,
    )  # fmt: skip

    assert answer["success"], answer
    shop.wait_for(lambda: shop.state(order) == state)
    expected = {"refund": [AMOUNT], "partial": [2_500], "deny": []}[decision]
    assert expected == [refund["amount"] for refund in shop.refunds_of(order)]
    assert not is_drifted(shop, order)
