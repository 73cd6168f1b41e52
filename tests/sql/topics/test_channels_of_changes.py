"""Policies on `realtime.messages`: the web app's channels may be private ones."""

from uuid import uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor


#: The channels of the web app that receive changes of rows.
TOPICS = (
    "auction-{id}",
    "order-{id}",
    "notifications",
    "thread-{id}",
    "user-threads-{id}",
    "user-orders-{id}",
    "dispute-{id}",
    "dispute-messages-{id}",
    "dispute-evidence-{id}",
)


def present(owner: Connection, topic: str, extension: str = "broadcast") -> None:
    """Try a topic as Realtime does when a client joins it."""
    owner.execute("select set_config('realtime.topic', %s, true)", [topic])
    owner.execute(
        "insert into realtime.messages (topic, extension) values (%s, %s)", [topic, extension]
    )


@pytest.mark.parametrize("topic", TOPICS)
def test_everybody_joins(owner: Connection, anonymous: Actor, alice: Actor, topic: str) -> None:
    """Everybody may join a channel of changes, because RLS selects its messages."""
    present(owner, topic.format(id=uuid4()))

    for actor in (anonymous, alice):
        assert [("broadcast",)] == actor.rows("select extension from realtime.messages")


@pytest.mark.parametrize(
    "topic", ["auction-", "order-1", "xorder-{id}", "order-{id}-x", "notifications-{id}", "chat"]
)
def test_no_other_topic_is_open(owner: Connection, alice: Actor, topic: str) -> None:
    """Other topics are closed."""
    present(owner, topic.format(id=uuid4()))

    assert [] == alice.rows("select extension from realtime.messages")


@pytest.mark.parametrize("topic", TOPICS)
def test_presence_is_closed(owner: Connection, alice: Actor, topic: str) -> None:
    """Nobody joins the presence of a channel."""
    present(owner, topic.format(id=uuid4()), "presence")

    assert [] == alice.rows("select extension from realtime.messages")


@pytest.mark.parametrize("topic", TOPICS)
def test_nobody_sends(owner: Connection, alice: Actor, anonymous: Actor, topic: str) -> None:
    """No client sends on a channel."""
    topic = topic.format(id=uuid4())
    present(owner, topic)

    for actor in (alice, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.change(
                "insert into realtime.messages (topic, extension) values (%(topic)s, 'broadcast')",
                topic=topic,
            )
