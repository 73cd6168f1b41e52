"""`message_threads` and `messages`: the users who may read them, and mark them as read."""

import datetime as dt
from typing import LiteralString
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time
from tests.sql.writing import wrote


@pytest.fixture
def thread_id(owner: Connection, order_id: UUID) -> UUID:
    query = "select id from public.message_threads where order_id = %s"
    [(thread_id,)] = owner.execute(query, [order_id]).fetchall()
    assert isinstance(thread_id, UUID)
    return thread_id


def write(moderator: Actor, thread_id: UUID, sender: Actor, delivery: str = "delivered") -> None:
    """Send a message that ends with this delivery."""
    answer = wrote(sender, thread_id, "Hello" if delivery == "delivered" else "hold this")
    if delivery == "rejected":
        moderator.call(
            "staff_decide_message",
            message_id=answer["message_id"],
            release=False,
            reason="The review queue",
        )


def test_thread_is_its_parties_and_staffs(
    thread_id: UUID, *, alice: Actor, seller: Actor, bob: Actor, moderator: Actor, anonymous: Actor
) -> None:
    """Only the parties and staff read a thread (B8)."""
    query = "select id from public.message_threads"
    for actor in (alice, seller, moderator):
        assert [(thread_id,)] == actor.rows(query)
    assert [] == bob.rows(query)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        anonymous.rows(query)


def test_message_names_its_recipient(
    owner: Connection, thread_id: UUID, alice: Actor, seller: Actor
) -> None:
    """Both parties read who gets a message, so a client can filter by it."""
    wrote(alice, thread_id, "Hello")
    wrote(seller, thread_id, "Good morning")

    query = "select sender_id, recipient_id from public.messages"
    assert {(alice.id, seller.id), (seller.id, alice.id)} == set(owner.execute(query))
    assert set(alice.rows(query)) == set(seller.rows(query)) == set(owner.execute(query))


@pytest.mark.parametrize("delivery", ["delivered", "held", "rejected"])
def test_peer_reads_what_was_delivered(
    thread_id: UUID,
    *,
    alice: Actor,
    seller: Actor,
    bob: Actor,
    moderator: Actor,
    delivery: str,
) -> None:
    """The other party reads delivered messages only; sender and staff read all."""
    write(moderator, thread_id, alice, delivery)

    query = "select count(*) from public.messages"
    counts = [actor.rows(query)[0][0] for actor in (alice, moderator, seller, bob)]
    assert [1, 1, int(delivery == "delivered"), 0] == counts


def test_recipient_marks_messages_read(
    thread_id: UUID, alice: Actor, seller: Actor, moderator: Actor
) -> None:
    """Only the recipient sets read_at, and no client changes another column (A10)."""
    wrote(alice, thread_id)
    wrote(alice, thread_id, "hold this")
    mark = "update public.messages set read_at = now() where read_at is null"

    assert [0, 0, 1] == [actor.change(mark) for actor in (alice, moderator, seller)]

    for actor in (alice, seller, moderator):
        for statement in (
            "update public.messages set content = 'other'",
            "delete from public.messages",
            "update public.message_threads set subject = 'other'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                actor.change(statement)


@pytest.mark.parametrize(
    "sent", ["infinity", "-infinity", "0001-01-01", "2999-01-01", "epoch", "2026-01-01T00:00:00Z"]
)
def test_read_at_is_the_databases_time(
    owner: Connection, thread_id: UUID, alice: Actor, seller: Actor, sent: str
) -> None:
    """read_at is the database's time of the first reading, whatever time the client sends."""
    wrote(alice, thread_id)
    mark: LiteralString = "update public.messages set read_at = %(sent)s"
    before = now(owner)

    assert [1, 0] == [seller.change(mark, sent=sent) for _ in range(2)]

    assert before <= read_at(owner) <= now(owner)


def test_read_message_stays_read(
    owner: Connection, thread_id: UUID, alice: Actor, seller: Actor
) -> None:
    """read_at is never reset, and null is refused."""
    wrote(alice, thread_id)
    clear: LiteralString = "update public.messages set read_at = null"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        seller.change(clear)
    assert 1 == seller.call("mark_thread_read", thread_id=thread_id)
    first = read_at(owner)
    move_time(owner, "1 hour")

    assert 0 == seller.change(clear)
    assert 0 == seller.change("update public.messages set read_at = now()")
    owner.execute("update public.messages set read_at = private.clock()")

    assert first == read_at(owner)


def now(owner: Connection) -> dt.datetime:
    [(time,)] = owner.execute("select private.clock()").fetchall()
    assert isinstance(time, dt.datetime)
    return time


def read_at(owner: Connection) -> dt.datetime:
    [(time,)] = owner.execute("select read_at from public.messages").fetchall()
    assert isinstance(time, dt.datetime)
    return time


def test_outsider_posts_in_no_thread(thread_id: UUID, bob: Actor, alice: Actor) -> None:
    """No client inserts a message; only the functions do (B8)."""
    insert = """
      insert into public.messages (thread_id, sender_id, content)
      values (%(thread_id)s, %(sender_id)s, 'x')
    """
    for actor in (bob, alice):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.change(insert, thread_id=thread_id, sender_id=actor.id)


def test_thread_is_marked_read_at_once(
    owner: Connection, thread_id: UUID, alice: Actor, seller: Actor, bob: Actor
) -> None:
    """One call marks all messages of the other party and returns their number, for parties only."""
    for text in ("One", "Two", "hold this"):
        wrote(alice, thread_id, text)
    wrote(seller, thread_id)

    calls = [actor.call("mark_thread_read", thread_id=thread_id) for actor in (bob, seller, seller)]

    assert [0, 2, 0] == calls
    assert [(2,)] == owner.execute(
        "select count(*) from public.messages where read_at is not null"
    ).fetchall()
