"""`service.console.plot` and the filters of the pages."""

import datetime as dt
from typing import Any

import pytest

from service.console.plot import HEIGHT, WIDTH, plot_of
from service.console.rendering import money, time_in_utc, words


END = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)


def closed(*lags_s: float) -> list[dict[str, Any]]:
    """Return closes with these lags, the newest first, as the database lists them."""
    return [
        {
            "end_at": END.isoformat(),
            "finalized_at": (END + dt.timedelta(seconds=lag_s)).isoformat(),
        }
        for lag_s in lags_s
    ]


def test_newest_close_is_on_the_right() -> None:
    """Each point has its place in the width."""
    plot = plot_of(closed(4, 2))

    assert plot is not None
    assert [(WIDTH / 4, 2.0), (WIDTH * 3 / 4, 4.0)] == [(p.x, p.lag_s) for p in plot.points]


@pytest.mark.parametrize(
    ("lag_s", "y"),
    [(0, HEIGHT), (0.001, HEIGHT), (0.01, HEIGHT), (1, HEIGHT * 3 / 5), (1000, 0), (90_000, 0)],
)
def test_scale_is_logarithmic_and_bounded(lag_s: float, y: float) -> None:
    """A point never leaves the image."""
    plot = plot_of(closed(lag_s))

    assert plot is not None
    assert [y] == [point.y for point in plot.points]
    assert lag_s == plot.worst_s


def test_figures_are_those_of_the_lags() -> None:
    """The median, the 95th percentile and the worst of a hundred closes."""
    plot = plot_of(closed(*range(1, 101)))

    assert plot is not None
    assert (50, 95, 100) == (plot.half_s, plot.most_s, plot.worst_s)


def test_close_before_the_end_has_no_lag() -> None:
    """An auction that staff closed early has no lag."""
    assert plot_of(closed(-1, -3600)) is None
    assert plot_of([]) is None


@pytest.mark.parametrize(
    ("cents", "text"),
    [(0, "$0.00"), (5, "$0.05"), (123_456_789, "$1,234,567.89"), (-150, "-$1.50"), (None, "none")],
)
def test_money_is_written_in_dollars(cents: int | None, text: str) -> None:
    """Money has whole cents, and its sign in front."""
    assert text == money(cents)


def test_times_are_written_in_utc() -> None:
    """A time with an offset, as the database sends it, is written in UTC."""
    assert "2026-11-30 00:00:01" == time_in_utc("2026-11-30T11:00:01.9+11:00")
    assert "none" == time_in_utc(None)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "none"), ("", "none"), (True, "yes"), (False, "no"), ("no_sale", "no sale"), (0, "0")],
)
def test_codes_are_written_as_words(value: object, text: str) -> None:
    """No cell of a table is empty."""
    assert text == words(value)
