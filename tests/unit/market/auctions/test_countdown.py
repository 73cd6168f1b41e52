"""`market.auctions.countdown`: the next time to broadcast."""

from typing import Any
from unittest.mock import create_autospec

import pytest

from market.auctions import countdown
from market.database import Database


@pytest.mark.parametrize(
    ("next_mark_at", "wait_s"),
    [
        (None, 10.0),
        ("2030-01-01T00:05:00+00:00", 10.0),
        ("2030-01-01T00:00:03.5+00:00", 3.5),
        ("2029-12-31T23:59:59+00:00", -1.0),
    ],
)
def test_wait_ends_at_the_next_mark(next_mark_at: str | None, wait_s: float) -> None:
    """The job waits until the next mark, because watchers count down themselves."""
    database: Any = create_autospec(Database, instance=True)
    database.call.return_value = {
        "next_at": "2030-01-01T00:00:00.1+00:00",
        "next_mark_at": next_mark_at,
        "server_time": "2030-01-01T00:00:00+00:00",
    }

    assert pytest.approx(wait_s) == countdown.wait_s(database)
