"""`is_staff` and `is_admin`: the conditions that make a user staff."""

import json
from typing import LiteralString

import pytest
from psycopg import Connection

from tests.sql.actors import Actor, signed_up
from tests.sql.auctioning import set_setting


QUERY: LiteralString = "select private.is_staff(), private.is_admin()"


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("buyer", (False, False)),
        ("seller", (False, False)),
        ("moderator", (True, False)),
        ("admin", (True, True)),
    ],
)
def test_role_of_the_own_row_makes_staff(
    owner: Connection, role: str, expected: tuple[bool, bool]
) -> None:
    """Only the role in our table of users makes somebody staff."""
    actor = signed_up(owner, "somebody", role=role).with_second_factor()

    assert [expected] == actor.rows(QUERY)


def test_staff_proves_a_second_factor(owner: Connection) -> None:
    """Staff need a second factor, unless the setting switches that off."""
    admin = signed_up(owner, "admin", role="admin")
    assert [(False, False)] == admin.rows(QUERY)

    set_setting(owner, "require_staff_aal2", "false")

    assert [(True, True)] == admin.rows(QUERY)


@pytest.mark.parametrize("column", ["suspended_at", "deleted_at"])
def test_suspended_staff_is_none(
    owner: Connection, moderator: Actor, column: LiteralString
) -> None:
    """A suspended or deleted member of staff has no rights."""
    owner.execute(f"update public.users set {column} = private.clock()")  # noqa: S608

    assert [(False, False)] == moderator.rows(QUERY)


def test_metadata_makes_nobody_staff(owner: Connection, alice: Actor) -> None:
    """Neither app nor user metadata in a token has any effect (B11)."""
    claims = {
        "sub": str(alice.id),
        "role": "authenticated",
        "aal": "aal2",
        "user_role": "admin",
        "app_metadata": {"role": "admin"},
        "user_metadata": {"role": "admin"},
    }
    owner.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps(claims)])

    assert [(False, False)] == owner.execute(QUERY).fetchall()


def test_nobody_is_no_staff(owner: Connection) -> None:
    """A caller without a user id gets false."""
    assert [(False, False)] == owner.execute(QUERY).fetchall()
