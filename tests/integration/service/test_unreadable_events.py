"""Signed events whose objects lack a field, or have it in another form than Stripe documents."""

import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from tests.integration.service.shop import AMOUNT, Order, Shop


pytestmark = pytest.mark.xdist_group("stack")

MISSING = object()
NO_IDS: tuple[Any, ...] = (MISSING, None, "", 7, True, {}, ["pi_1"], "p" * 256, "p" * 20_000)
NO_AMOUNTS: tuple[Any, ...] = (
    MISSING,
    None,
    "a lot",
    "10000",
    0,
    -1,
    1.5,
    True,
    10**12,
    10**30,
    {},
    [],
)
NO_CURRENCIES: tuple[Any, ...] = (MISSING, None, "", "AUD", "au", "audx", 7, {})
NO_ERRORS: tuple[Any, ...] = (
    MISSING,
    None,
    [],
    "declined",
    7,
    {"code": 7},
    {"charge": "c" * 256, "decline_code": "d" * 20_000},
)
UNREADABLE: list[tuple[str, str, Any]] = [
    *(("payment_intent.succeeded", "id", value) for value in NO_IDS),
    *(("payment_intent.succeeded", "amount_received", value) for value in NO_AMOUNTS),
    *(("payment_intent.succeeded", "currency", value) for value in NO_CURRENCIES),
    *(("payment_intent.payment_failed", "id", value) for value in NO_IDS),
    *(("payment_intent.canceled", "id", value) for value in NO_IDS),
]
INTENT_TYPES = (
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
)
REFUND_TYPES = ("refund.created", "refund.updated", "refund.failed", "charge.refund.updated")


@pytest.fixture(scope="module")
def order(shop: Shop) -> Order:
    return shop.awaiting()


def changed(data: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    rest = {name: kept for name, kept in data.items() if name != key}
    return rest if value is MISSING else rest | {key: value}


def check_waits_unread(shop: Shop, event: Mapping[str, Any]) -> None:
    """Check that the event waits for its next try under the code, then take it away."""
    answer = shop.post(event)

    row = shop.event_row(event["id"])
    shop.service.call("ignore_webhook_event", event_id=event["id"], reason="end_of_test")
    assert (200, "retrying") == (answer.status_code, answer.json()["status"])
    assert ("failed", "PAYLOAD_UNREADABLE") == (row["status"], row["error_code"])
    assert row["attempts"] >= 1
    assert row["next_attempt_at"] > row["received_at"]


@pytest.mark.parametrize(("event_type", "key", "value"), UNREADABLE)
def test_unreadable_intent_is_a_failure_with_a_name(
    shop: Shop, order: Order, event_type: str, key: str, value: Any
) -> None:
    """The event is kept and tried again; the order stays as it is."""
    check_waits_unread(shop, shop.event(changed(order.paid_intent(), key, value), type=event_type))
    assert "pending_payment" == shop.state(order)


@pytest.mark.parametrize("value", [7, True, {}, [], "", "p" * 256])
@pytest.mark.parametrize("event_type", [*REFUND_TYPES, "charge.refunded"])
def test_refund_of_an_unreadable_intent_is_a_failure_with_a_name(
    shop: Shop, event_type: str, value: Any
) -> None:
    """A refund whose intent is unreadable waits, because its payment is unknown."""
    check_waits_unread(
        shop, shop.event({"object": "refund", "payment_intent": value}, type=event_type)
    )


@pytest.mark.parametrize("event_type", REFUND_TYPES)
def test_refund_without_an_id_is_a_failure_with_a_name(
    shop: Shop, order: Order, event_type: str
) -> None:
    """A refund without an id waits, because it cannot be read from Stripe."""
    refund = {"object": "refund", "payment_intent": order.intent_id, "amount": AMOUNT}

    check_waits_unread(shop, shop.event(refund, type=event_type))


@pytest.mark.parametrize("named", [str(uuid.UUID(int=7)), "no uuid", "", 7, {}, "x" * 20_000])
@pytest.mark.parametrize("event_type", INTENT_TYPES)
def test_unknown_order_comes_before_all_that_is_missing(
    shop: Shop, event_type: str, named: Any
) -> None:
    """An event about an unknown order is ignored, whatever other fields it lacks."""
    event = shop.event({"metadata": {"order_id": named}}, type=event_type)

    answer = shop.post(event)

    assert (200, "order_not_found") == (answer.status_code, answer.json()["status"])


def test_refund_of_an_unknown_order_needs_no_other_field(shop: Shop) -> None:
    """The refund names an intent, and the intent's metadata names the order."""
    intent = shop.intent(metadata={"order_id": str(uuid.UUID(int=7))})
    event = shop.event({"object": "refund", "payment_intent": intent.id}, type="refund.updated")

    answer = shop.post(event)

    assert (200, "order_not_found") == (answer.status_code, answer.json()["status"])


@pytest.mark.parametrize("event_type", [*INTENT_TYPES, *REFUND_TYPES, "charge.refunded"])
def test_object_without_any_field_is_ignored(shop: Shop, event_type: str) -> None:
    """An object that names neither an order nor an intent is ignored."""
    answer = shop.post(shop.event({}, type=event_type))

    assert (200, "ignored") == (answer.status_code, answer.json()["status"])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("last_payment_error", value) for value in NO_ERRORS),
        *(("latest_charge", value) for value in NO_IDS),
    ],
)
def test_decline_needs_no_reason_and_no_charge(
    shop: Shop, order: Order, key: str, value: Any
) -> None:
    """A decline without a reason and a charge is applied; the order waits for its payment."""
    intent = changed(order.paid_intent(), key, value)

    answer = shop.post(shop.event(intent, type="payment_intent.payment_failed"))

    assert 200 == answer.status_code
    assert answer.json()["status"] in {"processed", "order_already_processed"}
    assert "pending_payment" == shop.state(order)
