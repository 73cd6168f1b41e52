"""Policies on `realtime.messages` for the private topic of an auction."""

from typing import LiteralString
from uuid import uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor


@pytest.fixture
def topic(owner: Connection) -> str:
    """Broadcast on the topic of an auction, and check it as Realtime does at a join."""
    topic = f"auction:{uuid4()}"
    owner.execute("select realtime.send('{}', 'time_remaining', %s, true)", [topic])
    return topic


def present(owner: Connection, topic: str) -> None:
    owner.execute("select set_config('realtime.topic', %s, true)", [topic])


def test_everybody_receives(owner: Connection, topic: str, anonymous: Actor, alice: Actor) -> None:
    """Visitors and users may join the topic of an auction."""
    present(owner, topic)

    for actor in (anonymous, alice):
        assert [("time_remaining",)] == actor.rows("select event from realtime.messages")


@pytest.mark.parametrize(
    "other", ["", "auction:", "auction:1", "orders", "auction:%", "xauction:{id}", "auction:{id}:x"]
)
@pytest.mark.usefixtures("topic")
def test_no_other_topic_is_open(owner: Connection, alice: Actor, other: str) -> None:
    """A topic that is not exactly an auction's is closed."""
    present(owner, other.format(id=uuid4()))

    assert [] == alice.rows("select event from realtime.messages")


def test_presence_is_closed(owner: Connection, topic: str, alice: Actor) -> None:
    """Nobody joins the presence of a topic, so nobody learns who else watches."""
    present(owner, topic)
    owner.execute("update realtime.messages set extension = 'presence'")

    assert [] == alice.rows("select event from realtime.messages")


def test_nobody_sends(owner: Connection, topic: str, alice: Actor, anonymous: Actor) -> None:
    """No client sends on a topic; only the database broadcasts."""
    present(owner, topic)
    write: LiteralString = """
      insert into realtime.messages (topic, extension, payload, event, private)
      values (%(topic)s, 'broadcast', '{"time_remaining": 0}', 'time_remaining', true)
    """

    for actor in (alice, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.change(write, topic=topic)
