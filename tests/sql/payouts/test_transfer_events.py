"""Transfers as Stripe reports them: our own, made outside, in any sequence."""

import json
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.disputing import report_dispute
from tests.sql.paying import (
    attached,
    balances,
    drift,
    moved,
    ordered,
    stored,
    succeeded,
)
from tests.sql.payouts.paying_out import (
    PAID,
    PART,
    charge_of,
    claimed,
    lease,
    permission,
    report_transfer,
    reversal,
    sent,
    states,
    transfer_rows,
)


@pytest.mark.parametrize("is_event_first", [True, False])
def test_event_and_answer_book_once(
    owner: Connection, released: UUID, *, is_event_first: bool
) -> None:
    """Event and answer of one transfer post it once."""
    [row] = transfer_rows(owner)
    if is_event_first:
        assert "processed" == report_transfer(owner, released, row=row)["outcome"]
    else:
        sent(owner)

    answer = report_transfer(owner, released, row=row)

    assert ("order_already_processed", []) == (answer["outcome"], answer["alerts"])
    assert [("paid", PART, 0)] == states(owner, released)
    assert ["done"] == [row["status"] for row in transfer_rows(owner)]
    assert (PAID, []) == (balances(owner, released), drift(owner))


def test_event_during_the_call_makes_the_answer_stale(owner: Connection, released: UUID) -> None:
    """An event during the call closes the row, and the answer changes nothing."""
    job = claimed(owner)
    permission(owner, job)
    report_transfer(owner, released, row=job)

    answer = Actor(connection=owner, role="service_role").call(
        "finish_outbox", stripe_object_id="tr_1", result="{}", **lease(job)
    )

    assert answer["stale"]
    assert (PAID, []) == (balances(owner, released), drift(owner))


def test_settled_event_is_done(owner: Connection, released: UUID) -> None:
    """A redelivered event answers that it was processed."""
    event_id = stored(owner, "transfer.created", None)

    outcomes = [report_transfer(owner, released, event_id=event_id)["outcome"] for _ in range(2)]

    assert ["processed", "already_processed"] == outcomes
    assert [] == drift(owner)


def test_transfer_made_outside_is_recorded(owner: Connection, released: UUID) -> None:
    """A transfer from Stripe's dashboard counts; only what is left is sent."""
    answer = report_transfer(owner, released, stripe_transfer_id="tr_out", amount_cents=500)

    assert ("processed", ["transfer_made_outside"]) == (answer["outcome"], answer["alerts"])
    assert PART - 500 == permission(owner, claimed(owner))["payload"]["amount_cents"]
    assert [] == drift(owner)


def test_transfer_is_found_by_its_charge(owner: Connection, released: UUID) -> None:
    """A transfer without a group still comes from the order's charge (A12)."""
    answer = report_transfer(owner, None, stripe_transfer_id="tr_out", charge_id=charge_of())

    assert (str(released), ["transfer_made_outside"]) == (answer["order_id"], answer["alerts"])


@pytest.mark.usefixtures("released")
@pytest.mark.parametrize(
    ("order_ref", "expected"),
    [
        ("c1a5b6de-2f7b-4c0b-9f61-7a2d8e4b3f33", ("order_not_found", ["order_not_found"])),
        ("no uuid", ("order_not_found", ["order_not_found"])),
        (None, ("ignored", ["money_without_an_order"])),
    ],
)
def test_transfer_of_no_order_is_ignored(
    owner: Connection, order_ref: str | None, expected: tuple[str, list[str]]
) -> None:
    """A transfer of no order raises an alert, and is not posted."""
    event_id = stored(owner, "transfer.created", None)

    answer = report_transfer(owner, None, order_ref=order_ref, event_id=event_id)

    assert expected == (answer["outcome"], answer["alerts"])
    # The event is found by this text when the order is created after a restore.
    query = "select order_ref from public.webhook_events where event_id = %s"
    assert [(order_ref,)] == owner.execute(query, [event_id]).fetchall()


def test_transfer_in_another_currency_is_ignored(owner: Connection, released: UUID) -> None:
    """A transfer in another currency is ignored, because it cannot come from the order's charge."""
    answer = report_transfer(owner, released, currency="usd")

    assert ("ignored", ["money_without_an_order"]) == (answer["outcome"], answer["alerts"])
    assert [("queued", PART, 0)] == states(owner, released)


def test_transfer_waits_for_its_payment(
    owner: Connection, seller: Actor, alice: Actor, service: Actor
) -> None:
    """The event of a transfer waits for that of its payment, as after a restore."""
    order_id, token = ordered(seller, alice), uuid4()
    attached(owner, order_id)
    event_id = stored(owner, "transfer.created", None, order_ref=str(order_id), lease_token=token)
    with pytest.raises(psycopg.Error, match="PREDECESSOR_MISSING"), owner.transaction():
        report_transfer(owner, order_id, event_id=event_id)
    failure = {"error_code": "PREDECESSOR_MISSING", "error_message": "", "lease_token": token}
    service.call("fail_webhook_event", event_id=event_id, **failure)
    assert [] == service.call("claim_webhook_retries", max_rows=10, lease_s=60)

    succeeded(owner, order_id)

    [row] = service.call("claim_webhook_retries", max_rows=10, lease_s=60)
    assert event_id == row["event_id"]
    assert "processed" == report_transfer(owner, order_id, event_id=event_id)["outcome"]
    assert [] == drift(owner)


@pytest.mark.parametrize("changes", [{"stripe_transfer_id": None}, {"amount_cents": None}])
def test_unreadable_transfer_is_refused(
    owner: Connection, released: UUID, changes: dict[str, Any]
) -> None:
    """A transfer without id or amount cannot be booked."""
    with pytest.raises(Exception, match="PAYLOAD_UNREADABLE"):
        report_transfer(owner, released, **changes)


def test_restored_database_books_a_transfer_once(
    owner: Connection, delivered: UUID, service: Actor
) -> None:
    """A transfer that a restore has lost is posted, and the repeated release sends no other."""
    [(key, id_)] = owner.execute(
        "select key, private.outbox_id(key) from (select 'transfer:' || %s as key) as k",
        [str(delivered)],
    ).fetchall()
    answer = report_transfer(owner, delivered, row={"id": str(id_), "dedupe_key": key})
    assert ("processed", []) == (answer["outcome"], answer["alerts"])
    assert [] == drift(owner)

    moved(owner, delivered, "released", "buyer")

    assert [] == transfer_rows(owner)
    assert 0 == service.call("queue_due_transfers")
    assert (PAID, []) == (balances(owner, delivered), drift(owner))


def test_transfer_that_was_made_after_all_counts(owner: Connection, released: UUID) -> None:
    """A transfer whose answer was lost and whose row was canceled is posted by its event."""
    report_dispute(owner, "warning_needs_response")
    job = claimed(owner)
    permission(owner, job)

    report_transfer(owner, released, row=job)

    assert [("paid", PART, 0)] == states(owner, released)
    assert ["done"] == [row["status"] for row in transfer_rows(owner)]
    assert [] == drift(owner)


def test_transfer_is_recorded_without_an_event(
    owner: Connection, released: UUID, service: Actor
) -> None:
    """A reading of a transfer posts it, and later events change nothing."""
    [row] = transfer_rows(owner)
    read = {
        "stripe_transfer_id": "tr_1",
        "outbox_id": row["id"],
        "dedupe_key": row["dedupe_key"],
        "order_ref": str(released),
        "charge_id": None,
        "amount_cents": PART,
        "currency": "aud",
        "reversals": json.dumps([reversal("trr_1", 500)]),
    }

    answers = [service.call("record_transfer", **read) for _ in range(2)]

    assert ["processed", "order_already_processed"] == [one["outcome"] for one in answers]
    assert [["reversal_made_outside"]] * 2 == [one["alerts"] for one in answers]
    assert [("paid", PART, 500)] == states(owner, released)
    assert [] == drift(owner)


@pytest.mark.parametrize(
    "changes",
    [
        {"order_ref": "0e7c1a52-3d0f-4c56-9a53-9f6f6f0a1b2c"},
        {"currency": "usd"},
        {"amount_cents": 0},
    ],
)
def test_transfer_of_no_order_is_not_recorded(
    owner: Connection, released: UUID, service: Actor, changes: dict[str, Any]
) -> None:
    """A reading of a transfer of no order is ignored."""
    read = {
        "stripe_transfer_id": "tr_1",
        "outbox_id": None,
        "dedupe_key": None,
        "order_ref": str(released),
        "charge_id": None,
        "amount_cents": PART,
        "currency": "aud",
        "reversals": "[]",
    }

    assert "ignored" == service.call("record_transfer", **(read | changes))["outcome"]
    assert [("queued", PART, 0)] == states(owner, released)
