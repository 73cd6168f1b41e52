"""A join's payload has the options of the channel."""

import pytest

from devstack.gateway.realtime.database_broadcasts import Replay
from devstack.gateway.realtime.join import read_join


def test_a_join_of_the_official_client_is_read() -> None:
    """The parser reads all options of the official client's join."""
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
    assert request.wants_own_broadcasts
    assert request.wants_ack
    assert request.has_presence
    assert "me" == request.presence_key
    assert Replay(since_ms=5, limit=2, is_valid=True) == request.replay
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
        {"config": {"broadcast": {"replay": 1}, "presence": {"key": []}}},
    ],
)
def test_an_unreadable_option_is_ignored(payload: object) -> None:
    """The parser ignores an unreadable option; Python's client sends null for some."""
    request = read_join(payload)

    assert not request.is_private
    assert not request.has_presence
    assert request.replay is None
    assert () == request.bindings
    assert request.token is None
    assert request.presence_key


@pytest.mark.parametrize(
    ("replay", "expected"),
    [
        ({}, Replay(since_ms=0, limit=10, is_valid=True)),
        ({"since": 7, "limit": None}, Replay(since_ms=7, limit=10, is_valid=True)),
        ({"since": "x"}, Replay(since_ms=0, limit=0, is_valid=False)),
        ({"since": 1.5}, Replay(since_ms=0, limit=0, is_valid=False)),
        ({"since": 10**30}, Replay(since_ms=0, limit=0, is_valid=False)),
        ({"limit": True}, Replay(since_ms=0, limit=0, is_valid=False)),
    ],
)
def test_a_replay_is_asked_for_in_whole_numbers(
    replay: dict[str, object], expected: Replay
) -> None:
    """A replay has whole numbers; the default is ten messages from the beginning.

    https://github.com/supabase/realtime/blob/main/lib/realtime_web/channels/payloads/broadcast/replay.ex
    """
    assert expected == read_join({"config": {"broadcast": {"replay": replay}}}).replay


@pytest.mark.parametrize(("key", "expected"), [("me", "me"), (7, "7"), (True, "true")])
def test_a_presence_key_may_be_a_number_or_a_word(key: object, expected: str) -> None:
    """A presence key is a number or a text; an id replaces anything else and the empty text.

    https://github.com/supabase/realtime/blob/main/lib/realtime_web/channels/payloads/presence.ex
    """
    assert expected == read_join({"config": {"presence": {"key": key}}}).presence_key


@pytest.mark.parametrize(("wait", "expected"), [(True, True), ("true", True), (None, False)])
def test_a_join_may_wait_for_its_changes(*, wait: object, expected: bool) -> None:
    """The option `postgres_changes_options` of JavaScript's client makes the join wait."""
    config = {"postgres_changes_options": {"wait": wait, "timeout": 1000}}

    assert expected is read_join({"config": config}).wants_live_changes


def test_booleans_may_be_words() -> None:
    """Some clients send booleans as texts."""
    assert read_join({"config": {"private": "true"}}).is_private


def test_the_old_name_of_the_token_is_known() -> None:
    """The token may have its earlier name user_token."""
    assert "t" == read_join({"user_token": "t"}).token
