"""`admin_set_role`: an admin appoints and dismisses staff."""

from typing import Any, LiteralString
from uuid import uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor, signed_up
from tests.sql.auctioning import set_setting
from tests.sql.moderation.staff_actions import REASON, audited, suspend


def set_role(admin: Actor, person: Actor, role: str | None) -> Any:
    return admin.call("admin_set_role", user_id=person.id, role=role, reason=REASON)


def role_of(owner: Connection, person: Actor) -> str:
    [(role,)] = owner.execute("select role::text from public.users where id = %s", [person.id])
    return str(role)


def add_factor(owner: Connection, person: Actor, status: str) -> None:
    owner.execute(
        """
        insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at)
        values (%s, %s, 'totp', %s, now(), now())
        """,
        [uuid4(), person.id, status],
    )


@pytest.mark.parametrize("role", ["moderator", "admin"])
def test_staff_role_needs_a_verified_second_factor(
    owner: Connection, admin: Actor, alice: Actor, role: str
) -> None:
    """No factor and an unverified one are refused; a verified one, or the setting, suffices."""
    assert "SECOND_FACTOR_REQUIRED" == set_role(admin, alice, role)["code"]
    add_factor(owner, alice, "unverified")
    assert "SECOND_FACTOR_REQUIRED" == set_role(admin, alice, role)["code"]
    assert "buyer" == role_of(owner, alice)

    add_factor(owner, alice, "verified")

    assert {"success": True} == set_role(admin, alice, role)
    assert role == role_of(owner, alice)
    bob = signed_up(owner, "bob")
    set_setting(owner, "require_staff_aal2", "false")
    assert {"success": True} == set_role(admin, bob, role)


@pytest.mark.parametrize("role", ["buyer", "seller"])
def test_other_roles_need_none(
    owner: Connection, admin: Actor, moderator: Actor, role: str
) -> None:
    """A dismissal needs no second factor of the user, and ends the rights at once."""
    for _ in range(2):
        assert {"success": True} == set_role(admin, moderator, role)

    assert role == role_of(owner, moderator)
    assert [("role_set", "users", str(moderator.id), REASON)] == audited(admin)
    [(metadata,)] = admin.rows("select metadata from public.audit_logs")
    assert {"from": "moderator", "to": role} == metadata
    with pytest.raises(psycopg.Error, match="FORBIDDEN"):
        moderator.call("staff_list_reports")


@pytest.mark.parametrize(
    ("name", "later"), [("Aussie Market Support", "member-[0-9a-f]{6}"), ("Max", "Max")]
)
def test_name_of_the_staff_stays_with_the_staff(
    owner: Connection, admin: Actor, moderator: Actor, name: str, later: str
) -> None:
    """A user who leaves the staff loses a name of the marketplace, and no other name."""
    query: LiteralString = "select display_name ~ %s from public.users where id = %s"
    moderator.change("update public.users set display_name = %(name)s", name=name)
    set_role(admin, moderator, "admin")
    assert [(True,)] == owner.execute(query, [name, moderator.id]).fetchall()

    set_role(admin, moderator, "buyer")

    assert [(True,)] == owner.execute(query, [f"^{later}$", moderator.id]).fetchall()


def test_moderator_sets_no_role(owner: Connection, moderator: Actor, alice: Actor) -> None:
    """Only an admin sets a role, and nobody sets the own one (B1)."""
    for person in (alice, moderator):
        with pytest.raises(psycopg.Error, match="FORBIDDEN"):
            set_role(moderator, person, "admin")
    assert "moderator" == role_of(owner, moderator)


@pytest.mark.parametrize("role", ["owner", "", None, "ADMIN"])
def test_unknown_role_is_refused(admin: Actor, alice: Actor, role: str | None) -> None:
    """A role is one of four words."""
    assert "VALIDATION_ERROR" == set_role(admin, alice, role)["code"]


@pytest.mark.parametrize("gone", ["suspended_at", "deleted_at"])
def test_last_admin_keeps_the_role(owner: Connection, admin: Actor, gone: LiteralString) -> None:
    """The last admin keeps the role; a suspended or deleted admin does not count."""
    other = signed_up(owner, "other", role="admin")
    owner.execute(
        f"update public.users set {gone} = now() where id = %s",  # noqa: S608 -- a column of the list above
        [other.id],
    )
    assert "LAST_ADMIN" == set_role(admin, admin, "buyer")["code"]

    third = signed_up(owner, "third", role="admin")

    assert {"success": True} == set_role(admin, admin, "buyer")
    assert "LAST_ADMIN" == set_role(third.with_second_factor(), third, "moderator")["code"]


def test_suspended_admin_sets_nothing(owner: Connection, admin: Actor, alice: Actor) -> None:
    """A suspended admin sets no role."""
    other = signed_up(owner, "other", role="admin").with_second_factor()
    suspend(other, admin)

    with pytest.raises(psycopg.Error, match="FORBIDDEN"):
        set_role(admin, alice, "seller")


def test_deleted_user_gets_no_role(owner: Connection, admin: Actor, alice: Actor) -> None:
    """A deleted account gets no role."""
    owner.execute("update public.users set deleted_at = now() where id = %s", [alice.id])

    assert "PROFILE_NOT_FOUND" == set_role(admin, alice, "seller")["code"]
