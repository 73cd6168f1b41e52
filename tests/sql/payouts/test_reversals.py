"""Reversals of transfers after a refund or a lost dispute."""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time
from tests.sql.paying import (
    AMOUNT,
    ROUTES,
    attached,
    balances,
    drift,
    moved,
    ordered,
    outbox_rows,
    refund_requested,
    report_refund,
    succeeded,
)
from tests.sql.payouts.paying_out import (
    PART,
    claimed,
    lease,
    permission,
    report_transfer,
    reversal,
    reversal_rows,
    sent,
    states,
    transfer_rows,
)


KIND = "transfer_reversal"


@pytest.fixture
def transferred(owner: Connection, released: UUID) -> UUID:
    """Pay the seller of an order."""
    sent(owner)
    return released


def refund(owner: Connection, order_id: UUID, cents: int, moderator: Actor) -> dict[str, Any]:
    """Reserve a refund of a released order as staff do; return its outbox row."""
    before = {row["id"] for row in outbox_rows(owner, "refund")}
    answer = refund_requested(owner, order_id, cents, user_id=moderator.id)
    assert answer["success"], answer
    [row] = [row for row in outbox_rows(owner, "refund") if row["id"] not in before]
    return row


def refunded(owner: Connection, order_id: UUID, cents: int, moderator: Actor) -> None:
    row = refund(owner, order_id, cents, moderator)
    report_refund(
        owner, "succeeded", cents, stripe_refund_id=f"re_{row['id']}", outbox_id=row["id"]
    )


def amounts(owner: Connection) -> list[int]:
    return [row["payload"]["amount_cents"] for row in reversal_rows(owner)]


def failed(owner: Connection, code: str = "STRIPE_BALANCE_INSUFFICIENT") -> Any:
    job = claimed(owner, KIND)
    assert permission(owner, job)["may_send"]
    service = Actor(connection=owner, role="service_role")
    return service.call("fail_outbox", error_code=code, **lease(job))


def test_refund_after_the_payout_is_reversed(
    owner: Connection, transferred: UUID, moderator: Actor
) -> None:
    """A refund after the payout reverses the seller's part, and the platform returns its fee."""
    row = refund(owner, transferred, 3000, moderator)
    assert [] == reversal_rows(owner)
    report_refund(owner, "succeeded", 3000, outbox_id=row["id"])

    [queued] = reversal_rows(owner)
    assert "reversal:refund:re_1" == queued["dedupe_key"]
    assert [2850] == amounts(owner)
    sent(owner, "trr_1", KIND)

    assert [("paid", PART, 2850)] == states(owner, transferred)
    assert {"stripe_clearing": 350, "platform_fee": -350} == balances(owner, transferred)
    assert [] == drift(owner)


@pytest.mark.usefixtures("transferred")
def test_reversal_has_the_same_key_after_a_restore(owner: Connection) -> None:
    """A reversal keeps its idempotency key after a restore, although its row's id changes."""
    report_refund(owner, "succeeded", 3000, outbox_id="forgotten")

    [queued] = reversal_rows(owner)
    assert "reversal:refund:re_1" == queued["dedupe_key"]


def test_reversal_is_sent_with_what_we_know(
    owner: Connection, transferred: UUID, moderator: Actor
) -> None:
    """The sender gets the known reversals, to compare them with Stripe's."""
    refunded(owner, transferred, 3000, moderator)
    report_transfer(owner, transferred, reversal("trr_out", 850))

    assert 850 == permission(owner, claimed(owner, KIND))["payload"]["reversed_cents"]


def test_full_refund_reverses_everything(
    owner: Connection, transferred: UUID, moderator: Actor
) -> None:
    """A full refund ends with each account at zero."""
    refunded(owner, transferred, AMOUNT, moderator)
    sent(owner, "trr_1", KIND)

    assert [("reversed", PART, PART)] == states(owner, transferred)
    assert ({}, []) == (balances(owner, transferred), drift(owner))


def test_each_cause_reverses_its_own_part(
    owner: Connection, transferred: UUID, moderator: Actor
) -> None:
    """A second refund reverses its own part only, whether the first was sent or not."""
    refunded(owner, transferred, 3000, moderator)
    refunded(owner, transferred, 2000, moderator)

    assert [2850, 1900] == sorted(amounts(owner), reverse=True)


def test_pending_refund_is_not_reversed_with_another(
    owner: Connection, transferred: UUID, moderator: Actor
) -> None:
    """A pending refund is not reversed, because it may still fail."""
    refund(owner, transferred, 3000, moderator)

    refunded(owner, transferred, 2000, moderator)

    assert [1900] == amounts(owner)


@pytest.mark.parametrize("is_event_first", [True, False])
def test_event_and_answer_reverse_once(
    owner: Connection, transferred: UUID, moderator: Actor, *, is_event_first: bool
) -> None:
    """The event lists all reversals of the transfer; each is booked once."""
    refunded(owner, transferred, 3000, moderator)
    [row] = reversal_rows(owner)
    if not is_event_first:
        sent(owner, "trr_1", KIND)

    answers = [
        report_transfer(owner, transferred, reversal("trr_1", 2850, row))["outcome"]
        for _ in range(2)
    ]

    expected = ["processed"] if is_event_first else ["order_already_processed"]
    assert [*expected, "order_already_processed"] == answers
    assert ["done"] == [row["status"] for row in reversal_rows(owner)]
    assert [("paid", PART, 2850)] == states(owner, transferred)
    assert [] == drift(owner)


def test_reversal_before_its_transfer_books_both(owner: Connection, released: UUID) -> None:
    """A reversal's event before the transfer's posts both."""
    [row] = transfer_rows(owner)

    answer = report_transfer(owner, released, reversal("trr_1", 500), row=row)

    assert ["reversal_made_outside"] == answer["alerts"]
    assert [("paid", PART, 500)] == states(owner, released)
    assert [] == drift(owner)


def test_reversal_of_a_restored_database_raises_no_alert(
    owner: Connection, transferred: UUID
) -> None:
    """The metadata prove that a lost row of ours made it."""
    [(id_,)] = owner.execute("select private.outbox_id('reversal:refund:1')").fetchall()
    row = {"id": str(id_), "dedupe_key": "reversal:refund:1"}

    answer = report_transfer(owner, transferred, reversal("trr_1", 500, row))

    assert ("processed", []) == (answer["outcome"], answer["alerts"])


def test_reversal_made_outside_covers_the_queued_one(
    owner: Connection, transferred: UUID, moderator: Actor
) -> None:
    """A dashboard reversal replaces the queued one."""
    refunded(owner, transferred, 3000, moderator)
    report_transfer(owner, transferred, reversal("trr_out", 2850))

    answer = permission(owner, claimed(owner, KIND))

    assert (False, "NOTHING_IN_EXCESS") == (answer["may_send"], answer["reason"])
    assert ["canceled"] == [row["status"] for row in reversal_rows(owner)]


def test_partly_covered_reversal_is_smaller(
    owner: Connection, transferred: UUID, moderator: Actor
) -> None:
    """After a partial dashboard reversal only the rest is sent."""
    refunded(owner, transferred, 3000, moderator)
    report_transfer(owner, transferred, reversal("trr_out", 850))

    assert 2000 == permission(owner, claimed(owner, KIND))["payload"]["amount_cents"]


def test_transfer_that_settles_too_high_is_reversed(
    owner: Connection, released: UUID, moderator: Actor
) -> None:
    """A refund during the transfer's call makes a reversal due."""
    job = claimed(owner)
    assert permission(owner, job)["may_send"]
    refunded(owner, released, 3000, moderator)

    report_transfer(owner, released, row=job)

    [row] = reversal_rows(owner)
    assert ("reversal:transfer:tr_1", 2850) == (row["dedupe_key"], row["payload"]["amount_cents"])
    sent(owner, "trr_1", KIND)
    assert [("paid", PART, 2850)] == states(owner, released)
    assert [] == drift(owner)


def test_refund_that_fails_late_pays_the_seller_again(
    owner: Connection, transferred: UUID, moderator: Actor
) -> None:
    """A refund that fails after its reversal makes a second transfer due."""
    row = refund(owner, transferred, 3000, moderator)
    report_refund(owner, "succeeded", 3000, outbox_id=row["id"])
    sent(owner, "trr_1", KIND)

    report_refund(owner, "failed", 3000, outbox_id=row["id"])

    second = transfer_rows(owner)[-1]
    assert f"transfer:{transferred}:2" == second["dedupe_key"]
    sent(owner, "tr_2")
    assert [("paid", PART, 2850), ("paid", 2850, 0)] == states(owner, transferred)
    assert [] == drift(owner)


def test_refund_that_fails_during_its_reversal_pays_the_seller_again(
    owner: Connection, transferred: UUID, moderator: Actor
) -> None:
    """A reversal whose refund failed meanwhile is posted, and paid back."""
    row = refund(owner, transferred, 3000, moderator)
    report_refund(owner, "succeeded", 3000, outbox_id=row["id"])
    job = claimed(owner, KIND)
    assert permission(owner, job)["may_send"]
    report_refund(owner, "failed", 3000, outbox_id=row["id"])

    report_transfer(owner, transferred, reversal("trr_1", 2850, job))

    assert 2850 == permission(owner, claimed(owner))["payload"]["amount_cents"]
    assert [] == drift(owner)


def test_reversal_made_outside_pays_nobody_again(owner: Connection, transferred: UUID) -> None:
    """A dashboard reversal without a cause makes no new transfer."""
    report_transfer(owner, transferred, reversal("trr_out", 2850))

    assert [("paid", PART, 2850)] == states(owner, transferred)


def test_two_transfers_are_reversed_newest_first(
    owner: Connection, transferred: UUID, moderator: Actor
) -> None:
    """One cause may reverse two transfers, the newest first."""
    row = refund(owner, transferred, 3000, moderator)
    report_refund(owner, "succeeded", 3000, outbox_id=row["id"])
    sent(owner, "trr_1", KIND)
    report_refund(owner, "failed", 3000, outbox_id=row["id"])
    sent(owner, "tr_2")

    refunded(owner, transferred, AMOUNT, moderator)

    rows = [row for row in reversal_rows(owner) if row["status"] == "queued"]
    assert {("tr_2", 2850), ("tr_1", PART - 2850)} == {
        (row["payload"]["transfer_id"], row["payload"]["amount_cents"]) for row in rows
    }
    assert 2 == len({row["dedupe_key"] for row in rows})


def test_nothing_is_reversed_before_a_transfer(
    owner: Connection, released: UUID, moderator: Actor
) -> None:
    """A refund before the transfer only makes it smaller."""
    refunded(owner, released, 3000, moderator)

    assert [] == reversal_rows(owner)
    assert 6650 == permission(owner, claimed(owner))["payload"]["amount_cents"]


def another_release(owner: Connection, seller: Actor, buyer: Actor) -> None:
    """Release a second order of the same seller."""
    order_id = ordered(seller, buyer)
    attached(owner, order_id, "pi_second")
    succeeded(owner, order_id, "pi_second")
    for to_state, kind in ROUTES["released"]:
        moved(owner, order_id, to_state, kind)


def test_seller_without_money_owes_for_ninety_days(
    owner: Connection, transferred: UUID, moderator: Actor
) -> None:
    """A reversal is tried daily with an alert, and is dead after 90 days."""
    refunded(owner, transferred, 3000, moderator)
    for _ in range(90):
        answer = failed(owner)
        assert "queued" == answer["status"]
        assert ["transfer_waits_for_money"] == answer["alerts"]
        move_time(owner, "24 hours 1 second")

    answer = failed(owner)

    assert ("dead", ["outbox_row_dead"]) == (answer["status"], answer["alerts"])
    assert 2850 == balances(owner, transferred)["seller_payable"]
    assert [] == drift(owner)


def test_other_transfers_of_the_seller_wait_for_the_reversal(
    owner: Connection, seller: Actor, bob: Actor, transferred: UUID, moderator: Actor
) -> None:
    """The seller's other transfers wait until the reversal is paid."""
    refunded(owner, transferred, 3000, moderator)
    failed(owner)
    another_release(owner, seller, bob)
    answer = permission(owner, claimed(owner))
    assert (False, "REVERSAL_IS_UNPAID") == (answer["may_send"], answer["reason"])

    [row] = reversal_rows(owner)
    report_transfer(owner, transferred, reversal("trr_1", 2850, row))

    assert permission(owner, claimed(owner))["may_send"]


def test_dead_reversal_blocks_no_transfer(
    owner: Connection, seller: Actor, bob: Actor, transferred: UUID, moderator: Actor
) -> None:
    """A dead reversal blocks no transfer of its seller."""
    refunded(owner, transferred, 3000, moderator)
    failed(owner)
    another_release(owner, seller, bob)
    assert not permission(owner, claimed(owner))["may_send"]
    move_time(owner, "2161 hours")
    owner.execute("update public.outbox set next_attempt_at = 'infinity' where kind = 'transfer'")

    assert "dead" == failed(owner)["status"]

    assert permission(owner, claimed(owner))["may_send"]


def test_staff_release_the_transfers(
    owner: Connection, seller: Actor, bob: Actor, transferred: UUID, moderator: Actor
) -> None:
    """Staff release the seller's transfers, with an audit entry, and the reversal goes on."""
    refunded(owner, transferred, 3000, moderator)
    failed(owner)
    another_release(owner, seller, bob)
    permission(owner, claimed(owner))

    answer = moderator.call(
        "release_transfers", seller_id=seller.id, reason="The seller pays by bank transfer"
    )

    assert {"success": True, "reversals": 1} == answer
    assert permission(owner, claimed(owner))["may_send"]
    assert ["queued"] == [row["status"] for row in reversal_rows(owner)]
    query = "select actor_id, entity_id from public.audit_logs where action = 'transfers_released'"
    assert [(moderator.id, str(seller.id))] == owner.execute(query).fetchall()


def test_release_needs_staff_a_reason_and_a_cause(
    seller: Actor, moderator: Actor, anonymous: Actor
) -> None:
    """A release needs staff, a reason and a waiting reversal."""
    reason = "The seller pays by bank transfer"
    assert (
        "VALIDATION_ERROR"
        == moderator.call("release_transfers", seller_id=seller.id, reason="short")["code"]
    )
    assert (
        "CONFLICT"
        == moderator.call("release_transfers", seller_id=seller.id, reason=reason)["code"]
    )
    with pytest.raises(Exception, match="FORBIDDEN"):
        seller.call("release_transfers", seller_id=seller.id, reason=reason)
    with pytest.raises(Exception, match="permission denied"):
        anonymous.call("release_transfers", seller_id=seller.id, reason=reason)


def test_seller_on_the_staff_releases_no_own_transfers(
    owner: Connection, transferred: UUID, *, seller: Actor, moderator: Actor
) -> None:
    """Staff release none of their own transfers."""
    refunded(owner, transferred, 3000, moderator)
    failed(owner)
    owner.execute("update public.users set role = 'admin' where id = %s", [seller.id])

    answer = seller.with_second_factor().call(
        "release_transfers", seller_id=seller.id, reason="The seller pays by bank transfer"
    )

    assert "FORBIDDEN" == answer["code"]


def test_requeued_reversal_has_ninety_days_again(
    owner: Connection, transferred: UUID, moderator: Actor
) -> None:
    """A requeued reversal is tried for 90 days again."""
    refunded(owner, transferred, 3000, moderator)
    failed(owner)
    move_time(owner, "2161 hours")
    failed(owner)
    [row] = reversal_rows(owner)
    moderator.call("requeue_outbox", outbox_id=row["id"], reason="The seller promised to pay")

    assert "queued" == failed(owner)["status"]


def test_refused_reversal_is_dead(owner: Connection, transferred: UUID, moderator: Actor) -> None:
    """A reversal that Stripe refuses for good is dead."""
    refunded(owner, transferred, 3000, moderator)
    job = claimed(owner, KIND)
    permission(owner, job)
    service = Actor(connection=owner, role="service_role")

    answer = service.call("reject_outbox", error_code="STRIPE_REFUSED", **lease(job))

    assert ("dead", ["outbox_row_rejected"]) == (answer["status"], answer["alerts"])
    [row] = reversal_rows(owner)
    moderator.call("requeue_outbox", outbox_id=row["id"], reason="Stripe says try again")
    # Stripe would replay its refusal under the key of the first call.
    assert 1 == claimed(owner, KIND)["answered_errors"]


@pytest.mark.parametrize("is_refused_first", [True, False])
def test_refused_reversal_is_replaced_by_a_smaller_one(
    owner: Connection, transferred: UUID, moderator: Actor, *, is_refused_first: bool
) -> None:
    """A refused reversal is replaced by the rest after a dashboard reversal."""
    refunded(owner, transferred, AMOUNT, moderator)
    job = claimed(owner, KIND)
    permission(owner, job)
    service = Actor(connection=owner, role="service_role")

    if is_refused_first:
        service.call("reject_outbox", error_code="STRIPE_REFUSED", **lease(job))
    report_transfer(owner, transferred, reversal("trr_out", 850))
    if not is_refused_first:
        service.call("reject_outbox", error_code="STRIPE_REFUSED", **lease(job))

    assert "done" == sent(owner, "trr_rest", KIND)["status"]
    assert [("reversed", PART, PART)] == states(owner, transferred)
    assert {} == balances(owner, transferred)


def test_refused_reversal_of_the_same_amount_is_not_repeated(
    owner: Connection, transferred: UUID, moderator: Actor
) -> None:
    """A refused reversal is not repeated with the same amount."""
    refunded(owner, transferred, 3000, moderator)
    job = claimed(owner, KIND)
    permission(owner, job)

    Actor(connection=owner, role="service_role").call(
        "reject_outbox", error_code="STRIPE_REFUSED", **lease(job)
    )

    assert ["dead"] == [row["status"] for row in reversal_rows(owner)]
