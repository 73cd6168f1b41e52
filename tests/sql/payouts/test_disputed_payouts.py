"""Transfers and reversals of orders that the buyer's bank disputes."""

from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.disputing import lost, report_dispute, won
from tests.sql.paying import (
    AMOUNT,
    balances,
    drift,
    moved,
    order_row,
    outbox_rows,
    refund_requested,
    report_refund,
)
from tests.sql.payouts.paying_out import (
    PART,
    claimed,
    permission,
    reversal_rows,
    sent,
    states,
    transfer_rows,
)


KIND = "transfer_reversal"


def refunded(owner: Connection, order_id: UUID, cents: int) -> None:
    answer = refund_requested(owner, order_id, cents)
    assert answer["success"], answer
    [row] = outbox_rows(owner, "refund")
    report_refund(owner, "succeeded", cents, outbox_id=row["id"])


def test_worked_case_ends_at_zero(owner: Connection, delivered: UUID) -> None:
    """A refund, a payout, a lost dispute and a reversal end at zero: 100 = 30 + 70 dollars."""
    refunded(owner, delivered, 3000)
    moved(owner, delivered, "released", "buyer")
    assert [("queued", 6650, 0)] == states(owner, delivered)
    sent(owner)
    lost(owner, 7000)
    assert [6650] == [row["payload"]["amount_cents"] for row in reversal_rows(owner)]
    sent(owner, "trr_1", KIND)

    assert [("reversed", 6650, 6650)] == states(owner, delivered)
    assert ({}, [], "refunded") == (
        balances(owner, delivered),
        drift(owner),
        order_row(owner, delivered)["state"],
    )


def test_dispute_after_the_payout_reverses_only_a_loss(owner: Connection, released: UUID) -> None:
    """Only a lost dispute reverses the transfer of a payout."""
    sent(owner)

    won(owner)

    assert ([], [("paid", PART, 0)]) == (reversal_rows(owner), states(owner, released))
    assert [] == drift(owner)


def test_won_dispute_lets_the_transfer_go(owner: Connection, released: UUID) -> None:
    """A won dispute makes the canceled transfer due again."""
    report_dispute(owner, "needs_response", AMOUNT)
    assert "ORDER_IS_DISPUTED" == permission(owner, claimed(owner))["reason"]
    assert [("canceled", PART, 0)] == states(owner, released)

    report_dispute(owner, "won", AMOUNT, AMOUNT)

    assert permission(owner, claimed(owner))["may_send"]


def test_money_that_comes_back_late_lets_the_transfer_go(owner: Connection, released: UUID) -> None:
    """The transfer waits for the money of a won dispute."""
    report_dispute(owner, "needs_response", AMOUNT)
    permission(owner, claimed(owner))
    report_dispute(owner, "won", AMOUNT)
    assert "DISPUTE_HOLDS_MONEY" == permission(owner, claimed(owner))["reason"]

    report_dispute(owner, "won", AMOUNT, AMOUNT)

    assert [("queued", PART, 0)] == states(owner, released)
    assert permission(owner, claimed(owner))["may_send"]


def test_inquiry_stops_the_transfer(owner: Connection, released: UUID) -> None:
    """An inquiry stops the transfer, because it may become a dispute."""
    report_dispute(owner, "warning_needs_response")
    assert "ORDER_IS_DISPUTED" == permission(owner, claimed(owner))["reason"]

    report_dispute(owner, "warning_closed")

    assert [("queued", PART, 0)] == states(owner, released)


@pytest.mark.parametrize("is_sent_before", [True, False])
def test_partial_loss_costs_the_seller_a_part(
    owner: Connection, released: UUID, *, is_sent_before: bool
) -> None:
    """After a partial loss the seller has the part of the remaining money."""
    if is_sent_before:
        sent(owner)
    lost(owner, 4000)
    if is_sent_before:
        sent(owner, "trr_1", KIND)
    else:
        sent(owner)

    [(_, amount, reversed_cents)] = states(owner, released)
    assert 5700 == amount - reversed_cents
    assert {"stripe_clearing": 300, "platform_fee": -300} == balances(owner, released)
    assert [] == drift(owner)


def test_reinstatement_after_a_loss_pays_the_seller_again(
    owner: Connection, released: UUID
) -> None:
    """A reinstatement after a reversal makes a new transfer due."""
    sent(owner)
    lost(owner, 4000)
    sent(owner, "trr_1", KIND)

    report_dispute(owner, "lost", 4000, 4000)

    assert 2 == len(transfer_rows(owner))
    sent(owner, "tr_2")
    assert [("paid", PART, 3800), ("paid", 3800, 0)] == states(owner, released)
    assert [] == drift(owner)


def test_decision_of_staff_ends_the_wait(
    owner: Connection, delivered: UUID, alice: Actor, moderator: Actor
) -> None:
    """The transfer is sent after staff have denied the parties' dispute."""
    dispute = alice.call(
        "open_dispute",
        order_id=delivered,
        dispute_type="damaged_item",
        reason="Broken",
        description="It arrived in two pieces",
    )
    assert dispute["success"], dispute
    answer = moderator.call(
        "resolve_dispute",
        dispute_id=dispute["dispute_id"],
        decision="deny",
        note="The photos show no damage",
    )
    assert answer["success"], answer
    moved(owner, delivered, "released", "buyer")

    assert permission(owner, claimed(owner))["may_send"]
