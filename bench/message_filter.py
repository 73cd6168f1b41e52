"""The message filter: its time for a short message, its growth with the text, and its verdicts."""

import json
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import Connection

from bench.figures import ROUNDS, Figure, Steps, percentile
from bench.fixtures import act_as, create_fixtures


SHORT = "Hi mate, is the DHP484 drill still available? Could pick up Saturday 10am for $120."
SENTENCE = (
    "Is it 1200 x 600 mm, made in 1998? I paid $450 for mine, model WH-1000XM4, and it works. "
)
FULL = (SENTENCE * 12)[:1000]
CALL = "select v.action::text from private.filter_message(%s, %s::text[], %s) as v"
CALLS = 10
#: The setting `filter_join_messages`.
JOINED = 10
#: The labelled messages that the builders of the filter know, and the file with listings.
CORPUS, LISTINGS = Path("tests/corpus"), "listings.jsonl"
#: The filter's actions, the mildest first.
ACTIONS = ("allow", "warn", "mask", "hold")
LEAST = {"recall": 0.95, "precision": 0.97}


def figures(env: Mapping[str, str], *, seconds: float, show: Steps) -> Iterator[Figure]:
    """Measure short messages for the given time, long against short ones, and the verdicts."""
    with psycopg.connect(env["DATABASE_URL"], autocommit=True) as owner:
        show("filtering short messages")
        yield from _short_messages(owner, seconds)
        show("filtering long messages")
        yield from _ratios(owner)
        show("sending long messages")
        yield _sending(env["DATABASE_URL"], owner)
        show("filtering the labelled messages")
        yield from _verdicts(owner)


def _short_messages(owner: Connection, seconds: float) -> Iterator[Figure]:
    times = _times_of_short_messages(owner, seconds)
    for key, value in (
        ("p50", statistics.median(times)),
        ("p95", percentile(times, 95)),
        ("p99", percentile(times, 99)),
    ):
        yield Figure(
            key=f"filter_{key}",
            name=f"message filter, a message of {len(SHORT)} characters, {key}",
            value=value * 1000,
            unit="ms",
            target=2.0 if key == "p99" else None,
            is_ceiling=True,
        )


def _ratios(owner: Connection) -> Iterator[Figure]:
    yield Figure(
        key="filter_length",
        name="message filter, 4,000 against 1,000 characters",
        value=_ratio(owner, (FULL * 4, []), (FULL, [])),
        unit="x",
        target=5.0,
        is_ceiling=True,
        note="4 is linear",
    )
    yield Figure(
        key="filter_history",
        name="message filter, a full message after ten against one alone",
        value=_ratio(owner, (FULL, [FULL] * 10), (FULL, [])),
        unit="x",
        target=14.0,
        is_ceiling=True,
        note="11 is linear",
    )


def _sending(url: str, owner: Connection) -> Figure:
    """Send full messages to one seller; the filter joins each with the ten before it."""
    fixtures = create_fixtures(url, bidders=1, auctions=1)
    query = "select listing_id from public.auctions where id = %s"
    [(listing_id,)] = owner.execute(query, fixtures.auction_ids).fetchall()
    with psycopg.connect(url, autocommit=True) as sender:
        act_as(sender, fixtures.bidder_ids[0])
        query = "select public.start_thread(%s, %s, %s) ->> 'thread_id'"
        [(thread_id,)] = sender.execute(query, [listing_id, FULL, uuid4()]).fetchall()
        times = []
        for _ in range(JOINED + CALLS):
            began = time.perf_counter()
            call = "select public.send_message(%s, %s, %s)"
            sender.execute(call, [thread_id, FULL, uuid4()], prepare=True)
            times.append(time.perf_counter() - began)
    return Figure(
        key="filter_send",
        name=f"send_message of {len(FULL):,} characters after ten such messages",
        value=statistics.median(times[JOINED:]) * 1000,
        unit="ms",
        target=50.0,
        is_ceiling=True,
    )


def _verdicts(owner: Connection) -> Iterator[Figure]:
    """Judge the labelled messages of the repository, all of which the filter's builders know."""
    counts = Counter(_verdict(owner, message) for message in _messages(CORPUS))
    shares = recall_and_precision(counts)
    for name, share in shares.items():
        yield Figure(
            key=f"filter_{name}_known",
            name=f"message filter, {name} on the repository's labelled messages",
            value=share,
            unit="",
            target=LEAST[name],
            note=f"{counts.total():,} messages, which its builders know",
        )
        yield Figure(
            key=f"filter_{name}",
            name=f"message filter, {name} on messages that its builders never saw",
            value=None,
            unit="",
            target=LEAST[name],
            problem="needs messages that are not in the repository",
        )


def recall_and_precision(counts: Mapping[str, int]) -> dict[str, float]:
    """Return both shares from the counts of caught and missed messages, and of false alarms."""
    caught = counts.get("caught", 0)
    return {
        "recall": caught / max(1, caught + counts.get("missed", 0)),
        "precision": caught / max(1, caught + counts.get("false alarm", 0)),
    }


def _verdict(owner: Connection, message: Mapping[str, Any]) -> str:
    """Filter one message after the earlier ones of its sender; name the result."""
    *earlier, text = message["messages"]
    [(action,)] = owner.execute(CALL, [text, earlier, message["stage"]], prepare=True).fetchall()
    severity = ACTIONS.index(action)
    if message["label"] == "innocent":
        return "false alarm" if severity else "passed"
    return "caught" if severity >= ACTIONS.index(message["least"]) else "missed"


def _messages(folder: Path) -> Iterable[Mapping[str, Any]]:
    for path in sorted(folder.glob("*.jsonl")):
        if path.name != LISTINGS:
            yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())


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
    owner.execute(CALL, [text, list(earlier), "strict"], prepare=True)
