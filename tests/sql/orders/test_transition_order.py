"""`transition_order`: the only writer of an order's state."""

import itertools
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.paying import (
    ROUTES,
    attached,
    brought_to,
    drift,
    moved,
    notified,
    order_row,
    outbox_rows,
    paid,
    refund_requested,
    report_refund,
    service_of,
)


STATES = ["pending_payment", *ROUTES, "refunded", "cancelled"]
KINDS = ["buyer", "seller", "system", "stripe", "admin"]

#: The actors that may make each move, by the contract; every other move is refused.
LEGAL: dict[tuple[str, str], set[str]] = {
    ("pending_payment", "paid"): {"stripe"},
    ("pending_payment", "cancelled"): {"buyer", "seller", "system", "admin"},
    ("paid", "ready_for_handover"): {"seller"},
    ("paid", "shipped"): {"seller"},
    ("paid", "delivered"): {"buyer"},
    ("paid", "disputed"): {"buyer", "seller", "stripe", "admin"},
    ("ready_for_handover", "shipped"): {"seller"},
    ("ready_for_handover", "delivered"): {"buyer"},
    ("ready_for_handover", "disputed"): {"buyer", "seller", "stripe", "admin"},
    ("shipped", "delivered"): {"buyer", "system"},
    ("shipped", "disputed"): {"buyer", "seller", "stripe", "admin"},
    ("delivered", "released"): {"buyer", "system"},
    ("delivered", "disputed"): {"buyer", "seller", "stripe", "admin"},
    ("released", "disputed"): {"stripe"},
    ("disputed", "released"): {"stripe", "admin"},
    # The order of the test was disputed when it was paid.
    ("disputed", "paid"): {"stripe", "admin"},
}
#: Moves that also become legal once all of the money is back.
WITH_MONEY_BACK: dict[tuple[str, str], set[str]] = {
    ("paid", "cancelled"): {"stripe", "admin"},
    ("ready_for_handover", "cancelled"): {"stripe", "admin"},
} | {
    (state, "refunded"): {"stripe", "admin"}
    for state in ("paid", "ready_for_handover", "shipped", "delivered", "released", "disputed")
}


def placed(owner: Connection, order_id: UUID, state: str) -> None:
    """Bring the order to any of its states."""
    if state == "pending_payment":
        attached(owner, order_id)
    elif state == "cancelled":
        moved(owner, order_id, "cancelled", "admin")
    elif state == "refunded":
        paid(owner, order_id)
        report_refund(owner, "succeeded", 10_000)
    elif state == "disputed":
        # An open dispute would refuse the moves back.
        paid(owner, order_id)
        moved(owner, order_id, "disputed", "buyer")
    else:
        brought_to(owner, order_id, state)
    assert state == order_row(owner, order_id)["state"]


def allowed(owner: Connection, order_id: UUID, to_state: str, kind: str) -> bool:
    """Try a move and undo it; return true if it was allowed."""
    refusal = ""
    owner.execute("savepoint before")
    try:
        moved(owner, order_id, to_state, kind)
    except psycopg.errors.CheckViolation as error:
        refusal = str(error.diag.message_primary)
    owner.execute("rollback to before")
    state = order_row(owner, order_id)["state"]
    assert refusal in {"", f"Invalid order state transition from {state} to {to_state}"}
    return not refusal


@pytest.mark.parametrize("from_state", STATES)
def test_every_pair_is_allowed_or_refused(
    owner: Connection, order_id: UUID, from_state: str
) -> None:
    """A8: the table names the actors of each move, and any other move is refused with 23514."""
    placed(owner, order_id, from_state)

    for to_state, kind in itertools.product(STATES, KINDS):
        if to_state != from_state:
            expected = kind in LEGAL.get((from_state, to_state), set())
            assert (to_state, kind, expected) == (
                to_state,
                kind,
                allowed(owner, order_id, to_state, kind),
            )


@pytest.mark.parametrize("from_state", ROUTES)
def test_money_goes_back_before_the_state_says_so(
    owner: Connection, order_id: UUID, from_state: str
) -> None:
    """A paid order becomes refunded or cancelled only after all of its money went back (C11)."""
    placed(owner, order_id, from_state)
    owner.execute("update public.orders set refunded_cents = amount_cents")

    for to_state, kind in itertools.product(("refunded", "cancelled"), KINDS):
        expected = kind in WITH_MONEY_BACK.get((from_state, to_state), set())
        assert expected == allowed(owner, order_id, to_state, kind)
    owner.execute("update public.orders set refunded_cents = 0")


def test_paid_order_is_picked_up_only_where_that_was_offered(
    owner: Connection, order_id: UUID
) -> None:
    """A move from paid to delivered needs a listing with pickup."""
    paid(owner, order_id)
    owner.execute("update public.listings set pickup = false")

    assert not allowed(owner, order_id, "delivered", "buyer")


def test_order_is_shipped_only_where_that_was_offered(owner: Connection, order_id: UUID) -> None:
    """A move to shipped needs a listing with shipping."""
    brought_to(owner, order_id, "paid")
    owner.execute("update public.listings set shipping = false")

    assert not allowed(owner, order_id, "shipped", "seller")
    moved(owner, order_id, "ready_for_handover", "seller")
    assert not allowed(owner, order_id, "shipped", "seller")


def test_parties_wait_while_money_is_on_its_way_back(owner: Connection, order_id: UUID) -> None:
    """A pending refund blocks the moves of both parties and of our jobs."""
    brought_to(owner, order_id, "delivered")
    refund_requested(owner, order_id, 1_000)

    for to_state, kind in itertools.product(STATES, ("buyer", "seller", "system")):
        if to_state != "delivered":
            assert not allowed(owner, order_id, to_state, kind)


def test_same_state_is_no_move(owner: Connection, order_id: UUID) -> None:
    """A move to the present state succeeds and changes nothing (A7)."""
    paid(owner, order_id)
    before = order_row(owner, order_id)
    events = "select count(*) from public.order_events"
    count = owner.execute(events).fetchall()

    answer = moved(owner, order_id, "paid", "buyer")

    assert {"success": True, "state": "paid", "version": before["version"]} == {
        key: answer[key] for key in ("success", "state", "version")
    }
    assert before == order_row(owner, order_id)
    assert count == owner.execute(events).fetchall()


def test_unknown_actor_moves_nothing(owner: Connection, order_id: UUID) -> None:
    """The history names its actor, so an id of nobody is refused."""
    before = order_row(owner, order_id)

    with pytest.raises(psycopg.Error, match="PROFILE_NOT_FOUND"):
        service_of(owner).call(
            "transition_order",
            order_id=order_id,
            to_state="cancelled",
            actor_id=uuid4(),
            actor_kind="buyer",
            reason=None,
        )

    assert before == order_row(owner, order_id)


def test_move_is_stamped_counted_and_kept(owner: Connection, order_id: UUID) -> None:
    """A move raises the version, stores its time and adds an event with its actor."""
    paid(owner, order_id)
    before = order_row(owner, order_id)

    answer = moved(owner, order_id, "shipped", "seller", reason="posted")

    after = order_row(owner, order_id)
    assert (before["version"] + 1, after["updated_at"]) == (answer["version"], answer["updated_at"])
    assert None is before["shipped_at"]
    assert None is not after["shipped_at"]
    query = """
      select from_state::text, to_state::text, actor_kind::text, reason
      from public.order_events order by id
    """
    assert [
        (None, "pending_payment", "system", "auction_won"),
        ("pending_payment", "paid", "stripe", "payment_succeeded"),
        ("paid", "shipped", "seller", "posted"),
    ] == owner.execute(query).fetchall()


def test_dispute_remembers_where_it_found_the_order(owner: Connection, order_id: UUID) -> None:
    """An order returns from a dispute to its former state and keeps its first times."""
    brought_to(owner, order_id, "delivered")
    delivered_at = order_row(owner, order_id)["delivered_at"]
    moved(owner, order_id, "disputed", "buyer")
    moved(owner, order_id, "disputed", "stripe")
    assert "delivered" == order_row(owner, order_id)["state_before_dispute"]

    moved(owner, order_id, "delivered", "admin")

    order = order_row(owner, order_id)
    assert (None, delivered_at) == (order["state_before_dispute"], order["delivered_at"])


def test_parties_are_told_of_each_step(
    owner: Connection, order_id: UUID, seller: Actor, alice: Actor
) -> None:
    """Each move notifies the other party."""
    paid(owner, order_id)
    moved(owner, order_id, "ready_for_handover", "seller")
    moved(owner, order_id, "shipped", "seller")
    moved(owner, order_id, "delivered", "buyer")
    moved(owner, order_id, "released", "buyer")

    assert [
        "auction_ended",
        "funds_released",
        "order_delivered",
        "order_paid",
    ] == notified(owner, seller)
    assert [
        "auction_won",
        "order_ready",
        "order_shipped",
        "payment_received",
    ] == notified(owner, alice)


def test_cancelled_purchase_has_its_intent_canceled(
    owner: Connection, order_id: UUID, seller: Actor, alice: Actor
) -> None:
    """An order that is cancelled unpaid cannot be paid later; both parties are notified."""
    attached(owner, order_id)

    moved(owner, order_id, "cancelled", "seller", reason=" <b>broken</b>\u202e ")

    [row] = outbox_rows(owner, "cancel_intent")
    assert {"payment_intent_id": "pi_current", "order_id": str(order_id)} == row["payload"]
    assert "broken" == order_row(owner, order_id)["cancel_reason"]
    assert "order_cancelled" in notified(owner, seller)
    assert "order_cancelled" in notified(owner, alice)


@pytest.mark.parametrize(
    ("kind", "points"), [("buyer", 1), ("system", 1), ("seller", 0), ("admin", 0)]
)
def test_buyer_who_does_not_pay_gets_a_strike(
    owner: Connection, order_id: UUID, alice: Actor, kind: str, points: int
) -> None:
    """A buyer who cancels or does not pay gets a strike; a cancellation by others gives none."""
    moved(owner, order_id, "cancelled", kind)

    query = "select private.live_strike_points(%s, private.clock())"
    assert [(points,)] == owner.execute(query, [alice.id]).fetchall()


def test_release_is_booked_once(owner: Connection, order_id: UUID) -> None:
    """An order that returns to released from a late dispute is not posted a second time."""
    brought_to(owner, order_id, "released")
    moved(owner, order_id, "disputed", "stripe")
    moved(owner, order_id, "released", "stripe")

    query = "select count(*) from public.ledger_entries where fact like 'release:%%'"
    assert [(3,)] == owner.execute(query, []).fetchall()
    assert [] == drift(owner)


def test_only_our_own_processes_move_orders(
    order_id: UUID, alice: Actor, anonymous: Actor, moderator: Actor
) -> None:
    """Only the service calls the function, after it has checked the user; not even staff may."""
    for actor in (alice, anonymous, moderator):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call(
                "transition_order",
                order_id=order_id,
                to_state="cancelled",
                actor_id=None,
                actor_kind="admin",
                reason=None,
            )
