"""`session_is_live`: the facts about a session that its JWT does not have."""

from typing import LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor


@pytest.fixture
def session_id(owner: Connection, alice: Actor) -> UUID:
    """Sign Alice in."""
    session_id = uuid4()
    owner.execute(
        "insert into auth.sessions (id, user_id, created_at) values (%s, %s, now())",
        [session_id, alice.id],
    )
    return session_id


def test_session_of_its_user_is_live(service: Actor, alice: Actor, session_id: UUID) -> None:
    """A session that Auth has, of this user, is live."""
    answer = service.call("session_is_live", user_id=alice.id, session_id=session_id)

    assert {"is_live": True, "is_suspended": False, "role": "buyer"} == answer


@pytest.mark.parametrize(
    "change",
    [
        "delete from auth.sessions",
        "update auth.sessions set not_after = private.clock()",
        "update public.users set deleted_at = private.clock()",
    ],
)
def test_ended_session_is_not_live(
    owner: Connection, service: Actor, alice: Actor, session_id: UUID, change: LiteralString
) -> None:
    """A session that was signed out, has expired or lost its account is not live."""
    owner.execute(change)

    answer = service.call("session_is_live", user_id=alice.id, session_id=session_id)

    assert not answer["is_live"]


def test_session_of_somebody_else_is_not_live(service: Actor, bob: Actor, session_id: UUID) -> None:
    """Another user's session and an unknown session are not live."""
    for user_id in (bob.id, uuid4()):
        assert not service.call("session_is_live", user_id=user_id, session_id=session_id)[
            "is_live"
        ]


def test_suspension_is_told(
    owner: Connection, service: Actor, alice: Actor, session_id: UUID
) -> None:
    """A suspended user's session is live, and the answer names the suspension."""
    owner.execute("update public.users set suspended_at = private.clock()")

    answer = service.call("session_is_live", user_id=alice.id, session_id=session_id)

    assert {"is_live": True, "is_suspended": True, "role": "buyer"} == answer


def test_only_our_service_asks(alice: Actor, anonymous: Actor, session_id: UUID) -> None:
    """No client may execute the function (B2)."""
    for actor in (alice, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call("session_is_live", user_id=alice.id, session_id=session_id)
