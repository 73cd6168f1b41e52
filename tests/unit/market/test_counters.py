"""`market.counters`: what was counted, and how it is shown."""

import concurrent.futures
import uuid

from market import counters


def test_count_is_kept_per_label() -> None:
    """Each combination of labels has a count of its own, in whatever order they are named."""
    name = f"c{uuid.uuid4().hex}"

    counters.increment(name, job="a", kind="x")
    counters.increment(name, kind="x", job="a")
    counters.increment(name, job="b", kind="x")

    assert (2, 1, 0) == tuple(counters.count_of(name, job=job, kind="x") for job in ("a", "b", "c"))


def test_counts_are_shown_as_prometheus_reads_them() -> None:
    """A quote in a label cannot end it."""
    name = f"c{uuid.uuid4().hex}"
    counters.increment(name)
    counters.increment(name, alert='a"b\\c\nd')

    shown = [line for line in counters.as_text().splitlines() if name in line]

    assert [
        f"market_{name}_total 1",
        f'market_{name}_total{{alert="a\\"b\\\\c\\nd"}} 1',
    ] == shown


def test_threads_lose_no_count() -> None:
    """Any number of threads may count at once."""
    name = f"c{uuid.uuid4().hex}"

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: counters.increment(name), range(1000)))

    assert 1000 == counters.count_of(name)
