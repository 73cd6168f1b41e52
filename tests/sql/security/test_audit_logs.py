"""`audit_logs`: the readers, and that no entry changes."""

from typing import LiteralString

import psycopg
import pytest
from psycopg import Connection
from psycopg.types.json import Jsonb

from tests.sql.actors import Actor, signed_up


@pytest.fixture(autouse=True)
def _written(owner: Connection) -> None:
    owner.execute("select private.write_audit(null, 'test', 'listing', '1', 'Why it was done')")


def test_staff_reads_the_log(moderator: Actor, alice: Actor, anonymous: Actor) -> None:
    """Staff read the log, and others read nothing."""
    query: LiteralString = "select action, description from public.audit_logs"

    assert [("test", "Why it was done")] == moderator.rows(query)
    assert [] == alice.rows(query)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        anonymous.rows(query)


@pytest.mark.parametrize("place", ["entity_id", "metadata"])
def test_staff_do_not_read_about_themselves(
    owner: Connection, moderator: Actor, place: str
) -> None:
    """An entry of another user that names the reader is hidden; own actions are not."""
    other = signed_up(owner, "other", role="admin").with_second_factor()
    query: LiteralString = "select actor_id from public.audit_logs where action = 'about'"
    for actor in (moderator, other):
        owner.execute(
            "select private.write_audit(%s, 'about', 'users', %s::text, 'Why it was done', %s)",
            [
                actor.id,
                moderator.id if place == "entity_id" else None,
                Jsonb({"seller_id": str(moderator.id)} if place == "metadata" else {}),
            ],
        )

    assert [(moderator.id,)] == moderator.rows(query)
    assert {(moderator.id,), (other.id,)} == set(other.rows(query))


@pytest.mark.parametrize(
    "change",
    [
        "update public.audit_logs set action = 'other'",
        "delete from public.audit_logs",
        "truncate public.audit_logs",
    ],
)
def test_nobody_changes_the_log(owner: Connection, moderator: Actor, change: LiteralString) -> None:
    """Nobody changes an entry, not even the owner of the table."""
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        Actor(connection=owner, role="postgres").change(change)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        moderator.change(change)
