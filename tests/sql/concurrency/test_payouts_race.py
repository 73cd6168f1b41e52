"""Transfers meet refunds, disputes, accounts and each other on other connections."""

from collections.abc import Callable
from functools import partial
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.concurrency.crowd import OnOwnConnection, Waits, at_once, under_way
from tests.sql.paying import (
    AMOUNT,
    balances,
    brought_to,
    drift,
    ordered,
    outbox_rows,
    report_refund,
    service_of,
    stored,
)
from tests.sql.payouts.paying_out import (
    PART,
    account_read,
    claimed,
    lease,
    onboarded,
    permission,
    report_transfer,
    reversal_rows,
    sent,
    states,
    transfer_rows,
)


REFUND = """
  select private.process_refund_transaction(%(order_id)s, 3000, 'agreed', %(user_id)s, %(key)s)
"""
DISPUTE = """
  select private.transition_order(%(order_id)s, 'disputed', null, 'stripe', 'dispute_created')
"""


@pytest.fixture
def released(owner: Connection, seller: Actor, alice: Actor) -> UUID:
    """Release an order to a seller who can be paid."""
    order_id = ordered(seller, alice)
    brought_to(owner, order_id, "released")
    onboarded(owner, seller)
    owner.commit()
    return order_id


@pytest.mark.parametrize(
    ("change", "reason"), [(REFUND, "REFUND_IS_PENDING"), (DISPUTE, "ORDER_IS_DISPUTED")]
)
def test_transfer_that_waited_for_a_change_is_not_sent(
    owner: Connection,
    released: UUID,
    moderator: Actor,
    service: Actor,
    *,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
    change: LiteralString,
    reason: str,
) -> None:
    """A transfer's permission reads the order after its wait, and finds a refund or dispute."""
    job = claimed(owner)
    owner.commit()
    worker = on_own_connection(service)
    values = {"order_id": released, "user_id": moderator.id, "key": uuid4()}

    with psycopg.connect(owner.info.dsn) as other:
        other.execute(change, values)
        with under_way(
            partial(watcher, worker), partial(permission, worker.connection, job)
        ) as answer:
            other.commit()

    assert (False, reason) == (answer.result()["may_send"], answer.result()["reason"])
    assert [("canceled", PART, 0)] == states(owner, released)


def test_refund_against_transfer_keeps_the_books(
    owner: Connection,
    released: UUID,
    moderator: Actor,
    service: Actor,
    on_own_connection: OnOwnConnection,
) -> None:
    """In either sequence the seller ends with the part that was not refunded."""
    job = claimed(owner)
    owner.commit()
    worker, staff = on_own_connection(service), on_own_connection(service)

    allowed, _ = at_once(
        [
            partial(permission, worker.connection, job),
            partial(
                staff.call,
                "process_refund_transaction",
                order_id=released,
                refund_amount_cents=3000,
                refund_reason="agreed",
                user_id=moderator.id,
                client_request_id=uuid4(),
            ),
        ]
    )
    if allowed["may_send"]:
        service_of(owner).call("finish_outbox", stripe_object_id="tr_1", result="{}", **lease(job))
    [refund] = outbox_rows(owner, "refund")
    report_refund(owner, "succeeded", 3000, outbox_id=refund["id"])
    if allowed["may_send"]:
        sent(owner, "trr_1", "transfer_reversal")
    else:
        sent(owner)

    assert {"stripe_clearing": 350, "platform_fee": -350} == balances(owner, released)
    assert [] == drift(owner)


def test_answer_and_events_together_book_one_transfer(
    owner: Connection, released: UUID, service: Actor, on_own_connection: OnOwnConnection
) -> None:
    """Our own answer and four deliveries of two events book one transfer."""
    job = claimed(owner)
    permission(owner, job)
    events = [stored(owner, "transfer.created", None) for _ in range(2)]
    owner.commit()

    def apply(event_id: str) -> Callable[[], Any]:
        return partial(
            on_own_connection(service).call,
            "apply_transfer",
            event_id=event_id,
            stripe_transfer_id="tr_1",
            outbox_id=job["id"],
            dedupe_key=job["dedupe_key"],
            order_ref=str(released),
            charge_id=None,
            amount_cents=PART,
            currency="aud",
            reversals='[{"id": "trr_1", "amount_cents": 500}]',
        )

    finish: Callable[[], Any] = partial(
        on_own_connection(service).call,
        "finish_outbox",
        stripe_object_id="tr_1",
        result="{}",
        **lease(job),
    )
    at_once([finish, *(apply(event_id) for event_id in events * 2)])

    assert [("paid", PART, 500)] == states(owner, released)
    assert ["done"] == [row["status"] for row in transfer_rows(owner)]
    assert AMOUNT - PART + 500 == balances(owner, released)["stripe_clearing"]
    assert [] == drift(owner)


@pytest.mark.usefixtures("released")
def test_account_that_is_enabled_during_the_check_wakes_the_transfer(
    owner: Connection,
    seller: Actor,
    service: Actor,
    *,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
) -> None:
    """The check saw the old state; the change waits for it and makes the row due again."""
    account_read(owner, seller, enabled=False)
    job = claimed(owner)
    owner.commit()
    reader = on_own_connection(service)

    with psycopg.connect(owner.info.dsn, options="-c search_path=") as worker:
        # The actor's call is part of this transaction, and does not commit it.
        worker.execute("select 1")
        answer = permission(worker, job)
        assert (False, "PAYOUTS_DISABLED") == (answer["may_send"], answer["reason"])
        with under_way(
            partial(watcher, reader),
            partial(account_read, reader.connection, seller, enabled=True),
        ) as read:
            worker.commit()

    read.result()
    assert permission(owner, claimed(owner))["may_send"]


def test_two_reconcilers_revive_a_transfer_once(
    owner: Connection, released: UUID, service: Actor, on_own_connection: OnOwnConnection
) -> None:
    """The second reconciler finds the row queued."""
    owner.execute("update public.outbox set status = 'canceled' where kind = 'transfer'")
    owner.commit()

    workers = [on_own_connection(service) for _ in range(4)]
    counts = at_once([partial(worker.call, "queue_due_transfers") for worker in workers])

    assert 1 == sum(counts)
    assert [("queued", PART, 0)] == states(owner, released)


def test_job_locks_no_order_that_it_leaves_alone(owner: Connection, released: UUID) -> None:
    """The job leaves an order unlocked if its books disagree, so events can be applied."""
    owner.execute("update public.outbox set status = 'canceled' where kind = 'transfer'")
    owner.execute("update public.orders set refunded_cents = 1")
    owner.commit()

    # The actor's call is part of this transaction, and does not commit it.
    owner.execute("select 1")
    assert 0 == service_of(owner).call("queue_due_transfers")

    with psycopg.connect(owner.info.dsn) as other:
        order = other.execute("select id from public.orders for update nowait").fetchone()
    assert (released,) == order


@pytest.mark.parametrize("is_event", [True, False])
def test_outbox_row_is_locked_before_its_payout(
    owner: Connection,
    released: UUID,
    service: Actor,
    *,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
    is_event: bool,
) -> None:
    """Both sides lock the outbox row before its payout, so they never deadlock."""
    owner.execute("update public.outbox set status = 'canceled' where kind = 'transfer'")
    [row] = transfer_rows(owner)
    owner.commit()
    worker = on_own_connection(service)
    change: Callable[[], Any] = partial(worker.call, "queue_due_transfers")
    if is_event:
        change = partial(report_transfer, worker.connection, released, row=row)

    with psycopg.connect(owner.info.dsn) as staff:
        staff.execute("select from public.outbox where id = %s for update", [row["id"]])
        with under_way(partial(watcher, worker), change) as answer:
            staff.execute("select from public.payouts for update nowait")
            staff.commit()

    answer.result()
    assert [("paid" if is_event else "queued", PART, 0)] == states(owner, released)


def test_two_refunds_at_once_queue_their_own_reversals(
    owner: Connection,
    released: UUID,
    moderator: Actor,
    service: Actor,
    on_own_connection: OnOwnConnection,
) -> None:
    """The second refund counts the reversal that the first has queued."""
    sent(owner)
    for cents in (3000, 2000):
        service_of(owner).call(
            "process_refund_transaction",
            order_id=released,
            refund_amount_cents=cents,
            refund_reason="agreed",
            user_id=moderator.id,
            client_request_id=uuid4(),
        )
    rows = outbox_rows(owner, "refund")
    owner.commit()

    def apply(row: dict[str, Any]) -> Callable[[], Any]:
        return partial(
            report_refund,
            on_own_connection(service).connection,
            "succeeded",
            row["payload"]["amount_cents"],
            stripe_refund_id=f"re_{row['id']}",
            outbox_id=row["id"],
        )

    at_once([apply(row) for row in rows])

    assert [1900, 2850] == sorted(row["payload"]["amount_cents"] for row in reversal_rows(owner))
    assert [] == drift(owner)


def test_concurrent_accounts_leave_one(
    owner: Connection, seller: Actor, service: Actor, on_own_connection: OnOwnConnection
) -> None:
    """A seller has one account, whichever call comes first."""
    owner.commit()
    callers = [on_own_connection(service) for _ in range(4)]

    answers = at_once(
        [
            partial(
                caller.call, "set_connect_account", user_id=seller.id, account_id=f"acct_{number}"
            )
            for number, caller in enumerate(callers)
        ]
    )

    assert 1 == sum(answer["success"] for answer in answers)
    assert {"CONFLICT"} == {answer["code"] for answer in answers if not answer["success"]}
