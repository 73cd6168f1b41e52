"""Transfers that cannot be sent yet: the account is not ready, or Stripe refuses them."""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time
from tests.sql.paying import (
    balances,
    brought_to,
    notified,
    ordered,
    report_refund,
)
from tests.sql.payouts.paying_out import (
    PAID,
    PART,
    account_read,
    claimed,
    lease,
    onboarded,
    permission,
    sent,
    states,
    transfer_rows,
)


def outcome(answer: Any) -> tuple[bool, str | None]:
    return answer["may_send"], answer["reason"]


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

    assert 1 == notified(owner, seller).count("payout_action_required")
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
    """A transfer to a disabled account is not sent."""
    account_read(owner, seller, enabled=False)

    assert (False, "PAYOUTS_DISABLED") == outcome(permission(owner, claimed(owner)))
    assert [("queued", PART, 0)] == states(owner, released)


def failed(owner: Connection, code: str) -> Any:
    job = claimed(owner)
    assert permission(owner, job)["may_send"]
    service = Actor(connection=owner, role="service_role")
    return service.call("fail_outbox", error_code=code, **lease(job))


@pytest.mark.parametrize("code", ["STRIPE_BALANCE_INSUFFICIENT", "STRIPE_ACCOUNT_UNABLE"])
def test_failure_with_money_is_never_final(owner: Connection, released: UUID, code: str) -> None:
    """A transfer without balance is retried without end, with alerts and a new key each time."""
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
    """A disabled account that the sender read notifies the seller at once."""
    job = claimed(owner)
    permission(owner, job)
    account_read(owner, seller, enabled=False)
    service.call("fail_outbox", error_code="STRIPE_ACCOUNT_UNABLE", **lease(job))

    assert (False, "PAYOUTS_DISABLED") == outcome(permission(owner, claimed(owner)))
    assert ["payout_action_required"] == [
        type_ for type_ in notified(owner, seller) if type_ == "payout_action_required"
    ]
    assert [("queued", PART, 0)] == states(owner, released)


def test_final_no_is_dead_until_the_account_is_enabled_anew(
    owner: Connection, seller: Actor, released: UUID, service: Actor
) -> None:
    """A refused transfer stays dead until its account changes or staff act."""
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
    job = claimed(owner)
    # Stripe would replay its refusal under the key of the first call.
    assert 1 == job["answered_errors"]
    assert (True, None) == outcome(permission(owner, job))


@pytest.mark.usefixtures("moderator")
def test_refused_amount_is_replaced_by_another(
    owner: Connection, released: UUID, service: Actor
) -> None:
    """A refused transfer is replaced after a refund changed its amount."""
    job = claimed(owner)
    permission(owner, job)
    service.call("reject_outbox", error_code="STRIPE_REFUSED", **lease(job))

    report_refund(owner, "succeeded", 3000, stripe_refund_id="re_outside")

    assert [("queued", 6650, 0)] == states(owner, released)


@pytest.mark.usefixtures("moderator")
def test_amount_that_changes_during_the_refused_call_is_sent_again(
    owner: Connection, released: UUID, service: Actor
) -> None:
    """A refund during the refused call makes the transfer due with the new amount."""
    job = claimed(owner)
    permission(owner, job)
    report_refund(owner, "succeeded", 3000, stripe_refund_id="re_outside")

    answer = service.call("reject_outbox", error_code="STRIPE_REFUSED", **lease(job))

    assert ["outbox_row_rejected"] == answer["alerts"]
    assert [("queued", 6650, 0)] == states(owner, released)
    assert 6650 == permission(owner, claimed(owner))["payload"]["amount_cents"]


def test_staff_queue_a_dead_transfer_again(
    owner: Connection, released: UUID, moderator: Actor
) -> None:
    """Staff queue a dead transfer again, and its payout's status follows."""
    for _ in range(10):
        failed(owner, "STRIPE_ERROR")
        move_time(owner, "2 hours")
    assert [("dead", PART, 0)] == states(owner, released)

    [row] = transfer_rows(owner)
    answer = moderator.call("requeue_outbox", outbox_id=row["id"], reason="Stripe is back")

    assert answer["success"]
    assert [("queued", PART, 0)] == states(owner, released)


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
