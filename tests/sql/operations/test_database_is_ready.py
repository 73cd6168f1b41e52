"""`database_is_ready`: for health checks."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.sql.actors import Actor


def test_service_learns_that_the_database_is_there(service: Actor) -> None:
    """The function returns the database's time to service_role."""
    answer = service.call("database_is_ready")

    assert answer["ready"] is True
    apart = datetime.now(UTC) - datetime.fromisoformat(answer["server_time"])
    assert abs(apart) < timedelta(minutes=1)


def test_nobody_else_asks(anonymous: Actor, alice: Actor) -> None:
    """No client may execute the function."""
    for actor in (anonymous, alice):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call("database_is_ready")
