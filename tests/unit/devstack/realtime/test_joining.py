"""What a join asks for."""

import pytest

from devstack.gateway.realtime.database_broadcasts import Replay
from devstack.gateway.realtime.joining import read_join


def test_a_join_of_the_official_client_is_read() -> None:
    """All of its options."""
    binding = {"event": "*", "schema": "public", "table": "t"}
    request = read_join(
        {
            "config": {
                "broadcast": {"ack": True, "self": True, "replay": {"since": 5, "limit": 2}},
                "presence": {"key": "me", "enabled": True},
                "private": True,
                "postgres_changes": [binding],
            },
            "access_token": "t",
        }
    )

    assert request.is_private
    assert request.hears_itself
    assert request.wants_ack
    assert request.has_presence
    assert "me" == request.presence_key
    assert Replay(since_ms=5, limit=2) == request.replay
    assert (binding,) == request.bindings
    assert "t" == request.token


@pytest.mark.parametrize(
    "payload",
    [
        None,
        {},
        {"config": None},
        {"config": {"broadcast": None, "presence": None, "postgres_changes": None}},
        {"config": {"private": "yes", "postgres_changes": ["x", 1]}, "access_token": 1},
        {"config": {"broadcast": {"replay": {"since": "x"}}}},
    ],
)
def test_what_cannot_be_read_is_not_asked_for(payload: object) -> None:
    """Python's client sends null for some options."""
    request = read_join(payload)

    assert not request.is_private
    assert not request.has_presence
    assert request.replay is None
    assert () == request.bindings
    assert request.token is None
    assert request.presence_key


def test_booleans_may_be_words() -> None:
    """Some clients send them so."""
    assert read_join({"config": {"private": "true"}}).is_private


def test_the_old_name_of_the_token_is_known() -> None:
    """It was user_token once."""
    assert "t" == read_join({"user_token": "t"}).token
