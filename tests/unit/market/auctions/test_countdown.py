"""`market.auctions.countdown`: who is told the time remaining, and when next."""

from typing import Any
from unittest.mock import create_autospec

import pytest

from market.auctions import countdown
from market.database import Database


@pytest.fixture
def database() -> Any:
    return create_autospec(Database, instance=True)


def test_due_auctions_are_broadcast(database: Any) -> None:
    """SQL decides which are due, recomputes and sends."""
    database.call.return_value = 7

    assert 7 == countdown.broadcast_due(database, limit=100)
    database.call.assert_called_once_with("broadcast_time_remaining", max_rows=100)


@pytest.mark.parametrize(
    ("next_mark_at", "rest_s"),
    [
        (None, 10.0),
        ("2030-01-01T00:05:00+00:00", 10.0),
        ("2030-01-01T00:00:03.5+00:00", 3.5),
        ("2029-12-31T23:59:59+00:00", 0.02),
    ],
)
def test_rest_ends_at_the_next_mark(database: Any, next_mark_at: str | None, rest_s: float) -> None:
    """Between the marks nothing is sent: watchers count down themselves."""
    database.call.return_value = {
        "next_at": "2030-01-01T00:00:00.1+00:00",
        "next_mark_at": next_mark_at,
        "server_time": "2030-01-01T00:00:00+00:00",
    }

    assert pytest.approx(rest_s) == countdown.rest_s(database)
