"""`apply_dispute`: disputes at Stripe, in any sequence of their events."""

import itertools
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.disputing import dispute_row, lost, report_dispute, won
from tests.sql.paying import (
    AMOUNT,
    ROUTES,
    attached,
    balances,
    brought_to,
    drift,
    moved,
    notified,
    order_row,
    paid,
    refund_requested,
    report_refund,
    service_of,
    stored,
    succeeded,
)


#: The states in which a dispute can begin.
DISPUTABLE = ("paid", "ready_for_handover", "shipped", "delivered", "released")


def state_of(owner: Connection, order_id: UUID) -> tuple[str, str | None]:
    order = order_row(owner, order_id)
    return order["state"], order["state_before_dispute"]


def staff_refund(owner: Connection, order_id: UUID, amount: int | None, moderator: Actor) -> Any:
    return refund_requested(owner, order_id, amount, user_id=moderator.id)


@pytest.mark.parametrize("state", DISPUTABLE)
def test_new_dispute_stops_the_order(
    owner: Connection, order_id: UUID, seller: Actor, state: str
) -> None:
    """The order is disputed and remembers its state. Stripe's money is on hold."""
    brought_to(owner, order_id, state)
    before = balances(owner, order_id)

    answer = report_dispute(owner, "needs_response", AMOUNT)

    assert ("processed", str(order_id), []) == (
        answer["outcome"],
        answer["order_id"],
        answer["alerts"],
    )
    assert ("disputed", state) == state_of(owner, order_id)
    after = balances(owner, order_id)
    assert AMOUNT == after.pop("dispute_hold")
    assert before | {"stripe_clearing": 0} == {"stripe_clearing": 0} | after
    assert "dispute_created" in notified(owner, seller)
    assert [] == drift(owner)


def test_row_tells_about_the_dispute(
    owner: Connection, order_id: UUID, alice: Actor, seller: Actor
) -> None:
    """The row has the parties, Stripe's reason and the money, in both status columns."""
    paid(owner, order_id)

    report_dispute(owner, "needs_response", 7_000, reason="product_not_received")

    row = dispute_row(owner)
    assert {
        "order_id": str(order_id),
        "initiator_id": str(alice.id),
        "respondent_id": str(seller.id),
        "dispute_type": "item_not_received",
        "reason": "product_not_received",
        "amount_cents": 7_000,
        "withdrawn_cents": 7_000,
        "reinstated_cents": 0,
        "currency": "aud",
        "status": "open",
        "state": "open",
        "stripe_dispute_id": "du_1",
        "stripe_status": "needs_response",
        "resolution": None,
        "resolved_at": None,
    }.items() <= row.items()
    assert row["created_at"].startswith("2026-09-21")


@pytest.mark.parametrize("state", DISPUTABLE)
def test_won_dispute_leads_back(
    owner: Connection, order_id: UUID, alice: Actor, *, seller: Actor, state: str
) -> None:
    """A dispute that is won restores the state before and the books (C10, case 18)."""
    brought_to(owner, order_id, state)
    before = balances(owner, order_id)

    answer = won(owner)

    assert ("processed", []) == (answer["outcome"], answer["alerts"])
    assert (state, None) == state_of(owner, order_id)
    assert before == balances(owner, order_id)
    assert ("closed", "resolved", "no_action") == tuple(
        dispute_row(owner)[name] for name in ("status", "state", "resolution_type")
    )
    for party in (alice, seller):
        assert "dispute_resolved" in notified(owner, party)
    assert [] == drift(owner)


@pytest.mark.parametrize("state", DISPUTABLE)
def test_dispute_lost_in_full_refunds_the_order(
    owner: Connection, order_id: UUID, state: str
) -> None:
    """The buyer has all the money back, so nothing is left in any account (case 18)."""
    brought_to(owner, order_id, state)

    lost(owner)

    assert ("refunded", None) == state_of(owner, order_id)
    assert {} == balances(owner, order_id)
    assert "full_refund" == dispute_row(owner)["resolution_type"]
    assert [] == drift(owner)


@pytest.mark.parametrize("state", DISPUTABLE)
def test_dispute_lost_in_part_leads_back(owner: Connection, order_id: UUID, state: str) -> None:
    """Only refunds and losses of the whole amount end the order (C10)."""
    brought_to(owner, order_id, state)

    lost(owner, 7_000)

    assert (state, None) == state_of(owner, order_id)
    rest = (
        {"seller_payable": -2_850, "platform_fee": -150}
        if state == "released"
        else {"buyer": -3_000}
    )
    assert {"stripe_clearing": 3_000} | rest == balances(owner, order_id)
    assert "partial_refund" == dispute_row(owner)["resolution_type"]
    assert [] == drift(owner)


@pytest.mark.parametrize(("first", "second"), [("refund", "loss"), ("loss", "refund")])
def test_refund_and_loss_together_end_the_order(
    owner: Connection, order_id: UUID, *, first: str, second: str
) -> None:
    """Refunds + losses = the amount, in either sequence."""
    brought_to(owner, order_id, "released")
    steps = {
        "refund": lambda: report_refund(owner, "succeeded", 3_000, stripe_refund_id="re_part"),
        "loss": lambda: lost(owner, 7_000),
    }

    steps[first]()
    assert "released" == order_row(owner, order_id)["state"]
    steps[second]()

    assert ("refunded", None) == state_of(owner, order_id)
    assert ({}, []) == (balances(owner, order_id), drift(owner))


def test_loss_beyond_the_orders_money_is_the_platforms(owner: Connection, order_id: UUID) -> None:
    """A refund and a dispute over the whole amount cost more than the buyer paid."""
    paid(owner, order_id)
    report_refund(owner, "succeeded", 3_000)

    lost(owner)

    assert ("refunded", None) == state_of(owner, order_id)
    assert {"stripe_clearing": -3_000, "platform_fee": 3_000} == balances(owner, order_id)
    assert [] == drift(owner)


def test_inquiry_moves_no_money(owner: Connection, order_id: UUID) -> None:
    """An inquiry stops the order and posts nothing; closed, it restores the state (C10)."""
    brought_to(owner, order_id, "shipped")
    before = balances(owner, order_id)

    for status in ("warning_needs_response", "warning_under_review"):
        report_dispute(owner, status)
        assert ("disputed", "shipped") == state_of(owner, order_id)
        assert (before, []) == (balances(owner, order_id), drift(owner))
    report_dispute(owner, "warning_closed")

    assert ("shipped", None) == state_of(owner, order_id)
    assert (before, []) == (balances(owner, order_id), drift(owner))


def test_inquiry_becomes_a_dispute(owner: Connection, order_id: UUID) -> None:
    """An inquiry keeps its id when it becomes a dispute, now with money (A12)."""
    paid(owner, order_id)
    report_dispute(owner, "warning_closed")
    assert ("paid", None) == state_of(owner, order_id)

    report_dispute(owner, "needs_response", AMOUNT)

    assert ("disputed", "paid") == state_of(owner, order_id)
    assert (None, "open") == (dispute_row(owner)["resolved_at"], dispute_row(owner)["status"])
    assert [] == drift(owner)


@pytest.mark.parametrize(
    ("reinstated", "state"), [(AMOUNT, "paid"), (4_000, "paid"), (0, "refunded")]
)
@pytest.mark.parametrize("status", ["prevented", "a_word_of_tomorrow"])
def test_other_ends_follow_the_money(
    owner: Connection, order_id: UUID, *, status: str, reinstated: int, state: str
) -> None:
    """Another closing status means what its balance transactions say; a person looks at it."""
    paid(owner, order_id)
    report_dispute(owner, "needs_response", AMOUNT)

    answer = report_dispute(owner, status, AMOUNT, reinstated)

    assert ["dispute_ended_otherwise"] == answer["alerts"]
    assert state == order_row(owner, order_id)["state"]
    assert 0 == balances(owner, order_id).get("dispute_hold", 0)
    assert reinstated == balances(owner, order_id).get("stripe_clearing", 0)
    assert [] == drift(owner)


def test_last_dispute_frees_the_order(owner: Connection, order_id: UUID) -> None:
    """An order stays disputed until its last open dispute closes."""
    brought_to(owner, order_id, "delivered")
    report_dispute(owner, "needs_response", 4_000, dispute_id="du_1")
    report_dispute(owner, "warning_needs_response", dispute_id="du_2")

    report_dispute(owner, "lost", 4_000, dispute_id="du_1")
    assert ("disputed", "delivered") == state_of(owner, order_id)
    assert [] == drift(owner)
    report_dispute(owner, "warning_closed", dispute_id="du_2")

    assert ("delivered", None) == state_of(owner, order_id)
    assert [] == drift(owner)


def test_lost_order_waits_for_its_other_dispute(owner: Connection, order_id: UUID) -> None:
    """All money is lost, and the order is refunded when its other dispute closes."""
    paid(owner, order_id)
    report_dispute(owner, "warning_needs_response", dispute_id="du_2")

    lost(owner)
    assert ("disputed", "paid") == state_of(owner, order_id)
    assert [] == drift(owner)
    report_dispute(owner, "warning_closed", dispute_id="du_2")

    assert ("refunded", None) == state_of(owner, order_id)
    assert [] == drift(owner)


@pytest.mark.parametrize("state", ["paid", "released"])
def test_reinstatement_after_a_loss_reverses_it(
    owner: Connection, order_id: UUID, state: str
) -> None:
    """A part of the lost money comes back: that much of the loss is taken back, with an alert."""
    brought_to(owner, order_id, state)
    lost(owner, 7_000)

    answer = report_dispute(owner, "lost", 7_000, 4_000)

    assert ["dispute_loss_reversed"] == answer["alerts"]
    rest = (
        {"seller_payable": -6_650, "platform_fee": -350}
        if state == "released"
        else {"buyer": -7_000}
    )
    assert {"stripe_clearing": 7_000} | rest == balances(owner, order_id)
    assert state == order_row(owner, order_id)["state"]
    assert [] == drift(owner)


def test_money_that_comes_back_in_parts_is_posted_in_parts(
    owner: Connection, order_id: UUID
) -> None:
    """Each growth of the totals is a fact of its own."""
    paid(owner, order_id)
    for withdrawn, reinstated, status in (
        (3_000, 0, "needs_response"),
        (7_000, 0, "needs_response"),
        (7_000, 1_000, "lost"),
        (7_000, 2_000, "lost"),
        (7_000, 7_000, "won"),
    ):
        report_dispute(owner, status, withdrawn, reinstated)
        assert [] == drift(owner)

    query = """
      select distinct fact from public.ledger_entries where fact like 'dispute:%' order by fact
    """
    assert [
        f"dispute:du_1:{step}"
        for step in (
            "lost", "lost:1", "lost:2", "reinstated", "reinstated:2000", "reinstated:7000",
            "withdrawn", "withdrawn:7000",
        )
    ] == [fact for (fact,) in owner.execute(query)]  # fmt: skip
    assert {"stripe_clearing": AMOUNT, "buyer": -AMOUNT} == balances(owner, order_id)


#: Readings of one dispute in the sequence in which Stripe has them.
COURSES: dict[str, list[tuple[str, int, int]]] = {
    "won": [
        ("warning_needs_response", 0, 0),
        ("needs_response", 7_000, 0),
        ("under_review", 7_000, 0),
        ("won", 7_000, 7_000),
    ],
    "lost": [
        ("needs_response", 0, 0),
        ("needs_response", AMOUNT, 0),
        ("lost", AMOUNT, 0),
        ("lost", AMOUNT, 2_500),
    ],
    "lost in full": [
        ("needs_response", AMOUNT, 0),
        ("under_review", AMOUNT, 0),
        ("lost", AMOUNT, 0),
    ],
    "inquiry": [
        ("warning_needs_response", 0, 0),
        ("warning_under_review", 0, 0),
        ("warning_closed", 0, 0),
    ],
}


def end_of(owner: Connection, order_id: UUID) -> tuple[Any, ...]:
    """Return the final state after a sequence of events."""
    dispute = dispute_row(owner)
    order = order_row(owner, order_id)
    notices = "select user_id::text, type from public.notifications where type like 'dispute%'"
    return (
        [
            dispute[name]
            for name in ("stripe_status", "status", "withdrawn_cents", "reinstated_cents")
        ],
        [order[name] for name in ("state", "state_before_dispute", "refunded_cents")],
        balances(owner, order_id),
        sorted(owner.execute(notices).fetchall()),
        drift(owner),
    )


@pytest.mark.parametrize("state", ["shipped", "released"])
@pytest.mark.parametrize("course", ["won", "inquiry"])
def test_readings_in_any_sequence_have_one_end(
    owner: Connection, order_id: UUID, *, course: str, state: str
) -> None:
    """Two processes may apply what they have read in another sequence, and each one twice."""
    brought_to(owner, order_id, state)
    ends = []
    for readings in itertools.permutations(COURSES[course]):
        owner.execute("savepoint start")
        for reading in readings * 2:
            report_dispute(owner, *reading)
        ends.append(end_of(owner, order_id))
        owner.execute("rollback to start")

    assert [] == [end for end in ends if end != ends[0]]
    assert (state, []) == (ends[0][1][0], ends[0][-1])


@pytest.mark.parametrize("state", ["shipped", "released"])
@pytest.mark.parametrize("course", ["lost", "lost in full"])
def test_lost_readings_in_any_sequence_have_one_end(
    owner: Connection, order_id: UUID, *, course: str, state: str
) -> None:
    """Readings of a lost dispute end with the same ledger in any sequence.

    Only an order that was refunded in between stays refunded.
    """
    brought_to(owner, order_id, state)
    ends = []
    for readings in itertools.permutations(COURSES[course]):
        owner.execute("savepoint start")
        for reading in readings * 2:
            report_dispute(owner, *reading)
        dispute, order, *rest = end_of(owner, order_id)
        if course == "lost":
            assert order[0] in {state, "refunded"}
            order, rest[-1] = [], []
        ends.append((dispute, order, *rest))
        owner.execute("rollback to start")

    assert [] == [end for end in ends if end != ends[0]]


def test_duplicate_changes_nothing(owner: Connection, order_id: UUID) -> None:
    """The same reading of a dispute changes nothing (case 18)."""
    paid(owner, order_id)
    event_id = stored(owner, "charge.dispute.created")
    first = report_dispute(owner, "needs_response", AMOUNT)
    count = "select count(*) from public.ledger_entries"
    before = owner.execute(count).fetchall()

    again = report_dispute(owner, "needs_response", AMOUNT)

    assert ("processed", "order_already_processed") == (first["outcome"], again["outcome"])
    assert before == owner.execute(count).fetchall()
    assert event_id


def test_settled_event_is_done(owner: Connection, order_id: UUID) -> None:
    """The same event id again answers already_processed and changes nothing."""
    paid(owner, order_id)
    event_id = stored(owner, "charge.dispute.created")
    call = {
        "event_id": event_id, "stripe_dispute_id": "du_1", "payment_intent_id": "pi_current",
        "charge_id": None, "amount_cents": 5, "currency": "aud", "status": "needs_response",
        "reason": None, "withdrawn_cents": 5, "reinstated_cents": 0, "created": None,
    }  # fmt: skip
    service = service_of(owner)

    assert "processed" == service.call("apply_dispute", **call)["outcome"]
    again = service.call("apply_dispute", **(call | {"status": "lost"}))

    assert "already_processed" == again["outcome"]
    assert "needs_response" == dispute_row(owner)["stripe_status"]


@pytest.mark.parametrize("end", ["refunded", "cancelled"])
def test_ended_order_stays_ended(owner: Connection, order_id: UUID, end: str) -> None:
    """No dispute moves an ended order; its money is posted all the same."""
    if end == "refunded":
        paid(owner, order_id)
        report_refund(owner, "succeeded", AMOUNT)
        report_refund(owner, "failed", AMOUNT)
        intent = "pi_current"
    else:
        assert moved(owner, order_id, "cancelled", "admin")["success"]
        succeeded(owner, order_id, "pi_late")
        intent = "pi_late"

    report_dispute(owner, "needs_response", AMOUNT, intent=intent)
    assert end == order_row(owner, order_id)["state"]
    report_dispute(owner, "lost", AMOUNT, intent=intent)

    assert end == order_row(owner, order_id)["state"]
    assert [] == [name for name, _, _ in drift(owner) if not name.startswith("orders.")]


def test_dispute_of_a_stray_leaves_the_order(
    owner: Connection, order_id: UUID, seller: Actor
) -> None:
    """A dispute of a stray payment changes no order and notifies no seller."""
    paid(owner, order_id)
    succeeded(owner, order_id, "pi_stray", amount_cents=77, currency="usd")
    report_refund(
        owner,
        "failed",
        77,
        stripe_refund_id="re_stray",
        intent="pi_stray",
        outbox_id=str(
            owner.execute("select id from public.outbox where kind = 'auto_refund'").fetchall()[0][
                0
            ]
        ),
    )

    report_dispute(owner, "needs_response", 77, intent="pi_stray", currency="usd")
    assert "paid" == order_row(owner, order_id)["state"]
    assert [] == drift(owner)
    report_dispute(owner, "lost", 77, intent="pi_stray", currency="usd")

    assert "paid" == order_row(owner, order_id)["state"]
    assert "dispute_created" not in notified(owner, seller)
    assert {"stripe_clearing": AMOUNT, "buyer": -AMOUNT} == balances(owner, order_id)
    assert [] == drift(owner)


def test_dispute_is_found_by_its_charge(owner: Connection, order_id: UUID) -> None:
    """A dispute without an intent is found by its charge (A12)."""
    paid(owner, order_id)

    answer = report_dispute(owner, "needs_response", AMOUNT, intent=None, charge_id="ch_pi_current")

    assert ("processed", str(order_id)) == (answer["outcome"], answer["order_id"])


def test_dispute_waits_for_its_payment(owner: Connection, order_id: UUID) -> None:
    """A dispute waits until its payment is booked, and then applies."""
    with pytest.raises(psycopg.Error, match="INTENT_UNKNOWN"), owner.transaction():
        report_dispute(owner, "needs_response", AMOUNT, intent="pi_new")
    with pytest.raises(psycopg.Error, match="PREDECESSOR_MISSING"), owner.transaction():
        report_dispute(owner, "needs_response", AMOUNT, intent="pi_new", order_ref=str(order_id))
    attached(owner, order_id)
    with pytest.raises(psycopg.Error, match="PREDECESSOR_MISSING"), owner.transaction():
        report_dispute(owner, "needs_response", AMOUNT)

    succeeded(owner, order_id)

    assert "processed" == report_dispute(owner, "needs_response", AMOUNT)["outcome"]


@pytest.mark.parametrize("order_ref", ["no-uuid", "c1a5b6de-2f7b-4c0b-9f61-7a2d8e4b3f33"])
@pytest.mark.usefixtures("order_id")
def test_dispute_of_an_unknown_order_is_an_alert(owner: Connection, order_ref: str) -> None:
    """The metadata names an order that we do not have."""
    answer = report_dispute(owner, "needs_response", 5, intent="pi_x", order_ref=order_ref)

    assert ("order_not_found", ["order_not_found"]) == (answer["outcome"], answer["alerts"])
    # The event is found by this text when the order is created after a restore.
    query = "select order_ref from public.webhook_events where type like 'charge.dispute.%'"
    assert [(order_ref,)] == owner.execute(query).fetchall()


@pytest.mark.parametrize(
    "changes",
    [
        {"stripe_dispute_id": None},
        {"status": None},
        {"amount_cents": None},
        {"amount_cents": -1},
        {"currency": None},
        {"currency": "nzd"},
        {"withdrawn_cents": None},
        {"reinstated_cents": None},
        {"reinstated_cents": -1},
        {"reinstated_cents": 6},
    ],
)
def test_unreadable_dispute_changes_nothing(
    owner: Connection, order_id: UUID, changes: dict[str, Any]
) -> None:
    """A value that we need is missing or impossible: the event fails and is tried again."""
    paid(owner, order_id)

    reading: dict[str, Any] = {"status": "needs_response", "withdrawn": 5} | changes

    with pytest.raises(psycopg.Error, match="PAYLOAD_UNREADABLE"), owner.transaction():
        report_dispute(owner, **reading)
    assert "paid" == order_row(owner, order_id)["state"]


def test_no_refund_while_stripe_holds_the_money(
    owner: Connection, order_id: UUID, moderator: Actor
) -> None:
    """A refund is a conflict while the bank has the money, and has its usual limit later."""
    brought_to(owner, order_id, "released")
    report_dispute(owner, "needs_response", 7_000)
    report_dispute(owner, "won", 7_000, 0)

    refused = staff_refund(owner, order_id, 1_000, moderator)
    assert ("CONFLICT", "Stripe holds this money for a dispute") == (
        refused["code"],
        refused["error"],
    )
    report_dispute(owner, "won", 7_000, 7_000)

    assert staff_refund(owner, order_id, 1_000, moderator)["success"]
    assert [] == drift(owner)


def test_no_cancellation_while_stripe_holds_the_money(
    owner: Connection, order_id: UUID, seller: Actor
) -> None:
    """After a won dispute nobody cancels the order until its money is back."""
    paid(owner, order_id)
    report_dispute(owner, "won", 7_000, 0)
    service = service_of(owner)

    for action in ("cancel", "refund"):
        call = {"order_id": order_id, "user_id": seller.id, "action": action}
        assert "CONFLICT" == service.call("act_on_order", **call)["code"]
    owner.execute("update private.test_clock set ahead_by = ahead_by + interval '90 days'")
    service.call("settle_due_orders")
    assert not order_row(owner, order_id)["refund_pending"]
    report_dispute(owner, "won", 7_000, 7_000)

    service.call("settle_due_orders")

    assert order_row(owner, order_id)["refund_pending"]


def test_refund_after_a_loss_is_at_most_the_rest(
    owner: Connection, order_id: UUID, moderator: Actor
) -> None:
    """A refund after a loss is at most the money that is left."""
    brought_to(owner, order_id, "released")
    lost(owner, 7_000)

    assert "VALIDATION_ERROR" == staff_refund(owner, order_id, 3_001, moderator)["code"]
    assert staff_refund(owner, order_id, 3_000, moderator)["success"]
    assert [] == drift(owner)


@pytest.mark.parametrize("course", ["refund first", "loss first"])
def test_refund_that_fails_beside_a_loss(owner: Connection, order_id: UUID, *, course: str) -> None:
    """A refund fails because the bank took its money, and the loss is the whole amount."""
    brought_to(owner, order_id, "delivered")
    assert refund_requested(owner, order_id, 3_000)["success"]
    [(outbox_id,)] = owner.execute("select id::text from public.outbox where kind = 'refund'")
    steps = [
        lambda: report_refund(owner, "failed", 3_000, outbox_id=outbox_id),
        lambda: lost(owner),
    ]

    for step in steps if course == "refund first" else reversed(steps):
        step()
        assert [] == drift(owner)

    assert ("refunded", None) == state_of(owner, order_id)
    assert {} == balances(owner, order_id)


@pytest.mark.parametrize("dispute_first", [True, False])
def test_cancellation_beside_an_inquiry_has_one_end(
    owner: Connection, order_id: UUID, *, dispute_first: bool
) -> None:
    """A refund that cancels the order does so too while a bank asks about it."""
    paid(owner, order_id)
    owner.execute(
        """
        select private.reserve_refund(o, p, 10000, 'cancelled', 'no_longer_wanted', null, 'key')
        from public.orders as o join public.payments as p on p.order_id = o.id
        """
    )
    [(outbox_id,)] = owner.execute("select id::text from public.outbox where kind = 'refund'")

    if dispute_first:
        report_dispute(owner, "warning_needs_response")
    report_refund(owner, "succeeded", AMOUNT, outbox_id=outbox_id)
    report_dispute(owner, "warning_needs_response")

    assert ("cancelled", None) == state_of(owner, order_id)
    assert ({}, []) == (balances(owner, order_id), drift(owner))


@pytest.mark.parametrize("state", sorted(set(ROUTES) - {"disputed", "released"}))
def test_time_settles_no_disputed_order(owner: Connection, order_id: UUID, state: str) -> None:
    """While a dispute is open nothing is delivered, released or cancelled by time."""
    brought_to(owner, order_id, state)
    report_dispute(owner, "needs_response", AMOUNT)
    owner.execute("update private.test_clock set ahead_by = ahead_by + interval '90 days'")

    assert 0 == service_of(owner).call("settle_due_orders")

    assert ("disputed", state) == state_of(owner, order_id)
    for to_state in ("released", "delivered", state):
        for kind in ("buyer", "seller", "system", "stripe", "admin"):
            with pytest.raises(psycopg.errors.CheckViolation), owner.transaction():
                moved(owner, order_id, to_state, kind)


def recorded(owner: Connection, **changes: object) -> Any:
    """Let reconcile record a dispute that it has read."""
    dispute: dict[str, object] = {
        "stripe_dispute_id": "du_1", "payment_intent_id": "pi_current", "charge_id": None,
        "amount_cents": 7_000, "currency": "aud", "status": "prevented", "reason": None,
        "withdrawn_cents": 7_000, "reinstated_cents": 7_000, "created": 1_790_000_000,
    }  # fmt: skip
    return service_of(owner).call("record_dispute", **(dispute | changes))


def test_reading_without_an_event_has_the_same_effect(owner: Connection, order_id: UUID) -> None:
    """Reconcile applies what it reads, once, and the alert is answered until it is confirmed."""
    paid(owner, order_id)
    report_dispute(owner, "needs_response", 7_000)

    answers = [recorded(owner) for _ in range(2)]

    assert [
        ("processed", str(order_id), ["dispute_ended_otherwise"]),
        ("order_already_processed", str(order_id), ["dispute_ended_otherwise"]),
    ] == [(one["outcome"], one["order_id"], one["alerts"]) for one in answers]
    assert ("paid", None) == state_of(owner, order_id)
    assert [] == drift(owner)


@pytest.mark.parametrize("intent", ["pi_current", "pi_unknown", None])
def test_reading_of_an_unrecorded_payment_is_ignored(
    owner: Connection, order_id: UUID, intent: str | None
) -> None:
    """A dispute of an unknown payment is ignored, because another duty books the payment first."""
    attached(owner, order_id)

    answer = recorded(owner, payment_intent_id=intent)

    assert ("ignored", []) == (answer["outcome"], answer["alerts"])


def test_open_disputes_are_read_again(owner: Connection, order_id: UUID) -> None:
    """Open disputes, and those with missing money, are read again every ten minutes."""
    paid(owner, order_id)
    readings = [
        ("needs_response", 1_000, 0),
        ("won", 1_000, 1_000),
        ("won", 1_000, 400),
        ("lost", 1_000, 0),
        ("warning_under_review", 0, 0),
    ]
    for number, (status, withdrawn, reinstated) in enumerate(readings):
        report_dispute(owner, status, withdrawn, reinstated, dispute_id=f"du_{number}")
    service = service_of(owner)
    move = "update private.test_clock set ahead_by = ahead_by + interval '11 minutes'"
    owner.execute("update public.disputes set created_at = private.clock()")

    assert [] == service.call("claim_open_disputes")
    owner.execute(move)

    due = {"du_0", "du_2", "du_4"}
    assert due == set(service.call("claim_open_disputes"))
    assert [] == service.call("claim_open_disputes")
    owner.execute(move)
    assert due == set(service.call("claim_open_disputes"))
