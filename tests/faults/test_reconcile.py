"""Stripe never delivers its events, and reconcile finds what they report."""

import functools
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from market.accounts.deletion import finish_deletions
from market.kyc.reconciliation import reread_sessions
from market.payments import reconciliation
from tests.faults.reconciling import Reconciler, look_at_once
from tests.faults.refunding import check_one_refund, refund_row
from tests.integration.service.applicant import DOCUMENT, Applicant
from tests.integration.service.shop import AMOUNT, Order, Shop


pytestmark = pytest.mark.xdist_group("deliveries")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    look_at_once(monkeypatch)


@pytest.fixture
def silent(shop: Shop) -> None:
    """Let Stripe deliver nothing, now and later."""
    shop.command("PUT", "/delivery", mode="drop")


@pytest.fixture
def new_reconciler(environment: Mapping[str, str]) -> Iterator[Callable[[], Reconciler]]:
    """Give a function that builds reconcilers; the fixture closes their connections."""
    made: list[Reconciler] = []

    def build() -> Reconciler:
        made.append(Reconciler.of(environment))
        return made[-1]

    yield build
    for one in made:
        one.close()


@pytest.fixture
def reconciler(new_reconciler: Callable[[], Reconciler]) -> Reconciler:
    return new_reconciler()


def captures(shop: Shop, order: Order) -> int:
    return int(
        shop.value(
            "select count(*) from public.ledger_entries"
            " where order_id = %s and entry_type = 'CAPTURE' and account = 'stripe_clearing'",
            order.id,
        )
    )


def last_run(shop: Shop) -> tuple[int, str | None]:
    [row] = shop.db.execute(
        "select failed, error from private.job_runs where job = 'reconcile'"
        " order by started_at desc limit 1"
    ).fetchall()
    return (row[0], row[1])


@pytest.mark.usefixtures("silent")
def test_missed_payment_and_refund_are_booked_once(shop: Shop, reconciler: Reconciler) -> None:
    """Reconcile books a capture and a dashboard refund whose events were dropped."""
    order = shop.awaiting()
    shop.pay(order)
    shop.stripe.v1.refunds.create({"payment_intent": order.intent_id, "amount": AMOUNT})
    assert "pending_payment" == shop.state(order)

    for _ in range(2):
        reconciler.run()

    assert "refunded" == shop.state(order)
    assert 1 == captures(shop, order)
    assert (0, None) == last_run(shop)
    shop.check_books()


@pytest.mark.usefixtures("silent")
def test_delivery_after_the_reading_is_a_repetition(shop: Shop, reconciler: Reconciler) -> None:
    """A late delivery of an event that reconcile has applied changes nothing."""
    order = shop.awaiting()
    shop.pay(order)
    reconciler.run()
    [event] = [
        one
        for one in shop.stripe.v1.events.list({"type": "payment_intent.succeeded"}).data
        if one.data.object["id"] == order.intent_id
    ]

    answer = shop.post(event.to_dict())

    assert (200, True, "already_processed") == (
        answer.status_code,
        answer.json()["idempotent"],
        answer.json()["status"],
    )
    assert 1 == captures(shop, order)


@pytest.mark.usefixtures("silent")
def test_two_reconcilers_at_once_book_once(
    shop: Shop, new_reconciler: Callable[[], Reconciler]
) -> None:
    """Two reconcilers may run at once, and each event has one effect."""
    orders = [shop.awaiting() for _ in range(5)]
    for order in orders:
        shop.pay(order)
    fleet = [new_reconciler() for _ in range(3)]
    start = threading.Barrier(len(fleet))

    def run(one: Reconciler) -> None:
        start.wait()
        one.run()

    threads = [threading.Thread(target=run, args=[one]) for one in fleet]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ["paid"] * 5 == [shop.state(order) for order in orders]
    assert [1] * 5 == [captures(shop, order) for order in orders]
    shop.check_books()


@pytest.mark.usefixtures("silent")
def test_events_that_stripe_has_forgotten_are_not_needed(
    shop: Shop, reconciler: Reconciler
) -> None:
    """Reconcile reads open intents and pending refunds from Stripe again, without their events."""
    order, canceled = shop.awaiting(), shop.awaiting()
    shop.pay(order)
    shop.stripe.v1.payment_intents.cancel(canceled.intent_id)
    forget_events(shop)
    shop.db.execute(
        "update public.payments set created_at = created_at - interval '1 hour'"
        " where order_id = any(%s)",
        [[uuid.UUID(order.id), uuid.UUID(canceled.id)]],
    )

    reconciler.run()

    assert "paid" == shop.state(order)
    intent = "select stripe_payment_intent_id from public.orders where id = %s"
    assert shop.value(intent, canceled.id) is None
    shop.check_books()


def forget_events(shop: Shop) -> None:
    """Move the position past all events, as if they were older than Stripe's list."""
    shop.db.execute(
        "insert into private.reading_positions values ('events', clock_timestamp() + '1 hour')"
        " on conflict (list) do update set reached_at = excluded.reached_at"
    )


@pytest.fixture(autouse=True)
def _remembered(shop: Shop) -> Iterator[None]:
    """Delete positions, which would hide the events of the next test."""
    yield
    shop.db.execute("delete from private.reading_positions")


@pytest.mark.usefixtures("silent")
def test_refund_without_events_ends(shop: Shop, reconciler: Reconciler) -> None:
    """A refund that was pending when we sent it ends, because reconcile reads that it succeeded."""
    order = shop.awaiting()
    shop.pay(order, "pm_card_pendingRefund")
    reconciler.run()
    assert "paid" == shop.state(order)
    shop.request_refund(order)
    reconciler.work_off()
    assert ("pending", "done") == refund_row(shop, order)
    [refund] = shop.refunds_of(order)
    shop.command("POST", f"/refunds/{refund['id']}/settle", status="succeeded")
    forget_events(shop)
    shop.db.execute("update public.refunds set created_at = created_at - interval '1 hour'")

    reconciler.run()

    check_one_refund(shop, order)


@pytest.mark.usefixtures("silent")
def test_dispute_without_events_ends(shop: Shop, reconciler: Reconciler) -> None:
    """A dispute whose later events are missing ends, because reconcile reads that it was lost."""
    order = shop.awaiting()
    shop.pay(order)
    dispute_id = shop.disputed(order)
    reconciler.run()
    assert "disputed" == shop.state(order)
    shop.command("POST", f"/disputes/{dispute_id}/close", status="lost")
    forget_events(shop)
    shop.db.execute("update public.disputes set created_at = created_at - interval '1 hour'")

    reconciler.run()

    assert "refunded" == shop.state(order)
    shop.check_books()


@pytest.mark.usefixtures("silent")
def test_unpaid_order_expires_after_its_intent(shop: Shop, reconciler: Reconciler) -> None:
    """The intent is canceled first, then the order, with one strike, in two runs (case 9)."""
    order = shop.awaiting()
    make_overdue(shop, order)

    reconciler.run()
    assert "pending_payment" == shop.state(order)
    reconciler.work_off()
    for _ in range(2):
        reconciler.run()

    assert "cancelled" == shop.state(order)
    assert "canceled" == shop.stripe.v1.payment_intents.retrieve(order.intent_id).status
    strikes = "select count(*) from public.user_strikes where order_id = %s"
    assert 1 == shop.value(strikes, order.id)
    shop.check_books()


@pytest.mark.usefixtures("silent")
def test_payment_at_the_deadline_is_never_lost(shop: Shop, reconciler: Reconciler) -> None:
    """A buyer may pay after the deadline, until the intent is canceled (case 9)."""
    order = shop.awaiting()
    make_overdue(shop, order)
    shop.pay(order)

    for _ in range(2):
        reconciler.run()
        reconciler.work_off()

    assert "paid" == shop.state(order)
    assert 1 == captures(shop, order)
    shop.check_books()


@pytest.mark.usefixtures("silent")
def test_intent_of_a_lost_answer_is_canceled(
    shop: Shop, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reconcile cancels an intent whose creation got no answer, and leaves an intent in use."""
    monkeypatch.setattr(reconciliation, "_UNUSED_FOR_S", 0)
    order, current = shop.sold(), shop.awaiting()
    hidden = shop.intent(metadata=order.metadata | {"dedupe_key": f"intent:{order.id}:1"}).id

    for _ in range(2):
        reconciler.run()
        reconciler.work_off()

    assert "canceled" == status_of(shop, hidden)
    assert "requires_payment_method" == status_of(shop, current.intent_id)
    shop.check_books()


def difference(shop: Shop, order: Order) -> int:
    return int(
        shop.value("select cents from private.stripe_differences(array[%s::uuid])", order.id)
    )


def is_blocked(shop: Shop, order: Order) -> bool:
    return bool(shop.value("select private.has_difference(%s)", order.id))


@pytest.mark.usefixtures("silent")
def test_order_stripe_and_ledger_agree(shop: Shop, reconciler: Reconciler) -> None:
    """Order, Stripe and ledger agree after a payment, a stray payment and two refunds."""
    orders = [shop.awaiting() for _ in range(3)]
    for order in orders:
        shop.pay(order)
    reconciler.run()
    shop.request_refund(orders[0], 2_500)
    reconciler.work_off()
    shop.stripe.v1.refunds.create({"payment_intent": orders[1].intent_id, "amount": 1})
    stray = shop.intent(metadata=orders[2].metadata)
    shop.stripe.v1.payment_intents.confirm(stray.id, {"payment_method": "pm_card_visa"})

    for _ in range(2):
        reconciler.run()
        reconciler.work_off()

    shop.wait_for(lambda: is_read(shop, reconciler, orders))
    assert [0, 0, 0] == [difference(shop, order) for order in orders]
    shop.check_books()


def is_read(shop: Shop, reconciler: Reconciler, orders: list[Order]) -> bool:
    """Reconcile; return true if no order differs.

    Stripe books a charge a second late.
    """
    reconciler.run()
    return all(difference(shop, order) == 0 for order in orders)


@pytest.mark.usefixtures("silent")
def test_lasting_difference_blocks_the_order(shop: Shop, reconciler: Reconciler) -> None:
    """A cent at Stripe without a ledger entry blocks the order until the difference ends."""
    order = shop.awaiting()
    shop.pay(order)
    reconciler.run()
    shop.wait_for(lambda: is_read(shop, reconciler, [order]))
    shop.db.execute(
        "update private.balance_transactions set amount_cents = amount_cents + 1"
        " where order_id = %s",
        [order.id],
    )
    look_again(shop, reconciler, order)
    assert not is_blocked(shop, order)
    shop.db.execute(
        "update private.order_checks set differs_since = differs_since - interval '10 minutes'"
        " where order_id = %s",
        [order.id],
    )

    look_again(shop, reconciler, order)

    assert is_blocked(shop, order)
    shop.db.execute(
        "update private.balance_transactions set amount_cents = amount_cents - 1"
        " where order_id = %s",
        [order.id],
    )
    look_again(shop, reconciler, order)
    assert not is_blocked(shop, order)


def look_again(shop: Shop, reconciler: Reconciler, order: Order) -> None:
    """Let a minute pass for the check of an order, and check it."""
    shop.db.execute(
        "update private.order_checks set checked_at = checked_at - interval '1 minute'"
        " where order_id = %s",
        [order.id],
    )
    reconciler.run()


@pytest.mark.usefixtures("silent")
def test_refund_whose_events_are_gone_is_found_by_the_balance(
    shop: Shop, reconciler: Reconciler
) -> None:
    """Reconcile finds a dashboard refund without events by its movement on the balance."""
    order = shop.awaiting()
    shop.pay(order)
    reconciler.run()
    shop.stripe.v1.refunds.create({"payment_intent": order.intent_id, "amount": 700})
    forget_events(shop)

    shop.wait_for(lambda: is_read(shop, reconciler, [order]))

    refunded = "select refunded_cents from public.orders where id = %s"
    assert 700 == shop.value(refunded, order.id)
    shop.check_books()


def status_of(shop: Shop, intent_id: str) -> Any:
    return shop.stripe.v1.payment_intents.retrieve(intent_id).status


def make_overdue(shop: Shop, order: Order) -> None:
    shop.db.execute(
        "update public.orders set payment_due_at = clock_timestamp() - interval '1 minute'"
        " where id = %s",
        [order.id],
    )


@pytest.mark.usefixtures("silent")
def test_verification_without_events_is_read_again(shop: Shop, reconciler: Reconciler) -> None:
    """Reconcile reads a session again after ten minutes, so it finds a pass and a redaction."""
    person = Applicant.of_somebody_new(shop)
    session_id = person.started()
    person.check(session_id, "verified", verified_outputs={"address": DOCUMENT})
    reread = functools.partial(
        reread_sessions, reconciler.adapters.stripe_api, reconciler.adapters.database
    )
    reread(limit=100)
    assert "pending" == person.shown()["status"]

    grow_old(shop, session_id)
    reread(limit=100)
    assert ("passed", True) == (person.shown()["status"], person.user()["address_verified"])

    assert shop.service.call("anonymise_account", user_id=person.user_id)["success"]
    reconciler.work_off()
    assert "processing" == redaction_of(shop, session_id)
    shop.command("POST", f"/scheduled_actions/{session_id}")
    grow_old(shop, session_id)
    reread(limit=100)
    assert "redacted" == redaction_of(shop, session_id)


def test_deletion_that_auth_did_not_answer_is_finished(shop: Shop, reconciler: Reconciler) -> None:
    """The next run deletes the user at Auth after the service was killed between the two steps."""
    person = shop.person("leaver")
    assert shop.service.call("anonymise_account", user_id=person.id)["success"]
    shop.db.execute(
        "update private.account_deletions set checked_at = checked_at - interval '2 minutes'"
        " where user_id = %s",
        [person.id],
    )

    assert 1 <= finish_deletions(
        reconciler.adapters.database, reconciler.adapters.auth_api, limit=20
    )

    query = "select deleted_at is not null and email not like '%%@%%' from auth.users where id = %s"
    assert shop.value(query, person.id)
    query = "select count(*) from private.account_deletions where user_id = %s"
    assert 0 == shop.value(query, person.id)


def redaction_of(shop: Shop, session_id: str) -> str:
    query = "select redaction::text from private.kyc_sessions where stripe_session_id = %s"
    return str(shop.value(query, session_id))


def grow_old(shop: Shop, session_id: str) -> None:
    """Let eleven minutes pass for a session."""
    shop.db.execute(
        """
        update private.kyc_sessions
        set
          created_at = created_at - interval '11 minutes',
          checked_at = checked_at - interval '11 minutes',
          redaction_requested_at = redaction_requested_at - interval '11 minutes'
        where stripe_session_id = %s
        """,
        [session_id],
    )
