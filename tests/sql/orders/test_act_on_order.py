"""`act_on_order`: each party's actions, in every state."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.paying import (
    ROUTES,
    attached,
    balances,
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
    succeeded,
)


ACTIONS = ["mark_ready", "mark_shipped", "confirm_delivery", "release_funds", "cancel", "refund"]
STATES = ["pending_payment", *ROUTES, "refunded", "cancelled"]

#: Each action's party and the states that it leads from and to, by the contract. An
#: action whose money moves first leaves the order in its state.
MOVES: dict[tuple[str, str], dict[str, str]] = {
    ("mark_ready", "seller"): {"paid": "ready_for_handover"},
    ("mark_shipped", "seller"): {"ready_for_handover": "shipped"},
    ("confirm_delivery", "buyer"): {"shipped": "delivered"},
    ("release_funds", "buyer"): {"delivered": "released"},
    ("cancel", "buyer"): {"pending_payment": "cancelled", "paid": "paid"},
    ("cancel", "seller"): {
        "pending_payment": "cancelled",
        "paid": "paid",
        "ready_for_handover": "ready_for_handover",
    },
    ("refund", "seller"): {
        state: state for state in ("paid", "ready_for_handover", "shipped", "delivered")
    },
}
#: The state in which each action was taken already, so that a repeat changes nothing.
DONE = {
    "mark_ready": "ready_for_handover",
    "mark_shipped": "shipped",
    "confirm_delivery": "delivered",
    "release_funds": "released",
    "cancel": "cancelled",
    "refund": "refunded",
}


@pytest.fixture
def parties(seller: Actor, alice: Actor, bob: Actor, moderator: Actor) -> dict[str, Actor]:
    """Give the two parties of the order, another user and a member of staff by name."""
    return {"buyer": alice, "seller": seller, "another": bob, "staff": moderator}


def placed(owner: Connection, order_id: UUID, state: str) -> None:
    """Bring the order to any of its states."""
    if state == "pending_payment":
        attached(owner, order_id)
    elif state == "cancelled":
        moved(owner, order_id, "cancelled", "admin")
    elif state == "refunded":
        paid(owner, order_id)
        report_refund(owner, "succeeded", 10_000)
    else:
        brought_to(owner, order_id, state)
    assert state == order_row(owner, order_id)["state"]


def acted(owner: Connection, order_id: UUID, actor: Actor, action: str) -> Any:
    """Let a user act; return the answer."""
    return service_of(owner).call(
        "act_on_order", order_id=order_id, user_id=actor.id, action=action
    )


def outcome(answer: dict[str, Any]) -> str:
    """Return the state after a success, or the code of a refusal."""
    return str(answer["state"] if answer["success"] else answer["code"])


def expected(action: str, name: str, state: str) -> str:
    """Return the outcome that the contract asks for."""
    moves = MOVES.get((action, name))
    if moves is None:
        return "FORBIDDEN"
    return state if state == DONE[action] else moves.get(state, "CONFLICT")


@pytest.mark.parametrize("state", STATES)
def test_each_state_allows_or_refuses_each_action(
    owner: Connection, order_id: UUID, parties: dict[str, Actor], state: str
) -> None:
    """Every action of every user has a true answer in every state (A8)."""
    placed(owner, order_id, state)

    for action in ACTIONS:
        for name, actor in parties.items():
            owner.execute("savepoint before")
            answer = acted(owner, order_id, actor, action)
            after = order_row(owner, order_id)["state"]
            owner.execute("rollback to before")
            wanted = expected(action, name, state)
            assert (action, name, wanted) == (action, name, outcome(answer))
            assert after == (answer["state"] if answer["success"] else state)


def test_order_goes_from_paid_to_released(
    owner: Connection, order_id: UUID, seller: Actor, alice: Actor
) -> None:
    """Case 7: each answer has success and state, and each step is recorded with its actor."""
    paid(owner, order_id)
    steps = [
        (seller, "mark_ready"),
        (seller, "mark_shipped"),
        (alice, "confirm_delivery"),
        (alice, "release_funds"),
    ]

    answers = [acted(owner, order_id, actor, action) for actor, action in steps]

    assert ["ready_for_handover", "shipped", "delivered", "released"] == [
        outcome(answer) for answer in answers
    ]
    assert [None, None, None, 9_500] == [answer.get("seller_amount_cents") for answer in answers]
    assert order_row(owner, order_id)["updated_at"] == answers[-1]["updated_at"]
    query = """
      select actor_id, actor_kind::text, reason from public.order_events
      where from_state <> 'pending_payment' order by id
    """
    assert [
        (seller.id, "seller", "ready_for_handover_by_seller"),
        (seller.id, "seller", "shipped_by_seller"),
        (alice.id, "buyer", "delivered_by_buyer"),
        (alice.id, "buyer", "released_by_buyer"),
    ] == owner.execute(query).fetchall()
    assert [] == drift(owner)


@pytest.mark.parametrize(
    ("state", "name", "action"),
    [
        ("paid", "seller", "mark_ready"),
        ("ready_for_handover", "seller", "mark_shipped"),
        ("shipped", "buyer", "confirm_delivery"),
        ("delivered", "buyer", "release_funds"),
        ("pending_payment", "buyer", "cancel"),
        ("paid", "buyer", "cancel"),
        ("ready_for_handover", "seller", "cancel"),
        ("delivered", "seller", "refund"),
    ],
)
def test_repeated_action_changes_nothing(
    owner: Connection,
    order_id: UUID,
    parties: dict[str, Actor],
    *,
    state: str,
    name: str,
    action: str,
) -> None:
    """A second call gets the same answer: no event, refund, notification or version more."""
    placed(owner, order_id, state)
    first = acted(owner, order_id, parties[name], action)
    counts = """
      select (select count(*) from public.order_events), (select count(*) from public.refunds),
        (select count(*) from public.notifications), (select count(*) from public.outbox),
        (select count(*) from public.user_strikes), (select version from public.orders)
    """
    before = owner.execute(counts).fetchall()

    again = acted(owner, order_id, parties[name], action)

    assert first == again
    assert first["success"]
    assert before == owner.execute(counts).fetchall()


@pytest.mark.parametrize(("name", "points"), [("buyer", 1), ("seller", 0)])
def test_unpaid_order_is_cancelled_at_once(
    owner: Connection, order_id: UUID, parties: dict[str, Actor], *, name: str, points: int
) -> None:
    """The intent can no longer be paid; only a buyer who cancels gets a strike."""
    attached(owner, order_id)

    answer = acted(owner, order_id, parties[name], "cancel")

    assert {"success", "state", "updated_at"} == set(answer)
    order = order_row(owner, order_id)
    assert ("cancelled", f"cancelled_by_{name}") == (order["state"], order["cancel_reason"])
    [row] = outbox_rows(owner, "cancel_intent")
    assert "pi_current" == row["payload"]["payment_intent_id"]
    query = "select private.live_strike_points(%s, private.clock())"
    assert [(points,)] == owner.execute(query, [parties["buyer"].id]).fetchall()
    assert "order_cancelled" in notified(owner, parties["buyer"])
    assert "order_cancelled" in notified(owner, parties["seller"])


@pytest.mark.parametrize(
    ("state", "name", "action", "end"),
    [
        ("paid", "buyer", "cancel", "cancelled"),
        ("paid", "seller", "cancel", "cancelled"),
        ("ready_for_handover", "seller", "cancel", "cancelled"),
        ("paid", "seller", "refund", "refunded"),
        ("shipped", "seller", "refund", "refunded"),
        ("delivered", "seller", "refund", "refunded"),
    ],
)
def test_money_moves_before_the_state(
    owner: Connection,
    order_id: UUID,
    parties: dict[str, Actor],
    *,
    state: str,
    name: str,
    action: str,
    end: str,
) -> None:
    """C11: the refund is queued, the state changes when Stripe has made it."""
    placed(owner, order_id, state)

    answer = acted(owner, order_id, parties[name], action)

    assert (state, 10_000, "pending") == (
        answer["state"],
        answer["refund_amount_cents"],
        answer["refund_status"],
    )
    assert order_row(owner, order_id)["refund_pending"]
    [row] = outbox_rows(owner, "refund")
    assert 10_000 == row["payload"]["amount_cents"]
    report_refund(owner, "succeeded", 10_000, outbox_id=row["id"])
    again = acted(owner, order_id, parties[name], action)
    assert (end, 10_000, "succeeded") == (
        again["state"],
        again["refund_amount_cents"],
        again["refund_status"],
    )
    assert ({}, []) == (balances(owner, order_id), drift(owner))
    assert "refund_processed" in notified(owner, parties["buyer"])


def test_rest_of_a_partial_refund_is_returned(
    owner: Connection, order_id: UUID, seller: Actor
) -> None:
    """An action returns what is left, never more than the payment (C8)."""
    paid(owner, order_id)
    refund_requested(owner, order_id, 3_000)
    [row] = outbox_rows(owner, "refund")
    report_refund(owner, "succeeded", 3_000, outbox_id=row["id"])

    answer = acted(owner, order_id, seller, "refund")

    assert (7_000, "pending") == (answer["refund_amount_cents"], answer["refund_status"])


def test_release_after_a_partial_refund_pays_the_rest(
    owner: Connection, order_id: UUID, alice: Actor
) -> None:
    """The seller's part is that of the money that stayed."""
    brought_to(owner, order_id, "delivered")
    refund_requested(owner, order_id, 3_000)
    [row] = outbox_rows(owner, "refund")
    report_refund(owner, "succeeded", 3_000, outbox_id=row["id"])

    answer = acted(owner, order_id, alice, "release_funds")

    assert 6_650 == answer["seller_amount_cents"]
    assert [] == drift(owner)


def test_failed_refund_can_be_asked_for_again(
    owner: Connection, order_id: UUID, alice: Actor
) -> None:
    """Stripe's final no ends the wait, and a new call makes a new refund."""
    paid(owner, order_id)
    acted(owner, order_id, alice, "cancel")
    [row] = outbox_rows(owner, "refund")
    report_refund(owner, "failed", 10_000, outbox_id=row["id"])
    assert not order_row(owner, order_id)["refund_pending"]

    answer = acted(owner, order_id, alice, "cancel")

    assert ("paid", "pending") == (answer["state"], answer["refund_status"])
    assert 2 == len(outbox_rows(owner, "refund"))
    assert [] == drift(owner)


@pytest.mark.parametrize(
    ("state", "name", "action"),
    [
        ("paid", "seller", "mark_ready"),
        ("paid", "buyer", "cancel"),
        ("paid", "seller", "refund"),
        ("ready_for_handover", "seller", "mark_shipped"),
        ("shipped", "buyer", "confirm_delivery"),
        ("delivered", "buyer", "release_funds"),
    ],
)
def test_pending_refund_blocks_other_actions(
    owner: Connection,
    order_id: UUID,
    parties: dict[str, Actor],
    *,
    state: str,
    name: str,
    action: str,
) -> None:
    """While money is on its way back, no party moves the order or asks for more."""
    placed(owner, order_id, state)
    refund_requested(owner, order_id, 1_000)

    answer = acted(owner, order_id, parties[name], action)

    assert ("CONFLICT", "A refund of this order is still under way") == (
        answer["code"],
        answer["error"],
    )
    assert state == order_row(owner, order_id)["state"]


def test_cancelled_order_that_is_paid_late_is_returned(
    owner: Connection, order_id: UUID, alice: Actor
) -> None:
    """Money that arrives after the cancellation is a stray and goes back (C2)."""
    attached(owner, order_id)
    acted(owner, order_id, alice, "cancel")

    succeeded(owner, order_id)

    assert "cancelled" == order_row(owner, order_id)["state"]
    assert 1 == len(outbox_rows(owner, "auto_refund"))


def test_both_parties_hear_of_a_reported_delivery(
    owner: Connection, order_id: UUID, seller: Actor, alice: Actor
) -> None:
    """A buyer who did not confirm the delivery is warned before the money is released."""
    brought_to(owner, order_id, "shipped")

    moved(owner, order_id, "delivered", "system")

    assert "order_delivered" in notified(owner, seller)
    assert "order_delivered" in notified(owner, alice)


def test_item_for_pickup_alone_is_not_marked_shipped(
    owner: Connection, order_id: UUID, seller: Actor
) -> None:
    """The buyer confirms a pickup by the code; a shipment is confirmed by time alone."""
    brought_to(owner, order_id, "ready_for_handover")
    owner.execute("update public.listings set shipping = false")

    assert "SHIPPING_NOT_OFFERED" == acted(owner, order_id, seller, "mark_shipped")["code"]
    assert "ready_for_handover" == order_row(owner, order_id)["state"]


def test_unknown_order_and_action_are_refused(
    owner: Connection, order_id: UUID, seller: Actor
) -> None:
    """An order that does not exist is not found; no party has an action that does not exist."""
    assert "RESOURCE_NOT_FOUND" == acted(owner, uuid4(), seller, "cancel")["code"]
    assert "FORBIDDEN" == acted(owner, order_id, seller, "win")["code"]


def test_only_the_service_acts(
    order_id: UUID, alice: Actor, anonymous: Actor, moderator: Actor
) -> None:
    """The service passes the user of the verified token; no client names one by RPC (B2)."""
    for actor in (alice, anonymous, moderator):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call("act_on_order", order_id=order_id, user_id=alice.id, action="cancel")
