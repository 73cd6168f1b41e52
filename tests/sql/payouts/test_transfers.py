"""Transfers to sellers: queued at the release, checked before they are sent, booked once."""

import json
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time
from tests.sql.disputing import dispute_told
from tests.sql.paying import (
    AMOUNT,
    balances,
    brought_to,
    drift,
    moved,
    order_row,
    ordered,
    outbox_rows,
    refund_requested,
    refund_told,
    stored,
    told,
)
from tests.sql.payouts.paying_out import (
    PART,
    account_read,
    charge_of,
    claimed,
    lease,
    onboarded,
    payout,
    permission,
    reversal,
    sent,
    states,
    transfer_rows,
    transfer_told,
)


PAID = {"stripe_clearing": AMOUNT - PART, "platform_fee": PART - AMOUNT}


def refunded(owner: Connection, order_id: UUID, cents: int, status: str = "succeeded") -> None:
    """Refund a part of a released order as staff do, up to a result at Stripe."""
    staff = owner.execute("select id from public.users where role = 'moderator'").fetchone()
    assert staff is not None
    answer = refund_requested(owner, order_id, cents, user_id=staff[0])
    assert answer["success"], answer
    if status != "pending":
        job = outbox_rows(owner, "refund")[-1]
        refund_told(owner, status, cents, stripe_refund_id=f"re_{cents}", outbox_id=job["id"])


def outcome(answer: Any) -> tuple[bool, str | None]:
    return answer["may_send"], answer["reason"]


def test_release_queues_the_sellers_part(owner: Connection, released: UUID) -> None:
    """One row and one payout of the amount less the fee."""
    [row] = transfer_rows(owner)

    assert (f"transfer:{released}", "queued") == (row["dedupe_key"], row["status"])
    assert [("queued", PART, 0)] == states(owner, released)
    assert row["id"] == payout(owner, released)["outbox_id"]


@pytest.mark.parametrize("state", ["paid", "ready_for_handover", "shipped", "delivered"])
def test_nothing_is_queued_before_the_release(
    owner: Connection, seller: Actor, alice: Actor, state: str
) -> None:
    """The buyer still owns the money."""
    brought_to(owner, ordered(seller, alice), state)

    assert [] == transfer_rows(owner)


def test_permission_fixes_what_is_sent(owner: Connection, seller: Actor, released: UUID) -> None:
    """The sender gets amount, account, charge and group from the database alone."""
    answer = permission(owner, claimed(owner))

    assert (True, None) == outcome(answer)
    assert {
        "order_id": str(released),
        "seller_id": str(seller.id),
        "amount_cents": PART,
        "currency": "aud",
        "destination": f"acct_seller_{seller.id}",
        "source_transaction": charge_of(),
        "transfer_group": str(released),
    } == answer["payload"]


def test_transfer_is_booked(owner: Connection, released: UUID) -> None:
    """After the transfer the seller is owed nothing, and the fee is left."""
    assert "done" == sent(owner)["status"]

    assert [("paid", PART, 0)] == states(owner, released)
    assert PAID == balances(owner, released)
    assert [] == drift(owner)


@pytest.mark.parametrize("is_event_first", [True, False])
def test_event_and_answer_book_once(
    owner: Connection, released: UUID, *, is_event_first: bool
) -> None:
    """The event may overtake the answer to our own call."""
    [row] = transfer_rows(owner)
    if is_event_first:
        assert "processed" == transfer_told(owner, released, row=row)["outcome"]
    else:
        sent(owner)

    answer = transfer_told(owner, released, row=row)

    assert ("order_already_processed", []) == (answer["outcome"], answer["alerts"])
    assert [("paid", PART, 0)] == states(owner, released)
    assert ["done"] == [row["status"] for row in transfer_rows(owner)]
    assert (PAID, []) == (balances(owner, released), drift(owner))


def test_event_during_the_call_makes_the_answer_stale(owner: Connection, released: UUID) -> None:
    """The row is closed by the event; the answer then changes nothing."""
    job = claimed(owner)
    permission(owner, job)
    transfer_told(owner, released, row=job)

    answer = Actor(connection=owner, role="service_role").call(
        "finish_outbox", stripe_object_id="tr_1", result="{}", **lease(job)
    )

    assert answer["stale"]
    assert (PAID, []) == (balances(owner, released), drift(owner))


def test_transfer_made_outside_is_recorded(owner: Connection, released: UUID) -> None:
    """A transfer from Stripe's dashboard counts; only what is left is sent."""
    answer = transfer_told(owner, released, stripe_transfer_id="tr_out", amount_cents=500)

    assert ("processed", ["transfer_made_outside"]) == (answer["outcome"], answer["alerts"])
    assert PART - 500 == permission(owner, claimed(owner))["payload"]["amount_cents"]
    assert [] == drift(owner)


def test_transfer_is_found_by_its_charge(owner: Connection, released: UUID) -> None:
    """A transfer without a group still comes from the order's charge."""
    answer = transfer_told(owner, None, stripe_transfer_id="tr_out", charge_id=charge_of())

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
    """Money that is not ours is reported and not booked."""
    event_id = stored(owner, "transfer.created", None)

    answer = transfer_told(owner, None, order_ref=order_ref, event_id=event_id)

    assert expected == (answer["outcome"], answer["alerts"])
    # The event is found by this text when the order is created after a restore.
    query = "select order_ref from public.webhook_events where event_id = %s"
    assert [(order_ref,)] == owner.execute(query, [event_id]).fetchall()


def test_transfer_in_another_currency_is_ignored(owner: Connection, released: UUID) -> None:
    """It cannot have come from the order's charge."""
    answer = transfer_told(owner, released, currency="usd")

    assert ("ignored", ["money_without_an_order"]) == (answer["outcome"], answer["alerts"])
    assert [("queued", PART, 0)] == states(owner, released)


def test_transfer_waits_for_its_payment(owner: Connection, seller: Actor, alice: Actor) -> None:
    """After a restore the event of a transfer may come before that of the payment."""
    with pytest.raises(Exception, match="PREDECESSOR_MISSING"):
        transfer_told(owner, ordered(seller, alice))


@pytest.mark.parametrize("changes", [{"stripe_transfer_id": None}, {"amount_cents": None}])
def test_unreadable_transfer_is_refused(
    owner: Connection, released: UUID, changes: dict[str, Any]
) -> None:
    """A transfer without id or amount cannot be booked."""
    with pytest.raises(Exception, match="PAYLOAD_UNREADABLE"):
        transfer_told(owner, released, **changes)


def test_restored_database_books_a_transfer_once(
    owner: Connection, delivered: UUID, service: Actor
) -> None:
    """The transfer was sent in the lost hour; the release that comes again sends nothing."""
    [(key, id_)] = owner.execute(
        "select key, private.outbox_id(key) from (select 'transfer:' || %s as key) as k",
        [str(delivered)],
    ).fetchall()
    answer = transfer_told(owner, delivered, row={"id": str(id_), "dedupe_key": key})
    assert ("processed", []) == (answer["outcome"], answer["alerts"])
    assert [] == drift(owner)

    moved(owner, delivered, "released", "buyer")

    assert [] == transfer_rows(owner)
    assert 0 == service.call("queue_due_transfers")
    assert (PAID, []) == (balances(owner, delivered), drift(owner))


@pytest.mark.usefixtures("moderator")
def test_pending_refund_cancels_and_a_partial_one_revives(
    owner: Connection, released: UUID
) -> None:
    """The rest is sent once the refund has succeeded."""
    refunded(owner, released, 3000, "pending")
    assert (False, "REFUND_IS_PENDING") == outcome(permission(owner, claimed(owner)))
    assert [("canceled", PART, 0)] == states(owner, released)

    job = outbox_rows(owner, "refund")[0]
    refund_told(owner, "succeeded", 3000, outbox_id=job["id"])

    assert [("queued", 6650, 0)] == states(owner, released)
    assert 6650 == permission(owner, claimed(owner))["payload"]["amount_cents"]


@pytest.mark.usefixtures("moderator")
def test_failed_refund_revives_the_whole_transfer(owner: Connection, released: UUID) -> None:
    """The seller is owed everything again."""
    refunded(owner, released, 3000, "pending")
    permission(owner, claimed(owner))

    job = outbox_rows(owner, "refund")[0]
    refund_told(owner, "failed", 3000, outbox_id=job["id"])

    assert [("queued", PART, 0)] == states(owner, released)


@pytest.mark.usefixtures("moderator")
def test_fully_refunded_order_pays_nobody(
    owner: Connection, released: UUID, service: Actor
) -> None:
    """The row stays canceled."""
    refunded(owner, released, AMOUNT)

    assert (False, "ORDER_NOT_RELEASED") == outcome(permission(owner, claimed(owner)))
    assert 0 == service.call("queue_due_transfers")


def test_dispute_cancels_and_its_end_revives(
    owner: Connection, released: UUID, service: Actor
) -> None:
    """While a dispute is open nothing is sent; when it is won the transfer is due."""
    moved(owner, released, "disputed", "stripe")
    assert (False, "ORDER_IS_DISPUTED") == outcome(permission(owner, claimed(owner)))
    assert 0 == service.call("queue_due_transfers")

    moved(owner, released, "released", "stripe")

    assert ["queued"] == [row["status"] for row in transfer_rows(owner)]
    assert (True, None) == outcome(permission(owner, claimed(owner)))


def test_drift_cancels_and_its_repair_revives(
    owner: Connection, released: UUID, service: Actor
) -> None:
    """A person corrects the row; the next run of the job sends the transfer."""
    spoil = "update public.orders set refunded_cents = %s where id = %s"
    owner.execute(spoil, [1, released])
    assert (False, "LEDGER_DRIFTED") == outcome(permission(owner, claimed(owner)))
    assert 0 == service.call("queue_due_transfers")

    owner.execute(spoil, [0, released])

    assert 1 == service.call("queue_due_transfers")
    assert 0 == service.call("queue_due_transfers")
    assert [("queued", PART, 0)] == states(owner, released)


def test_difference_from_stripe_cancels_and_its_end_revives(
    owner: Connection, released: UUID, service: Actor
) -> None:
    """The reconcile job has seen for ten minutes that Stripe moved other amounts."""
    differ = """
      update private.order_checks
      set difference_cents = %s, differs_since = %s, is_blocked = %s where order_id = %s
    """
    owner.execute(differ, [1, "2026-01-01T00:00:00Z", True, released])
    assert (False, "ORDER_UNLIKE_STRIPE") == outcome(permission(owner, claimed(owner)))
    assert 0 == service.call("queue_due_transfers")

    owner.execute(differ, [0, None, False, released])

    assert 1 == service.call("queue_due_transfers")
    assert [("queued", PART, 0)] == states(owner, released)


def test_batch_has_a_limit(owner: Connection, released: UUID, service: Actor) -> None:
    """The job asks for at most so many rows."""
    owner.execute("update public.outbox set status = 'canceled' where kind = 'transfer'")
    assert [("canceled", PART, 0)] == states(owner, released)

    assert 0 == service.call("queue_due_transfers", max_rows=0)
    assert 1 == service.call("queue_due_transfers", max_rows=1)


@pytest.mark.parametrize("has_account", [True, False])
def test_transfer_waits_for_the_sellers_account(
    owner: Connection, seller: Actor, alice: Actor, *, has_account: bool
) -> None:
    """The seller gets one notification per order; when payouts are enabled the row is due."""
    order_id = ordered(seller, alice)
    brought_to(owner, order_id, "released")
    if has_account:
        onboarded(owner, seller, enabled=False)

    for _ in range(2):
        assert (False, "PAYOUTS_DISABLED") == outcome(permission(owner, claimed(owner)))
        move_time(owner, "25 hours")

    assert 1 == told(owner, seller).count("payout_action_required")
    assert [("queued", PART, 0)] == states(owner, order_id)
    assert [0] == [row["attempts"] for row in transfer_rows(owner)]
    permission(owner, claimed(owner))
    if has_account:
        account_read(owner, seller, enabled=True)
    else:
        onboarded(owner, seller)
    assert (True, None) == outcome(permission(owner, claimed(owner)))


def test_disabled_account_stops_the_next_transfer(
    owner: Connection, seller: Actor, released: UUID
) -> None:
    """Stripe disabled the account after the release."""
    account_read(owner, seller, enabled=False)

    assert (False, "PAYOUTS_DISABLED") == outcome(permission(owner, claimed(owner)))
    assert [("queued", PART, 0)] == states(owner, released)


def failed(owner: Connection, code: str) -> Any:
    job = claimed(owner)
    assert permission(owner, job)["may_send"]
    service = Actor(connection=owner, role="service_role")
    return service.call("fail_outbox", error_code=code, **lease(job))


@pytest.mark.parametrize("code", ["STRIPE_BALANCE_INSUFFICIENT", "STRIPE_ACCOUNT_UNABLE"])
def test_trouble_with_money_is_never_final(owner: Connection, released: UUID, code: str) -> None:
    """The row backs off with an alert for as long as it takes, each time under a new key."""
    for _ in range(12):
        answer = failed(owner, code)
        assert ("queued", ["transfer_waits_for_money"]) == (answer["status"], answer["alerts"])
        move_time(owner, "2 hours")

    [row] = transfer_rows(owner)
    assert (0, 12) == (row["attempts"], row["answered_errors"])
    assert [("queued", PART, 0)] == states(owner, released)
    sent(owner)
    assert PAID == balances(owner, released)


def test_disabled_account_is_told_to_the_seller_at_once(
    owner: Connection, seller: Actor, released: UUID, service: Actor
) -> None:
    """The sender met a disabled account and recorded it; the row is checked again now."""
    job = claimed(owner)
    permission(owner, job)
    account_read(owner, seller, enabled=False)
    service.call("fail_outbox", error_code="STRIPE_ACCOUNT_UNABLE", **lease(job))

    assert (False, "PAYOUTS_DISABLED") == outcome(permission(owner, claimed(owner)))
    assert ["payout_action_required"] == [
        type_ for type_ in told(owner, seller) if type_ == "payout_action_required"
    ]
    assert [("queued", PART, 0)] == states(owner, released)


def test_final_no_is_dead_until_the_account_is_enabled_anew(
    owner: Connection, seller: Actor, released: UUID, service: Actor
) -> None:
    """Nothing but a change at Stripe, or staff, brings the row back."""
    job = claimed(owner)
    permission(owner, job)
    answer = service.call("reject_outbox", error_code="STRIPE_REFUSED", **lease(job))
    assert ("dead", ["outbox_row_rejected"]) == (answer["status"], answer["alerts"])
    assert [("dead", PART, 0)] == states(owner, released)
    assert 0 == service.call("queue_due_transfers")

    account_read(owner, seller, enabled=True)
    assert [("dead", PART, 0)] == states(owner, released)
    account_read(owner, seller, enabled=False)
    account_read(owner, seller, enabled=True)

    assert [("queued", PART, 0)] == states(owner, released)
    assert (True, None) == outcome(permission(owner, claimed(owner)))


@pytest.mark.usefixtures("moderator")
def test_refused_amount_is_replaced_by_another(
    owner: Connection, released: UUID, service: Actor
) -> None:
    """Stripe knew of a refund before we did, and refused the whole amount."""
    job = claimed(owner)
    permission(owner, job)
    service.call("reject_outbox", error_code="STRIPE_REFUSED", **lease(job))

    refund_told(owner, "succeeded", 3000, stripe_refund_id="re_outside")

    assert [("queued", 6650, 0)] == states(owner, released)


def test_staff_queue_a_dead_transfer_again(
    owner: Connection, released: UUID, moderator: Actor
) -> None:
    """The payout follows its row."""
    for _ in range(10):
        failed(owner, "STRIPE_UNREACHABLE")
        move_time(owner, "2 hours")
    assert [("dead", PART, 0)] == states(owner, released)

    [row] = transfer_rows(owner)
    answer = moderator.call("requeue_outbox", outbox_id=row["id"], reason="Stripe is back")

    assert answer["success"]
    assert [("queued", PART, 0)] == states(owner, released)


def test_transfer_that_was_made_after_all_counts(owner: Connection, released: UUID) -> None:
    """The answer was lost and the row was canceled, but Stripe's event arrives."""
    dispute_told(owner, "warning_needs_response")
    job = claimed(owner)
    permission(owner, job)

    transfer_told(owner, released, row=job)

    assert [("paid", PART, 0)] == states(owner, released)
    assert ["done"] == [row["status"] for row in transfer_rows(owner)]
    assert [] == drift(owner)


def test_payouts_are_listed_for_their_seller(
    owner: Connection, seller: Actor, bob: Actor, released: UUID, service: Actor
) -> None:
    """The sums follow the states; no id of Stripe's is shown."""
    pending = service.call("list_payouts", user_id=seller.id, max_rows=50)
    sent(owner)
    paid = service.call("list_payouts", user_id=seller.id, max_rows=50)
    transfer_told(owner, released, reversal("trr_1", 500))
    partly = service.call("list_payouts", user_id=seller.id, max_rows=50)

    sums = [(one["pending_cents"], one["paid_cents"]) for one in (pending, paid, partly)]
    assert [(PART, 0), (0, PART), (0, PART - 500)] == sums
    [row] = partly["payouts"]
    assert {
        "id",
        "order_id",
        "amount_cents",
        "reversed_cents",
        "status",
        "created_at",
        "updated_at",
    } == set(row)
    assert [] == service.call("list_payouts", user_id=bob.id, max_rows=50)["payouts"]
    assert [] == service.call("list_payouts", user_id=seller.id, max_rows=0)["payouts"]
    assert [] == bob.rows("select id from public.payouts")
    assert 1 == len(seller.rows("select id from public.payouts"))


def test_order_that_pays_the_fee_alone_has_no_transfer(
    owner: Connection, seller: Actor, alice: Actor
) -> None:
    """Nothing is due to the seller."""
    order_id = ordered(seller, alice)
    brought_to(owner, order_id, "delivered")
    owner.execute(
        "update public.orders set platform_fee_bps = 10000, platform_fee_cents = amount_cents,"
        " seller_amount_cents = 0 where id = %s",
        [order_id],
    )
    moved(owner, order_id, "released", "buyer")

    assert ([], "released") == (transfer_rows(owner), order_row(owner, order_id)["state"])


def test_waiting_accounts_are_claimed_in_turn(
    owner: Connection, seller: Actor, alice: Actor, service: Actor
) -> None:
    """An account whose transfer waits is read again, at most every ten minutes."""
    order_id = ordered(seller, alice)
    brought_to(owner, order_id, "released")
    assert [] == service.call("claim_waiting_accounts")
    onboarded(owner, seller, enabled=False)
    assert [] == service.call("claim_waiting_accounts")
    permission(owner, claimed(owner))

    assert [f"acct_seller_{seller.id}"] == service.call("claim_waiting_accounts")
    assert [] == service.call("claim_waiting_accounts")
    move_time(owner, "11 minutes")
    assert [] == service.call("claim_waiting_accounts", max_rows=0)
    assert [f"acct_seller_{seller.id}"] == service.call("claim_waiting_accounts", max_rows=1)


def test_transfer_is_recorded_without_an_event(
    owner: Connection, released: UUID, service: Actor
) -> None:
    """Reconcile has read it from Stripe; the events that come later change nothing."""
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
    """Reconcile may read objects that are not ours."""
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


def test_refund_during_a_dispute_revives_no_transfer(owner: Connection, released: UUID) -> None:
    """The order was released before, but its dispute is still open."""
    moved(owner, released, "disputed", "stripe")
    permission(owner, claimed(owner))

    refund_told(owner, "succeeded", 3000, stripe_refund_id="re_outside")

    assert [("canceled", PART, 0)] == states(owner, released)
