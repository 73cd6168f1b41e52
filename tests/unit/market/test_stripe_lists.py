"""`market.stripe_lists`: Stripe's lists are read in parts, from a position in the database."""

from typing import Any
from unittest.mock import create_autospec

import pytest

from market import stripe_lists
from market.database import Database
from market.errors import TransientError
from market.stripe_lists import Window


class Positions:
    """A database that records the spans of its reading windows."""

    def __init__(self, *, reached: int, now: int) -> None:
        self.reached, self.now = reached, now
        self.spans: list[int] = []
        self.adapter: Any = create_autospec(Database, instance=True)
        self.adapter.call.side_effect = self._call

    def _call(self, function: str, **arguments: Any) -> Any:
        if function == "advance_reading":
            self.reached = arguments["until"]
            return True
        self.spans.append(arguments["span_s"])
        until = min(self.now - arguments["delay_s"], self.reached + arguments["span_s"])
        return {
            "since": self.reached - 300,
            "until": until,
            "now": self.now,
            "is_newest": until >= self.now - arguments["delay_s"],
        }


def test_parts_follow_each_other() -> None:
    """Each part begins at the position that the last one has reached."""
    positions = Positions(reached=0, now=1_500)
    windows: list[Window] = []

    def read(window: Window) -> int:
        windows.append(window)
        return 5

    stripe_lists.read_on(positions.adapter, "events", read)

    assert [(-300, 600), (300, 1_200), (900, 1_490)] == [(one.since, one.until) for one in windows]
    assert 1_490 == positions.reached


def test_empty_parts_grow() -> None:
    """Empty parts grow, so a pause of a month takes a few calls."""
    positions = Positions(reached=0, now=30 * 24 * 3600)

    stripe_lists.read_on(positions.adapter, "events", lambda _window: 1)

    assert [600, 1_200, 2_400] == positions.spans[:3]
    assert len(positions.spans) < 15


def test_part_that_fails_is_read_again() -> None:
    """The position moves only when everything in a part is done."""
    positions = Positions(reached=0, now=1_500)

    def read(_window: Window) -> int:
        raise TransientError("STRIPE_ERROR")

    with pytest.raises(TransientError):
        stripe_lists.read_on(positions.adapter, "events", read)

    assert 0 == positions.reached


def test_long_list_leaves_a_rest() -> None:
    """A long list is read in several runs."""
    positions = Positions(reached=0, now=10**9)

    stripe_lists.read_on(positions.adapter, "events", lambda _window: 2)

    assert 50 == len(positions.spans)
    assert 50 * 600 == positions.reached
