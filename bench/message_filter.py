"""The message filter: the time of a short message, and its growth with the text."""

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence

import psycopg
from psycopg import Connection

from bench.figures import ROUNDS, Figure, Steps, percentile


SHORT = "Hi mate, is the DHP484 drill still available? Could pick up Saturday 10am for $120."
SENTENCE = (
    "Is it 1200 x 600 mm, made in 1998? I paid $450 for mine, model WH-1000XM4, and it works. "
)
FULL = (SENTENCE * 12)[:1000]
CALL = "select private.filter_message(%s, %s::text[], 'strict')"
CALLS = 10


def figures(env: Mapping[str, str], *, seconds: float, show: Steps) -> Iterator[Figure]:
    """Measure short messages for the given time, then compare long with short texts in turns."""
    with psycopg.connect(env["DATABASE_URL"], autocommit=True) as owner:
        show("filtering short messages")
        times = _times_of_short_messages(owner, seconds)
        for name, value in (
            ("median", statistics.median(times)),
            ("p95", percentile(times, 95)),
            ("p99", percentile(times, 99)),
        ):
            yield Figure(
                name=f"message filter, a message of {len(SHORT)} characters, {name}",
                value=value * 1000,
                unit="ms",
                target=2.0 if name == "p99" else None,
                is_ceiling=True,
            )
        show("filtering long messages")
        yield Figure(
            name="message filter, 4,000 against 1,000 characters",
            value=_ratio(owner, (FULL * 4, []), (FULL, [])),
            unit="x",
            target=5.0,
            is_ceiling=True,
            note="4 is linear",
        )
        yield Figure(
            name="message filter, a full message after ten against one alone",
            value=_ratio(owner, (FULL, [FULL] * 10), (FULL, [])),
            unit="x",
            target=14.0,
            is_ceiling=True,
            note="11 is linear",
        )


def _times_of_short_messages(owner: Connection, seconds: float) -> list[float]:
    """Return the times of calls, after some that let the server plan its statements."""
    for _ in range(CALLS):
        _filter(owner, SHORT, [])
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        _filter(owner, SHORT, [])
        times.append(time.perf_counter() - began)
    return times


def _ratio(
    owner: Connection, long: tuple[str, Sequence[str]], short: tuple[str, Sequence[str]]
) -> float:
    """Return the median over some rounds of the time of one text over that of another."""
    return statistics.median(
        _time_of(owner, *long) / _time_of(owner, *short) for _ in range(ROUNDS)
    )


def _time_of(owner: Connection, text: str, earlier: Sequence[str]) -> float:
    began = time.perf_counter()
    for _ in range(CALLS):
        _filter(owner, text, earlier)
    return time.perf_counter() - began


def _filter(owner: Connection, text: str, earlier: Sequence[str]) -> None:
    owner.execute(CALL, [text, list(earlier)], prepare=True)
