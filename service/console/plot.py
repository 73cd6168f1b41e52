"""Draw how late auctions were closed, as the numbers of an SVG image."""

import dataclasses
import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any


WIDTH = 640
HEIGHT = 160
#: Marks of the scale, which is logarithmic: most closes take milliseconds, and few take minutes.
_MARKS_S = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
_LEAST_S, _MOST_S = _MARKS_S[0], _MARKS_S[-1]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The close of an auction, at its place in the image."""

    x: float
    y: float
    lag_s: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """The points of the image, the marks of its scale with their heights, and three figures."""

    points: Sequence[Point]
    marks: Sequence[tuple[float, float]]
    half_s: float
    most_s: float
    worst_s: float


def plot_of(closes: Sequence[Mapping[str, Any]]) -> Plot | None:
    """Return the plot of the closes, the oldest on the left, or None without a close.

    An auction that staff closed before its end has no lag.
    """
    lags = [lag for lag in map(_lag_s, reversed(closes)) if lag >= 0]
    if not lags:
        return None
    step = WIDTH / len(lags)
    ordered = sorted(lags)
    return Plot(
        points=[
            Point(x=round((place + 0.5) * step, 1), y=_height(lag), lag_s=lag)
            for place, lag in enumerate(lags)
        ],
        marks=[(mark, _height(mark)) for mark in _MARKS_S],
        half_s=ordered[math.ceil(len(ordered) * 0.5) - 1],
        most_s=ordered[math.ceil(len(ordered) * 0.95) - 1],
        worst_s=ordered[-1],
    )


def _lag_s(close: Mapping[str, Any]) -> float:
    ended = dt.datetime.fromisoformat(close["end_at"])
    return (dt.datetime.fromisoformat(close["finalized_at"]) - ended).total_seconds()


def _height(lag_s: float) -> float:
    bounded = min(max(lag_s, _LEAST_S), _MOST_S)
    share = math.log(bounded / _LEAST_S) / math.log(_MOST_S / _LEAST_S)
    return round(HEIGHT * (1 - share), 1)
