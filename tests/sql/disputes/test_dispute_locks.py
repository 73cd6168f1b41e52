"""`add_dispute_message`: its lock, and the calls that wait for it."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.locks import wait_until_blocked
from tests.sql.paying import complained, paid
from tests.support.database_copies import copy_database


@pytest.fixture
def declared_url(declared_url: str) -> str:
    """Give each test a database of its own, in which it may commit."""
    return copy_database(declared_url, "market_dispute_locks")


@pytest.fixture
def dispute_id(owner: Connection, order_id: UUID) -> str:
    paid(owner, order_id)
    dispute_id = str(complained(owner, order_id)["dispute_id"])
    owner.commit()
    return dispute_id


def test_message_is_read_after_the_evidence_before_it(
    owner: Connection, other: Connection, dispute_id: str, alice: Actor
) -> None:
    """A message that runs beside an upload completes no payment detail of its name."""
    other.execute("select from public.disputes where id = %s for no key update", [dispute_id])
    other.execute(
        """
        insert into public.dispute_evidence (
          dispute_id, user_id, evidence_type, title, file_url, path
        )
        values (%s, %s, 'photo', 'My PayID', 'https://files.test/1', '1')
        """,
        [dispute_id, alice.id],
    )

    with ThreadPoolExecutor(1) as thread:
        message = thread.submit(
            alice.call, "add_dispute_message", dispute_id=dispute_id, content="0412 345 678"
        )
        wait_until_blocked(other, owner, message)
        other.commit()

    assert "PAYMENT_IN_TEXT" == message.result()["code"]


def test_other_user_locks_nothing(
    owner: Connection, other: Connection, dispute_id: str, bob: Actor
) -> None:
    """Another user's call takes no lock, so it cannot delay the parties."""
    other.execute("select from public.disputes where id = %s for no key update", [dispute_id])
    # A wait for that row fails the test instead of blocking it.
    owner.execute("set lock_timeout = '1s'")

    answer = bob.call("add_dispute_message", dispute_id=dispute_id, content="Hello")

    assert "FORBIDDEN" == answer["code"]
