"""A write that finds no row is refused, and never counted as a success."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.paying import service_of


Arguments = Callable[[Actor], dict[str, object]]

#: Each function that the service calls for one order, with arguments that name no order.
CALLS: dict[str, Arguments] = {
    "act_on_order": lambda user: {"user_id": user.id, "action": "mark_ready"},
    "get_order": lambda user: {"user_id": user.id, "aal": "aal1"},
    "transition_order": lambda user: {
        "to_state": "shipped",
        "actor_id": user.id,
        "actor_kind": "seller",
        "reason": None,
    },
    "begin_payment": lambda user: {"buyer_id": user.id},
    "record_intent_error": lambda _user: {
        "attempt": 1,
        "answered_errors": 0,
        "error_code": "STRIPE_REFUSED",
    },
    "attach_payment_intent": lambda _user: {"attempt": 1, "payment_intent_id": "pi_1"},
    "confirm_payment_transaction": lambda user: {
        "payment_intent_id": "pi_1",
        "charge_id": "ch_1",
        "amount_cents": 10_000,
        "currency": "aud",
        "user_id": user.id,
    },
    "process_refund_transaction": lambda user: {
        "refund_amount_cents": 1,
        "refund_reason": None,
        "user_id": user.id,
        "client_request_id": uuid4(),
    },
    "refund_order": lambda user: {
        "refund_amount_cents": 1,
        "user_id": user.id,
        "aal": "aal2",
        "client_request_id": uuid4(),
    },
    "init_pickup": lambda user: {
        "user_id": user.id,
        "code_hmac": "a" * 64,
        "qr_token_hmac": "b" * 64,
    },
    "redeem_pickup": lambda user: {
        "user_id": user.id,
        "code_hmac": "a" * 64,
        "qr_token_hmac": None,
        "request_id": uuid4(),
    },
    "save_shipment": lambda user: {
        "user_id": user.id,
        "carrier": "AusPost",
        "tracking": "33ABC",
        "label_url": None,
    },
    "add_shipment_event": lambda user: {
        "user_id": user.id,
        "event_id": uuid4(),
        "status": "delivered",
        "description": None,
        "location": None,
        "event_time": None,
    },
}

#: Functions of one order with tests of their own: people call the first, and the second answers an
#: outcome to the reconcile job.
OTHERS = {"open_dispute", "record_intent"}


def test_every_function_of_an_order_is_called(owner: Connection) -> None:
    """Each function that takes an order's id is called here, or has its own test (A13)."""
    query = """
      select proname from pg_proc
      where pronamespace = 'public'::regnamespace
        and pg_get_function_identity_arguments(oid) ~ '\\morder_id uuid'
    """

    assert {name for (name,) in owner.execute(query)} == CALLS.keys() | OTHERS


@pytest.mark.parametrize("function", list(CALLS))
def test_unknown_order_is_refused(owner: Connection, alice: Actor, function: str) -> None:
    """A13: the answer is a refusal with the code of a missing row."""
    answer = service_of(owner).call(function, order_id=uuid4(), **CALLS[function](alice))

    assert (False, "RESOURCE_NOT_FOUND") == (answer["success"], answer["code"])
