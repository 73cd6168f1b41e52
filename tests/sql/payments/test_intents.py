"""`begin_payment`, `attach_payment_intent`: one current intent for each order."""

from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time
from tests.sql.paying import (
    attached,
    moved,
    order_row,
    ordered,
    outbox_rows,
    paid,
    stored,
)


def attach(service: Actor, order_id: UUID, attempt: int, intent: str) -> object:
    return service.call(
        "attach_payment_intent", order_id=order_id, attempt=attempt, payment_intent_id=intent
    )


def test_payment_begins_with_all_that_stripe_is_told(
    order_id: UUID, service: Actor, alice: Actor
) -> None:
    """One answer has every parameter of an intent, the same at each call."""
    expected = {
        "success": True,
        "attempt": 1,
        "amount_cents": 10_000,
        "currency": "aud",
        "listing_title": "A teapot of blue enamel",
        "receipt_email": "alice@example.test",
    }

    for _ in range(2):
        assert expected == service.call("begin_payment", order_id=order_id, buyer_id=alice.id)


def test_begun_payment_goes_on_with_its_intent(
    owner: Connection, order_id: UUID, service: Actor, alice: Actor
) -> None:
    """An open intent is returned again (C7)."""
    assert {"success": True, "payment_intent_id": "pi_current"} == attached(owner, order_id)

    answer = service.call("begin_payment", order_id=order_id, buyer_id=alice.id)

    assert "pi_current" == answer["payment_intent_id"]


def record_error(
    service: Actor,
    order_id: UUID,
    answered_errors: int,
    code: str = "STRIPE_ERROR",
    attempt: int = 1,
) -> object:
    return service.call(
        "record_intent_error",
        order_id=order_id,
        attempt=attempt,
        answered_errors=answered_errors,
        error_code=code,
    )


def test_answered_error_moves_the_key_on_once(order_id: UUID, service: Actor, alice: Actor) -> None:
    """Calls with an error under one key count it once, and the next call reads the count."""
    for _ in range(3):
        assert {"success": True, "answered_errors": 1} == record_error(service, order_id, 0)

    begun = service.call("begin_payment", order_id=order_id, buyer_id=alice.id)

    assert (1, "alice@example.test") == (begun["answered_errors"], begun["receipt_email"])
    assert {"success": True, "answered_errors": 2} == record_error(service, order_id, 1)


def test_time_of_the_first_error_stays(
    owner: Connection, order_id: UUID, service: Actor, alice: Actor
) -> None:
    """The time of the first error is kept, because Stripe may have made an intent since then."""
    record_error(service, order_id, 0)
    first = service.call("begin_payment", order_id=order_id, buyer_id=alice.id)["first_error"]
    record_error(service, order_id, 1)

    again = service.call("begin_payment", order_id=order_id, buyer_id=alice.id)["first_error"]

    [(now,)] = owner.execute("select extract(epoch from now())::bigint").fetchall()
    assert (now, now) == (first, again)


@pytest.mark.parametrize("code", ["STRIPE_UNREACHABLE", "STRIPE_CONFLICT", "STRIPE_RATE_LIMITED"])
def test_error_without_an_answer_keeps_the_key(order_id: UUID, service: Actor, code: str) -> None:
    """An error without an answer keeps the key, because Stripe may have made the intent."""
    assert {"success": True, "answered_errors": 0} == record_error(service, order_id, 0, code)


def test_refused_address_is_left_out(order_id: UUID, service: Actor, alice: Actor) -> None:
    """An intent is created without an e-mail address that Stripe has refused."""
    record_error(service, order_id, 0, "STRIPE_EMAIL_REFUSED")

    begun = service.call("begin_payment", order_id=order_id, buyer_id=alice.id)

    assert ("receipt_email" not in begun, 1) == (True, begun["answered_errors"])


def test_next_attempt_begins_without_errors(
    owner: Connection, order_id: UUID, service: Actor, alice: Actor
) -> None:
    """A new attempt has new keys, and counts errors from zero."""
    record_error(service, order_id, 0)
    attached(owner, order_id)
    service.call(
        "apply_payment_canceled",
        event_id=stored(owner, "payment_intent.canceled"),
        order_id=str(order_id),
        payment_intent_id="pi_current",
    )

    begun = service.call("begin_payment", order_id=order_id, buyer_id=alice.id)

    assert (2, False) == (begun["attempt"], "answered_errors" in begun)


def test_error_of_an_unknown_order_is_refused(service: Actor) -> None:
    """Nothing is counted for an order that does not exist."""
    answer = record_error(service, uuid4(), 0)

    assert isinstance(answer, dict)
    assert "RESOURCE_NOT_FOUND" == answer["code"]


def test_payment_is_refused_to_others(
    order_id: UUID, service: Actor, bob: Actor, seller: Actor
) -> None:
    """Only the buyer may pay."""
    for actor in (bob, seller):
        answer = service.call("begin_payment", order_id=order_id, buyer_id=actor.id)
        assert "FORBIDDEN" == answer["code"]
    answer = service.call("begin_payment", order_id=uuid4(), buyer_id=bob.id)
    assert ("RESOURCE_NOT_FOUND", "Order not found") == (answer["code"], answer["error"])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("paid", "Order is already paid"),
        ("cancelled", "Order was cancelled"),
        ("late", "Order is past due"),
    ],
)
def test_payment_is_refused_when_there_is_none_to_make(
    owner: Connection, order_id: UUID, service: Actor, alice: Actor, change: str, error: str
) -> None:
    """A paid, cancelled or overdue order takes no payment; a late intent is canceled."""
    if change == "paid":
        paid(owner, order_id)
    elif change == "cancelled":
        moved(owner, order_id, "cancelled", "admin")
    else:
        move_time(owner, "49 hours")

    for answer in (
        service.call("begin_payment", order_id=order_id, buyer_id=alice.id),
        attach(service, order_id, 1, "pi_late"),
    ):
        assert {"success": False, "code": "TRANSACTION_FAILED", "error": error} == answer
    assert ["pi_late"] == [
        row["payload"]["payment_intent_id"] for row in outbox_rows(owner, "cancel_intent")
    ]


def test_first_of_two_intents_wins(owner: Connection, order_id: UUID, service: Actor) -> None:
    """Both calls get the first of two intents, and the other one is canceled (C7)."""
    for intent in ("pi_current", "pi_loser", "pi_current"):
        assert {"success": True, "payment_intent_id": "pi_current"} == attach(
            service, order_id, 1, intent
        )

    assert "pi_current" == order_row(owner, order_id)["stripe_payment_intent_id"]
    assert ["pi_loser"] == [
        row["payload"]["payment_intent_id"] for row in outbox_rows(owner, "cancel_intent")
    ]
    query = "select stripe_payment_intent_id, status::text, settles_order from public.payments"
    assert [("pi_current", "requires_payment", False)] == owner.execute(query).fetchall()


def test_overtaken_attempt_begins_again(owner: Connection, order_id: UUID, service: Actor) -> None:
    """The intent of an overtaken attempt may be canceled by now, so it does not become current."""
    attached(owner, order_id)
    service.call(
        "apply_payment_canceled",
        event_id=stored(owner, "payment_intent.canceled"),
        order_id=str(order_id),
        payment_intent_id="pi_current",
    )

    answer = attach(service, order_id, 1, "pi_current")

    assert isinstance(answer, dict)
    assert "CONFLICT" == answer["code"]
    assert None is order_row(owner, order_id)["stripe_payment_intent_id"]
    assert [] == outbox_rows(owner, "cancel_intent")
    assert {"success": True, "payment_intent_id": "pi_2"} == attach(service, order_id, 2, "pi_2")


def test_intent_of_another_order_is_refused(
    owner: Connection, order_id: UUID, service: Actor, seller: Actor, bob: Actor
) -> None:
    """An intent of another order is refused, and not canceled."""
    attached(owner, order_id)
    other_id = ordered(seller, bob)

    answer = attach(service, other_id, 1, "pi_current")

    assert isinstance(answer, dict)
    assert "TRANSACTION_FAILED" == answer["code"]
    assert [] == outbox_rows(owner, "cancel_intent")


def test_intent_of_an_unknown_order_is_refused(
    owner: Connection, order_id: UUID, service: Actor
) -> None:
    """An order that we do not have gets no intent, and nothing is canceled at Stripe for it."""
    answer = attach(service, uuid4(), 1, "pi_current")

    assert isinstance(answer, dict)
    assert "RESOURCE_NOT_FOUND" == answer["code"]
    assert [] == outbox_rows(owner, "cancel_intent")
    assert attached(owner, order_id)["success"]


def test_only_our_own_processes_touch_money(
    order_id: UUID, alice: Actor, anonymous: Actor, moderator: Actor
) -> None:
    """No client may execute the functions of payments (B2)."""
    for actor in (alice, anonymous, moderator):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call("begin_payment", order_id=order_id, buyer_id=alice.id)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call(
                "process_refund_transaction",
                order_id=order_id,
                refund_amount_cents=1,
                refund_reason="mine",
                user_id=alice.id,
                client_request_id=uuid4(),
            )
