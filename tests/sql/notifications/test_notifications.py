"""`notifications`: their types, keys, readers and writers."""

from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor


TYPES = [
    "order_paid",
    "order_shipped",
    "order_delivered",
    "order_cancelled",
    "payment_failed",
    "payment_received",
    "payment_reminder",
    "dispute_created",
    "dispute_resolved",
    "new_message",
    "auction_won",
    "auction_ended",
    "auction_no_sale",
    "auction_cancelled",
    "outbid",
    "order_ready",
    "funds_released",
    "refund_processed",
    "kyc_updated",
]


def notify(owner: Connection, user: Actor, **more: object) -> None:
    notice = {"user": user.id, "type": "outbid", "metadata": "{}", "key": None} | more
    owner.execute(
        "select private.notify(%(user)s, %(type)s, 'Title', 'Text', %(metadata)s, %(key)s)", notice
    )


@pytest.mark.parametrize("type_", TYPES)
def test_every_type_may_be_told(owner: Connection, alice: Actor, type_: str) -> None:
    """The table accepts each type of the contract (A3)."""
    notify(owner, alice, type=type_)

    assert [(type_,)] == alice.rows("select type from public.notifications")


def test_unknown_type_is_refused(owner: Connection, alice: Actor) -> None:
    """The table refuses an unknown type."""
    with pytest.raises(psycopg.errors.CheckViolation), owner.transaction():
        notify(owner, alice, type="surprise")


def test_people_are_told_once(owner: Connection, alice: Actor) -> None:
    """A key notifies a user once; without a key each call notifies."""
    for key in ("a", "a", None, None):
        notify(owner, alice, key=key)

    assert [(3,)] == alice.rows("select count(*) from public.notifications")


@pytest.mark.parametrize("key", ["order_id", "orderId"])
def test_order_is_named_under_both_keys(owner: Connection, alice: Actor, key: str) -> None:
    """The web app reads either key (D8)."""
    notify(owner, alice, metadata=f'{{"{key}": "x", "more": 1}}')

    assert [({"order_id": "x", "orderId": "x", "more": 1},)] == alice.rows(
        "select metadata from public.notifications"
    )


def test_people_read_and_mark_their_own(owner: Connection, alice: Actor, bob: Actor) -> None:
    """Each user reads and marks the own notifications only."""
    notify(owner, alice)
    notify(owner, bob)

    assert 1 == alice.change("update public.notifications set read = true")

    assert [(True,)] == alice.rows("select read from public.notifications")
    assert [(False,)] == bob.rows("select read from public.notifications")
    query = "select updated_at > created_at from public.notifications where read"
    assert [(True,)] == owner.execute(query).fetchall()


@pytest.mark.parametrize("was_read", [False, True])
def test_read_notification_stays_read(owner: Connection, alice: Actor, *, was_read: bool) -> None:
    """A client sets read to true, and never back to false."""
    notify(owner, alice)
    if was_read:
        assert 1 == alice.change("update public.notifications set read = true")

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        alice.change("update public.notifications set read = false")

    assert [(was_read,)] == alice.rows("select read from public.notifications")


def test_nothing_else_is_theirs_to_write(
    owner: Connection, alice: Actor, anonymous: Actor, moderator: Actor
) -> None:
    """No client inserts, changes or deletes a row (B6); staff read nobody else's."""
    notify(owner, alice)

    for actor in (alice, anonymous, moderator):
        for statement in (
            "update public.notifications set title = 'mine'",
            "delete from public.notifications",
            "insert into public.notifications (type, title, message) values ('outbid', 'x', 'x')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                actor.change(statement)
    assert [] == moderator.rows("select id from public.notifications")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        anonymous.rows("select id from public.notifications")


def test_all_are_marked_at_once(owner: Connection, alice: Actor, bob: Actor) -> None:
    """Mark-all counts the caller's unread rows, and leaves others' alone (A19, case 12)."""
    for user in (alice, alice, bob):
        notify(owner, user)

    assert [2, 0] == [alice.call("mark_all_notifications_read") for _ in range(2)]
    assert [(False,)] == bob.rows("select read from public.notifications")


def test_visitors_mark_nothing(anonymous: Actor) -> None:
    """Visitors may not execute the functions."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        anonymous.call("mark_all_notifications_read")


def test_notification_has_its_own_time(
    owner: Connection, auction_id: UUID, alice: Actor, bob: Actor
) -> None:
    """A notification has the time of its insert, not of the start of its transaction."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1100)
    bob.call("place_bid", auction_id=auction_id, amount_cents=1200)
    notify(owner, alice)

    query = "select created_at > now() from public.notifications where user_id = %s"
    assert [(True,), (True,)] == owner.execute(query, [alice.id]).fetchall()
