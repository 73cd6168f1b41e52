"""The deletion of an account: the right to it, its record, and the job that finishes it."""

from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import hold_clock, move_time


@pytest.fixture
def session_id(owner: Connection, alice: Actor) -> UUID:
    """Sign Alice in now, under a clock that only the test moves."""
    hold_clock(owner)
    session_id = uuid4()
    owner.execute(
        """
        insert into auth.sessions (id, user_id, created_at, refreshed_at)
        values (%s, %s, private.clock(), null)
        """,
        [session_id, alice.id],
    )
    return session_id


def state(service: Actor, person: Actor, session_id: UUID) -> Any:
    return service.call("check_deletion", user_id=person.id, session_id=session_id)


def claim(service: Actor) -> list[str]:
    ids: list[str] = service.call("claim_account_deletions", max_rows=10)
    return ids


class TestCheckDeletion:
    """Only a user who has just signed in may delete the account."""

    def test_fresh_session_may_delete(self, service: Actor, alice: Actor, session_id: UUID) -> None:
        """A user who has signed in a second ago may delete the account."""
        assert {"success": True} == state(service, alice, session_id)

    @pytest.mark.parametrize(
        ("age", "code"),
        [("9 minutes 59 seconds", None), ("10 minutes 1 second", "SESSION_TOO_OLD")],
    )
    def test_session_is_fresh_for_ten_minutes(
        self, owner: Connection, service: Actor, alice: Actor, session_id: UUID, *, age: str,
        code: str | None,
    ) -> None:  # fmt: skip
        """A refreshed token does not make its session younger."""
        move_time(owner, age)
        owner.execute("update auth.sessions set refreshed_at = private.clock(), updated_at = now()")

        assert code == state(service, alice, session_id).get("code")

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ("delete from auth.sessions", "UNAUTHORIZED"),
            ("update auth.sessions set not_after = private.clock()", "UNAUTHORIZED"),
            ("update auth.sessions set created_at = null", "SESSION_TOO_OLD"),
            ("update public.users set suspended_at = now()", "USER_SUSPENDED"),
        ],
    )
    def test_other_session_is_refused(
        self, owner: Connection, service: Actor, alice: Actor, session_id: UUID, *,
        change: LiteralString, code: str,
    ) -> None:  # fmt: skip
        """Each of these is refused: ended, expired, of unknown age, or of a suspended user."""
        owner.execute(change)

        assert code == state(service, alice, session_id)["code"]

    def test_session_of_another_user_is_refused(
        self, service: Actor, bob: Actor, session_id: UUID
    ) -> None:
        """A session counts only for its own user."""
        assert "UNAUTHORIZED" == state(service, bob, session_id)["code"]
        assert (
            "UNAUTHORIZED"
            == service.call("check_deletion", user_id=uuid4(), session_id=session_id)["code"]
        )

    def test_deleted_account_may_repeat(
        self, service: Actor, alice: Actor, session_id: UUID
    ) -> None:
        """A repeated call succeeds, although the first one has ended the session."""
        service.call("anonymise_account", user_id=alice.id)

        assert {"success": True} == state(service, alice, session_id)


def test_deletion_is_audited_without_personal_data(
    owner: Connection, service: Actor, alice: Actor
) -> None:
    """One entry names the user who asked; a repeat adds none, and Auth's own deletion neither."""
    owner.execute("update public.users set phone = '0400 111 222', legal_name = 'Alice Alison'")

    for _ in range(2):
        service.call("anonymise_account", user_id=alice.id)
    owner.execute("update auth.users set deleted_at = now() where id = %s", [alice.id])

    [(entry,)] = owner.execute("select to_jsonb(a) from public.audit_logs as a").fetchall()
    assert ("account_anonymised", "users", str(alice.id), str(alice.id), {}) == (
        entry["action"], entry["entity"], entry["entity_id"], entry["actor_id"], entry["metadata"],
    )  # fmt: skip
    for secret in ("alice@", "0400 111 222", "Alison"):
        assert secret not in str(entry)


def test_deletion_by_an_operator_has_no_actor(owner: Connection, alice: Actor) -> None:
    """Auth does not name the operator, and has deleted its user already."""
    owner.execute("update auth.users set deleted_at = now() where id = %s", [alice.id])

    assert [(None, str(alice.id))] == owner.execute(
        "select actor_id, entity_id from public.audit_logs"
    ).fetchall()
    assert [] == owner.execute("select user_id from private.account_deletions").fetchall()


def test_refused_deletion_leaves_nothing(
    owner: Connection, service: Actor, alice: Actor, auction_id: UUID
) -> None:
    """A busy account has neither an entry nor a request."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)

    assert "ACCOUNT_BUSY" == service.call("anonymise_account", user_id=alice.id)["code"]

    assert [] == owner.execute("select action from public.audit_logs").fetchall()
    assert [] == owner.execute("select user_id from private.account_deletions").fetchall()


class TestUnfinishedDeletions:
    """The account is anonymised, and Auth still has the user."""

    @pytest.fixture(autouse=True)
    def deleted(self, service: Actor, alice: Actor) -> None:
        """Anonymise Alice's account."""
        service.call("anonymise_account", user_id=alice.id)

    def test_claim_leaves_the_service_a_minute(
        self, owner: Connection, service: Actor, alice: Actor
    ) -> None:
        """Each claim holds for a minute, so two workers do not take one deletion at once."""
        assert [] == claim(service)
        move_time(owner, "61 seconds")

        assert [str(alice.id)] == claim(service)
        assert [] == claim(service)
        move_time(owner, "61 seconds")
        assert [str(alice.id)] == claim(service)

    @pytest.mark.parametrize(
        "change",
        [
            "update auth.users set deleted_at = now() where id = %s",
            "delete from auth.users where id = %s",
        ],
    )
    def test_deletion_at_auth_ends_it(
        self, owner: Connection, service: Actor, alice: Actor, change: LiteralString
    ) -> None:
        """The deletion is finished after a soft or a hard delete at Auth."""
        owner.execute(change, [alice.id])
        move_time(owner, "1 hour")

        assert [] == claim(service)

    def test_stuck_deletion_is_alerted(
        self, owner: Connection, service: Actor, alice: Actor
    ) -> None:
        """A deletion raises an alert after an hour, and not before."""
        query = "select subject, name from private.open_alerts"
        move_time(owner, "59 minutes")
        claim(service)
        assert [] == owner.execute(query).fetchall()
        move_time(owner, "61 seconds")

        claim(service)

        assert [(str(alice.id), "account_deletion_stuck")] == owner.execute(query).fetchall()


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("check_deletion", ("user_id", "session_id")),
        ("claim_account_deletions", ()),
    ],
)
def test_only_our_processes_call(
    alice: Actor, moderator: Actor, anonymous: Actor, *, function: str, arguments: tuple[str, ...]
) -> None:
    """Users and staff reach none of these functions."""
    for actor in (alice, moderator, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call(function, **dict.fromkeys(arguments, alice.id))
