"""`session_is_staff`: the check of the service's routes for staff."""

from typing import LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor, signed_up
from tests.sql.auctioning import set_setting


def session_of(owner: Connection, person: Actor) -> UUID:
    session_id = uuid4()
    owner.execute(
        "insert into auth.sessions (id, user_id, created_at) values (%s, %s, now())",
        [session_id, person.id],
    )
    return session_id


@pytest.mark.parametrize(
    ("role", "aal", "expected"),
    [
        ("buyer", "aal2", False),
        ("seller", "aal2", False),
        ("moderator", "aal1", False),
        ("moderator", "aal2", True),
        ("admin", "aal1", False),
        ("admin", "aal2", True),
    ],
)
def test_role_and_second_factor_make_staff(
    owner: Connection, service: Actor, role: str, aal: str, *, expected: bool
) -> None:
    """Staff need the role and a second factor; with the setting off, the role suffices."""
    person = signed_up(owner, "somebody", role=role)
    sent = {"user_id": person.id, "session_id": session_of(owner, person)}

    answer = service.call("session_is_staff", aal=aal, **sent)

    assert {
        "is_live": True, "is_suspended": False, "role": role, "is_staff": expected,
    } == answer  # fmt: skip
    set_setting(owner, "require_staff_aal2", "false")
    relaxed = service.call("session_is_staff", aal="aal1", **sent)
    assert (role in ("moderator", "admin")) == relaxed["is_staff"]


@pytest.mark.parametrize("column", ["suspended_at", "deleted_at"])
def test_suspended_or_deleted_staff_is_none(
    owner: Connection, service: Actor, moderator: Actor, column: LiteralString
) -> None:
    """A suspended or deleted member of staff is refused."""
    session_id = session_of(owner, moderator)
    owner.execute(f"update public.users set {column} = now()")  # noqa: S608 -- a column of the list above

    answer = service.call(
        "session_is_staff", user_id=moderator.id, session_id=session_id, aal="aal2"
    )

    assert not answer["is_staff"]


def test_only_our_service_asks(moderator: Actor, anonymous: Actor) -> None:
    """No client may execute the function."""
    for actor in (moderator, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call("session_is_staff", user_id=moderator.id, session_id=uuid4(), aal="aal2")
