"""Effect RPCs that get arguments which a payload did not have."""

from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.paying import INTENT, attached, order_row, paid, stored


#: Each effect RPC with every argument that it needs of the payload.
EFFECTS: dict[str, dict[str, Any]] = {
    "apply_payment_succeeded": {
        "payment_intent_id": INTENT,
        "charge_id": "ch_1",
        "amount_cents": 10_000,
        "currency": "aud",
        "buyer_id": "somebody",
    },
    "apply_payment_failed": {
        "payment_intent_id": INTENT,
        "charge_id": "ch_1",
        "error_message": "card_declined",
    },
    "apply_payment_authorized": {"payment_intent_id": INTENT, "capturable_cents": 10_000},
    "apply_payment_canceled": {"payment_intent_id": INTENT},
}
UNREADABLE: list[tuple[str, str, Any]] = [
    ("apply_payment_succeeded", "payment_intent_id", None),
    *(("apply_payment_succeeded", "amount_cents", amount) for amount in (None, 0, -1)),
    *(("apply_payment_succeeded", "currency", code) for code in (None, "", "AUD", "audx")),
    ("apply_payment_failed", "payment_intent_id", None),
    ("apply_payment_authorized", "payment_intent_id", None),
    *(("apply_payment_authorized", "capturable_cents", amount) for amount in (None, -1)),
    ("apply_payment_canceled", "payment_intent_id", None),
]


@pytest.mark.parametrize(("function", "argument", "value"), UNREADABLE)
def test_unreadable_value_is_named(
    owner: Connection, order_id: UUID, service: Actor, *, function: str, argument: str, value: Any
) -> None:
    """A payload without the value, or with an impossible one, changes nothing and has a code."""
    attached(owner, order_id)
    event_id = stored(owner, "payment_intent.succeeded")
    arguments = EFFECTS[function] | {argument: value}

    with pytest.raises(psycopg.DatabaseError, match="PAYLOAD_UNREADABLE") as raised:
        service.call(function, event_id=event_id, order_id=str(order_id), **arguments)

    assert "PT422" == raised.value.sqlstate
    assert "pending_payment" == order_row(owner, order_id)["state"]


@pytest.mark.parametrize("function", EFFECTS)
@pytest.mark.parametrize("named", ["3f1c2f6e-8f0a-4c8e-9d53-0b8a1f6d2c11", "no-uuid", ""])
def test_unknown_order_comes_first(
    owner: Connection, service: Actor, function: str, named: str
) -> None:
    """An unknown order is answered first, whatever else is missing."""
    event_id = stored(owner, "payment_intent.succeeded", None)
    nothing = dict.fromkeys(EFFECTS[function])

    answer = service.call(function, event_id=event_id, order_id=named, **nothing)

    assert ("order_not_found", ["order_not_found"]) == (answer["outcome"], answer["alerts"])


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("stripe_refund_id", None),
        ("amount_cents", None),
        ("amount_cents", 0),
        ("amount_cents", -1),
        ("status", None),
    ],
)
def test_unreadable_refund_is_named(
    owner: Connection, order_id: UUID, service: Actor, *, argument: str, value: Any
) -> None:
    """A refund that cannot be read posts nothing."""
    paid(owner, order_id)
    refund = {
        "stripe_refund_id": "re_1",
        "outbox_id": None,
        "payment_intent_id": INTENT,
        "amount_cents": 100,
        "status": "succeeded",
    }

    with pytest.raises(psycopg.DatabaseError, match="PAYLOAD_UNREADABLE"):
        service.call(
            "apply_refund",
            event_id=stored(owner, "refund.updated"),
            **(refund | {argument: value}),
        )

    assert [] == owner.execute("select from public.refunds").fetchall()
