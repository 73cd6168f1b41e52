"""`rate_limit_hit`: one counter for RPCs and HTTP routes."""

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time, set_setting


@pytest.fixture(autouse=True)
def _limited(owner: Connection) -> None:
    set_setting(owner, "rate_limits", '{"knock": {"max": 2, "window_s": 60}}')


def test_uses_up_to_the_limit_are_allowed(service: Actor) -> None:
    """Uses up to the limit are allowed; the next one is refused until the window ends."""
    answers = [service.call("rate_limit_hit", action="knock", key="alice") for _ in range(3)]

    assert [{"allowed": True, "retry_after_ms": 0}] * 2 == answers[:2]
    assert not answers[2]["allowed"]
    assert 0 < answers[2]["retry_after_ms"] <= 60_000


def test_window_after_is_a_new_one(owner: Connection, service: Actor) -> None:
    """After the window uses are allowed again."""
    refused = [service.call("rate_limit_hit", action="knock", key="alice") for _ in range(3)][2]
    move_time(owner, f"{refused['retry_after_ms']} milliseconds")

    assert service.call("rate_limit_hit", action="knock", key="alice")["allowed"]


def test_keys_are_counted_apart(service: Actor) -> None:
    """Each user's calls count by themselves."""
    for _ in range(3):
        service.call("rate_limit_hit", action="knock", key="alice")

    assert service.call("rate_limit_hit", action="knock", key="bob")["allowed"]


def test_counting_stops_at_the_limit(owner: Connection, service: Actor) -> None:
    """A call beyond the limit writes nothing."""
    for _ in range(5):
        service.call("rate_limit_hit", action="knock", key="alice")

    query = "select key, count from private.rate_limits"
    assert [("knock:alice", 2)] == owner.execute(query).fetchall()


@pytest.mark.parametrize(("action", "key"), [("typo", "alice"), ("knock", None), (None, "alice")])
def test_unknown_limit_is_a_mistake(service: Actor, action: str | None, key: str | None) -> None:
    """An action without a limit raises an error."""
    with pytest.raises(psycopg.Error, match="UNKNOWN_RATE_LIMIT") as raised:
        service.call("rate_limit_hit", action=action, key=key)

    assert "PT400" == raised.value.sqlstate


def test_only_our_service_counts(alice: Actor, anonymous: Actor) -> None:
    """No client may execute the function."""
    for actor in (alice, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call("rate_limit_hit", action="knock", key="bob")
