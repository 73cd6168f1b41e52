"""Transfers to sellers: queued at the release, checked before they are sent, booked once."""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
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
    report_refund,
)
from tests.sql.payouts.paying_out import (
    PAID,
    PART,
    charge_of,
    claimed,
    payout,
    permission,
    report_transfer,
    reversal,
    sent,
    states,
    transfer_rows,
)


def refunded(owner: Connection, order_id: UUID, cents: int, status: str = "succeeded") -> None:
    """Refund a part of a released order as staff do, up to a result at Stripe."""
    staff = owner.execute("select id from public.users where role = 'moderator'").fetchone()
    assert staff is not None
    answer = refund_requested(owner, order_id, cents, user_id=staff[0])
    assert answer["success"], answer
    if status != "pending":
        job = outbox_rows(owner, "refund")[-1]
        report_refund(owner, status, cents, stripe_refund_id=f"re_{cents}", outbox_id=job["id"])


def outcome(answer: Any) -> tuple[bool, str | None]:
    return answer["may_send"], answer["reason"]


def test_release_books_and_queues_the_sellers_part(owner: Connection, delivered: UUID) -> None:
    """C11: a release posts RELEASE and FEE, and queues one payout of the amount less the fee."""
    query = """
      select entry_type::text, account::text, amount_cents from public.ledger_entries
      where order_id = %s and fact like 'release:%%'
    """
    assert ([], [], []) == (
        owner.execute(query, [delivered]).fetchall(),
        transfer_rows(owner),
        states(owner, delivered),
    )

    assert moved(owner, delivered, "released", "buyer")["success"]

    assert {
        ("RELEASE", "buyer", AMOUNT),
        ("RELEASE", "seller_payable", -PART),
        ("FEE", "platform_fee", PART - AMOUNT),
    } == set(owner.execute(query, [delivered]))
    [row] = transfer_rows(owner)

    assert (f"transfer:{delivered}", "queued") == (row["dedupe_key"], row["status"])
    assert [("queued", PART, 0)] == states(owner, delivered)
    assert row["id"] == payout(owner, delivered)["outbox_id"]


@pytest.mark.parametrize("state", ["paid", "ready_for_handover", "shipped", "delivered"])
def test_nothing_is_queued_before_the_release(
    owner: Connection, seller: Actor, alice: Actor, state: str
) -> None:
    """No transfer is queued before the release."""
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
        "transferred_cents": 0,
    } == answer["payload"]


def test_second_transfer_is_sent_with_what_we_know(owner: Connection, released: UUID) -> None:
    """The sender gets the known transfers, to compare them with Stripe's."""
    report_transfer(owner, released, stripe_transfer_id="tr_out", amount_cents=4000)

    payload = permission(owner, claimed(owner))["payload"]

    assert (4000, PART - 4000) == (payload["transferred_cents"], payload["amount_cents"])


def test_transfer_is_booked(owner: Connection, released: UUID) -> None:
    """After the transfer the seller is owed nothing, and the fee is left."""
    assert "done" == sent(owner)["status"]

    assert [("paid", PART, 0)] == states(owner, released)
    assert PAID == balances(owner, released)
    assert [] == drift(owner)


@pytest.mark.usefixtures("moderator")
def test_pending_refund_cancels_and_a_partial_one_revives(
    owner: Connection, released: UUID
) -> None:
    """A pending refund cancels the row; after its success the rest is due."""
    refunded(owner, released, 3000, "pending")
    assert (False, "REFUND_IS_PENDING") == outcome(permission(owner, claimed(owner)))
    assert [("canceled", PART, 0)] == states(owner, released)

    job = outbox_rows(owner, "refund")[0]
    report_refund(owner, "succeeded", 3000, outbox_id=job["id"])

    assert [("queued", 6650, 0)] == states(owner, released)
    assert 6650 == permission(owner, claimed(owner))["payload"]["amount_cents"]


@pytest.mark.usefixtures("moderator")
def test_failed_refund_revives_the_whole_transfer(owner: Connection, released: UUID) -> None:
    """A failed refund makes the whole transfer due again."""
    refunded(owner, released, 3000, "pending")
    permission(owner, claimed(owner))

    job = outbox_rows(owner, "refund")[0]
    report_refund(owner, "failed", 3000, outbox_id=job["id"])

    assert [("queued", PART, 0)] == states(owner, released)


@pytest.mark.usefixtures("moderator")
def test_fully_refunded_order_pays_nobody(
    owner: Connection, released: UUID, service: Actor
) -> None:
    """The row of a fully refunded order stays canceled."""
    refunded(owner, released, AMOUNT)

    assert (False, "ORDER_NOT_RELEASED") == outcome(permission(owner, claimed(owner)))
    assert 0 == service.call("queue_due_transfers")


def test_dispute_cancels_and_its_end_revives(
    owner: Connection, released: UUID, service: Actor
) -> None:
    """An open dispute cancels the row, and a won one makes it due again."""
    moved(owner, released, "disputed", "stripe")
    assert (False, "ORDER_IS_DISPUTED") == outcome(permission(owner, claimed(owner)))
    assert 0 == service.call("queue_due_transfers")

    moved(owner, released, "released", "stripe")

    assert ["queued"] == [row["status"] for row in transfer_rows(owner)]
    assert (True, None) == outcome(permission(owner, claimed(owner)))


def test_drift_cancels_and_its_repair_revives(
    owner: Connection, released: UUID, service: Actor
) -> None:
    """Drift cancels the row, and the next run after the repair makes it due."""
    change = "update public.orders set refunded_cents = %s where id = %s"
    owner.execute(change, [1, released])
    assert (False, "LEDGER_DRIFTED") == outcome(permission(owner, claimed(owner)))
    assert 0 == service.call("queue_due_transfers")

    owner.execute(change, [0, released])

    assert 1 == service.call("queue_due_transfers")
    assert 0 == service.call("queue_due_transfers")
    assert [("queued", PART, 0)] == states(owner, released)


def test_difference_from_stripe_cancels_and_its_end_revives(
    owner: Connection, released: UUID, service: Actor
) -> None:
    """A lasting difference from Stripe cancels the row until it ends."""
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
    """The job checks at most the requested number of rows."""
    owner.execute("update public.outbox set status = 'canceled' where kind = 'transfer'")
    assert [("canceled", PART, 0)] == states(owner, released)

    assert 0 == service.call("queue_due_transfers", max_rows=0)
    assert 1 == service.call("queue_due_transfers", max_rows=1)


def test_payouts_are_listed_for_their_seller(
    owner: Connection, seller: Actor, bob: Actor, released: UUID, service: Actor
) -> None:
    """The sums follow the states, and the list has no id of Stripe."""
    pending = service.call("list_payouts", user_id=seller.id, max_rows=50)
    sent(owner)
    paid = service.call("list_payouts", user_id=seller.id, max_rows=50)
    report_transfer(owner, released, reversal("trr_1", 500))
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
    """An order of which nothing is due to the seller has no transfer."""
    order_id = ordered(seller, alice)
    brought_to(owner, order_id, "delivered")
    owner.execute(
        "update public.orders set platform_fee_bps = 10000, platform_fee_cents = amount_cents,"
        " seller_amount_cents = 0 where id = %s",
        [order_id],
    )
    moved(owner, order_id, "released", "buyer")

    assert ([], "released") == (transfer_rows(owner), order_row(owner, order_id)["state"])


def test_refund_during_a_dispute_revives_no_transfer(owner: Connection, released: UUID) -> None:
    """A refund during a dispute makes no transfer due."""
    moved(owner, released, "disputed", "stripe")
    permission(owner, claimed(owner))

    report_refund(owner, "succeeded", 3000, stripe_refund_id="re_outside")

    assert [("canceled", PART, 0)] == states(owner, released)
