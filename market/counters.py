"""What this process has counted, for whoever watches it."""

import collections
import threading


_lock = threading.Lock()
_counts: collections.Counter[tuple[str, tuple[tuple[str, str], ...]]] = collections.Counter()


def increment(name: str, **labels: str) -> None:
    """Count one more of `name`; the labels take few values, never ids."""
    with _lock:
        _counts[name, tuple(sorted(labels.items()))] += 1


def count_of(name: str, **labels: str) -> int:
    """Return how many there were since the process started."""
    with _lock:
        return _counts[name, tuple(sorted(labels.items()))]


def as_text() -> str:
    """Return all counters in the text format that Prometheus reads, sorted by name."""
    with _lock:
        counted = sorted(_counts.items())
    return "".join(
        f"market_{name}_total{_in_braces(labels)} {count}\n" for (name, labels), count in counted
    )


def _in_braces(labels: tuple[tuple[str, str], ...]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
