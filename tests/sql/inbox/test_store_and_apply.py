"""`store_webhook_event` with an effect: the call applies it, and stores the event in any case."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time
from tests.sql.paying import AMOUNT, INTENT, attached, balances, drift, order_row


EVENT: dict[str, Any] = {
    "event_id": "evt_1",
    "source": "stripe",
    "type": "payment_intent.succeeded",
    "livemode": False,
    "created": 1_790_000_000,
    "order_ref": None,
    "payment_intent_id": INTENT,
    "object_id": INTENT,
    "payload": "{}",
    "payload_sha256": "aa",
    "api_version": None,
}
IGNORE = {"effect": "ignore_webhook_event", "arguments": '{"reason": "unhandled_type"}'}


def receive(service: Actor, **changes: object) -> Any:
    return service.call("store_webhook_event", **(EVENT | {"lease_token": uuid4()} | changes))


def payment(owner: Connection, order_id: UUID, **changes: object) -> Mapping[str, object]:
    """Return the effect of a payment that settles the order."""
    arguments = {
        "order_id": str(order_id),
        "payment_intent_id": INTENT,
        "charge_id": "ch_1",
        "amount_cents": AMOUNT,
        "currency": "aud",
        "buyer_id": order_row(owner, order_id)["buyer_id"],
    }
    return {"effect": "apply_payment_succeeded", "arguments": json.dumps(arguments | changes)}


def row(owner: Connection) -> dict[str, Any]:
    [(found,)] = owner.execute("select to_jsonb(e) from public.webhook_events as e").fetchall()
    assert isinstance(found, dict)
    return found


def test_event_is_stored_and_applied(owner: Connection, service: Actor, order_id: UUID) -> None:
    """One call answers as the two calls do, and has the same effect."""
    attached(owner, order_id)

    answer = receive(service, **payment(owner, order_id))

    effect = answer.pop("effect")
    assert {
        "stored": True,
        "status": "received",
        "outcome": None,
        "leased": True,
        "hash_conflict": False,
    } == answer
    assert {
        "outcome": "processed",
        "order_id": str(order_id),
        "outbox_ids": [],
        "alerts": [],
    } == effect
    assert ("processed", "processed", None) == tuple(
        row(owner)[key] for key in ("status", "outcome", "lease_token")
    )
    assert "paid" == order_row(owner, order_id)["state"]
    assert {"stripe_clearing": AMOUNT, "buyer": -AMOUNT} == balances(owner, order_id)
    assert [] == drift(owner)


@pytest.mark.parametrize(
    ("effect", "arguments", "expected"),
    [
        (
            "apply_payment_failed",
            {"payment_intent_id": INTENT, "charge_id": "ch_1", "error_message": "lost_card"},
            ("failed", "ch_1", "lost_card"),
        ),
        (
            "apply_payment_authorized",
            {"payment_intent_id": INTENT, "capturable_cents": AMOUNT},
            ("authorized", None, None),
        ),
        ("apply_payment_canceled", {"payment_intent_id": INTENT}, ("cancelled", None, None)),
    ],
)
def test_each_effect_is_applied_with_its_arguments(
    owner: Connection,
    service: Actor,
    order_id: UUID,
    effect: str,
    arguments: dict[str, str | int],
    expected: tuple[str | None, ...],
) -> None:
    """Every argument reaches the effect RPC under its name."""
    attached(owner, order_id)
    arguments |= {"order_id": str(order_id)}

    answer = receive(service, effect=effect, arguments=json.dumps(arguments))

    assert "processed" == answer["effect"]["outcome"]
    payments = owner.execute(
        "select status::text, stripe_charge_id, error_message from public.payments"
    )
    assert [expected] == payments.fetchall()


def test_failed_effect_leaves_the_event_stored_and_leased(
    owner: Connection, service: Actor, order_id: UUID
) -> None:
    """The answer names the error, and the lease lets the caller record it."""
    attached(owner, order_id)
    token = uuid4()

    answer = receive(service, lease_token=token, **payment(owner, order_id, amount_cents=None))

    assert {"code": "PT422", "message": "PAYLOAD_UNREADABLE"} == answer["effect_error"]
    assert (True, "received", True) == (answer["stored"], answer["status"], answer["leased"])
    assert "effect" not in answer
    assert ("received", str(token), 0) == tuple(
        row(owner)[key] for key in ("status", "lease_token", "attempts")
    )
    failed = service.call(
        "fail_webhook_event",
        event_id="evt_1",
        error_code="PAYLOAD_UNREADABLE",
        error_message="",
        lease_token=token,
    )
    assert ("failed", 1) == (failed["status"], failed["attempts"])


def test_effect_that_fails_at_the_commit_undoes_no_event(
    owner: Connection, service: Actor, order_id: UUID
) -> None:
    """A deferred constraint is checked within the subtransaction of the effect."""
    attached(owner, order_id)
    owner.execute(
        """
        create or replace function private.capture_lines(p_amount_cents bigint)
        returns private.ledger_line[] language plpgsql immutable set search_path = '' as $$
        begin
          return array[row('buyer', 'CAPTURE', p_amount_cents)::private.ledger_line];
        end $$
        """
    )

    answer = receive(service, **payment(owner, order_id))

    assert "23514" == answer["effect_error"]["code"]
    owner.execute("set constraints all immediate")
    assert ("received", None) == (row(owner)["status"], row(owner)["outcome"])
    assert ("pending_payment", {}) == (
        order_row(owner, order_id)["state"],
        balances(owner, order_id),
    )


@pytest.mark.parametrize(
    "effect", ["ledger_drift", "private.clock", "apply_refund", "APPLY_PAYMENT_FAILED", ""]
)
def test_unknown_effect_is_refused(owner: Connection, service: Actor, effect: str) -> None:
    """Only listed effects are called; the event is stored all the same."""
    answer = receive(service, effect=effect, arguments="{}")

    assert {"code": "PT400", "message": "VALIDATION_ERROR"} == answer["effect_error"]
    assert "received" == row(owner)["status"]


def test_denied_effect_is_not_applied(owner: Connection, service: Actor, order_id: UUID) -> None:
    """The effect runs with the caller's rights, so a missing grant blocks it."""
    attached(owner, order_id)
    owner.execute("revoke execute on function public.apply_payment_succeeded from service_role")

    answer = receive(service, **payment(owner, order_id))

    assert "42501" == answer["effect_error"]["code"]
    assert "pending_payment" == order_row(owner, order_id)["state"]


def test_repeated_call_finds_the_event_settled(
    owner: Connection, service: Actor, order_id: UUID
) -> None:
    """After a lost reply the same call changes nothing, and answers the unconfirmed alerts."""
    attached(owner, order_id)
    call = {"lease_token": uuid4(), **payment(owner, order_id, amount_cents=AMOUNT + 1)}
    first = receive(service, **call)
    before = row(owner)
    move_time(owner, "1 second")

    second = receive(service, **call)

    assert ["stray_payment:amount_differs"] == first["effect"]["alerts"]
    assert (False, "processed") == (second["stored"], second["status"])
    assert ("already_processed", first["effect"]["alerts"]) == (
        second["effect"]["outcome"],
        second["effect"]["alerts"],
    )
    assert before == row(owner)


def test_redelivery_of_an_open_event_is_applied(
    owner: Connection, service: Actor, order_id: UUID
) -> None:
    """A delivery after a failed effect applies it again."""
    attached(owner, order_id)
    receive(service, **payment(owner, order_id, amount_cents=None))

    answer = receive(service, **payment(owner, order_id))

    assert (False, "processed") == (answer["stored"], answer["effect"]["outcome"])
    assert "paid" == order_row(owner, order_id)["state"]


def test_other_content_has_no_effect(owner: Connection, service: Actor, order_id: UUID) -> None:
    """The stored content of an id counts, and the answer reports the difference."""
    attached(owner, order_id)
    receive(service, **payment(owner, order_id, amount_cents=None))
    before = row(owner)

    answer = receive(service, payload_sha256="bb", **payment(owner, order_id))

    assert (True, False) == (answer["hash_conflict"], answer["leased"])
    assert not {"effect", "effect_error"} & set(answer)
    assert before == row(owner)
    assert "pending_payment" == order_row(owner, order_id)["state"]


def test_other_shape_has_an_effect(owner: Connection, service: Actor, order_id: UUID) -> None:
    """An open event in the shape of another API version is applied."""
    attached(owner, order_id)
    receive(service, **payment(owner, order_id, amount_cents=None))

    answer = receive(
        service, payload_sha256="bb", api_version="2026-10-28", **payment(owner, order_id)
    )

    assert (True, "processed") == (answer["version_conflict"], answer["effect"]["outcome"])


def test_ignored_money_is_an_alert(owner: Connection, service: Actor) -> None:
    """An event about money without a handler raises the same alert as by two calls."""
    answer = receive(service, type="payout.failed", **IGNORE)

    assert ("ignored", ["money_event_unhandled"]) == (
        answer["effect"]["outcome"],
        answer["effect"]["alerts"],
    )
    assert "unhandled_type" == row(owner)["error_code"]
