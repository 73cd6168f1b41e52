"""Both parties act on one order at the same time."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.concurrency.crowd import Prepare, at_once
from tests.sql.paying import brought_to, drift, order_row, outbox_rows


Press = Callable[[Actor, str], Callable[[], Any]]


@pytest.fixture
def press(order_id: UUID, rpc: Prepare) -> Press:
    """Give a function that prepares an action of a party on the order."""

    def prepared(user: Actor, action: str) -> Callable[[], Any]:
        return rpc("act_on_order", order_id=order_id, user_id=user.id, action=action)

    return prepared


def test_equal_actions_move_once(
    owner: Connection, order_id: UUID, seller: Actor, press: Press
) -> None:
    """C13: one call moves the order, 19 wait for the lock and find the action done."""
    brought_to(owner, order_id, "paid")
    owner.commit()

    answers = at_once([press(seller, "mark_ready") for _ in range(20)])

    assert answers == [answers[0]] * 20
    assert "ready_for_handover" == answers[0]["state"]
    query = "select count(*) from public.order_events where to_state = 'ready_for_handover'"
    assert [(1,)] == owner.execute(query).fetchall()


def test_two_cancellations_refund_once(
    owner: Connection, order_id: UUID, *, seller: Actor, alice: Actor, press: Press
) -> None:
    """C8, C13: buyer and seller cancel ten times each at once, and one refund is queued."""
    brought_to(owner, order_id, "paid")
    owner.commit()

    answers = at_once([press(user, "cancel") for user in (seller, alice) * 10])

    assert {"pending"} == {answer["refund_status"] for answer in answers}
    [row] = outbox_rows(owner, "refund")
    assert 10_000 == row["payload"]["amount_cents"]
    assert [] == drift(owner)


def test_release_and_refund_exclude_each_other(
    owner: Connection, order_id: UUID, *, seller: Actor, alice: Actor, press: Press
) -> None:
    """Of a release and a refund at once, the second gets a 409."""
    brought_to(owner, order_id, "delivered")
    owner.commit()

    answers = at_once([press(alice, "release_funds"), press(seller, "refund")])

    assert [False, True] == sorted(answer["success"] for answer in answers)
    assert {"CONFLICT"} == {answer["code"] for answer in answers if not answer["success"]}
    order = order_row(owner, order_id)
    assert (order["state"], order["refund_pending"]) in {("released", False), ("delivered", True)}
    assert [] == drift(owner)
