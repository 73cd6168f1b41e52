"""`send_order_reminders`: a party that must act is reminded once before the deadline."""

from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time, set_setting
from tests.sql.paying import brought_to, moved, notified, paid, refund_requested


def reminded(service: Actor) -> list[int]:
    return [service.call("send_order_reminders") for _ in range(2)]


@pytest.mark.usefixtures("order_id")
def test_buyer_is_reminded_once(
    owner: Connection, service: Actor, alice: Actor, seller: Actor
) -> None:
    """The buyer is reminded once, twelve hours before the payment is due."""
    move_time(owner, "35 hours 59 minutes")
    assert [0, 0] == reminded(service)
    move_time(owner, "2 minutes")

    assert [1, 0] == reminded(service)

    assert 1 == notified(owner, alice).count("payment_reminder")
    assert "payment_reminder" not in notified(owner, seller)


@pytest.mark.usefixtures("order_id")
def test_reminder_follows_its_setting(owner: Connection, service: Actor) -> None:
    """The time before the deadline is a setting."""
    set_setting(owner, "reminder_before_h", "48")

    assert [1, 0] == reminded(service)


@pytest.mark.parametrize("state", ["overdue", "paid", "cancelled"])
def test_nobody_is_reminded_in_vain(
    owner: Connection, order_id: UUID, service: Actor, alice: Actor, state: str
) -> None:
    """A paid, cancelled or overdue order sends no reminder to its buyer."""
    if state == "paid":
        paid(owner, order_id)
    if state == "cancelled":
        moved(owner, order_id, "cancelled", "seller")
    move_time(owner, "49 hours" if state == "overdue" else "40 hours")

    assert [0, 0] == reminded(service)
    assert "payment_reminder" not in notified(owner, alice)


@pytest.mark.parametrize("state", ["paid", "ready_for_handover"])
def test_seller_is_reminded_once(
    owner: Connection, order_id: UUID, service: Actor, seller: Actor, alice: Actor, state: str
) -> None:
    """The seller is reminded once, two days before the order would be cancelled."""
    brought_to(owner, order_id, state)
    move_time(owner, "11 days 23 hours")
    assert [0, 0] == reminded(service)
    move_time(owner, "2 hours")

    assert [1, 0] == reminded(service)

    assert 1 == notified(owner, seller).count("handover_reminder")
    assert "handover_reminder" not in notified(owner, alice)


@pytest.mark.parametrize("state", ["shipped", "disputed", "refund_pending", "overdue"])
def test_seller_is_not_reminded_in_vain(
    owner: Connection, order_id: UUID, service: Actor, seller: Actor, state: str
) -> None:
    """A seller who cannot or need not hand over gets no reminder."""
    brought_to(owner, order_id, state if state in ("shipped", "disputed") else "paid")
    if state == "refund_pending":
        assert refund_requested(owner, order_id, None)["success"]
    move_time(owner, "15 days" if state == "overdue" else "13 days")

    assert [0, 0] == reminded(service)
    assert "handover_reminder" not in notified(owner, seller)
