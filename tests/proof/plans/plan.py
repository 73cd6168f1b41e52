"""A plan that Postgres ran: its times, and how it found its rows."""

import dataclasses
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self


#: Postgres rightly reads the few pages of a small table from end to end.
SMALL_ROWS = 1_000
#: The first of them fills the caches; the median of the others counts.
TRIES = 3

Node = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The figures of a plan that decide whether it stays quick when the tables grow."""

    took_ms: float
    #: Tables that were read from end to end.
    scanned: Sequence[str]
    #: Rows that scans returned or threw away.
    read: int
    #: Rows that entered sorts.
    sorted: int

    @classmethod
    def of(cls, explained: Node) -> Self:
        """Read one element of what `explain (analyze, format json)` answers."""
        nodes = list(_nodes(explained["Plan"]))
        return cls(
            took_ms=explained["Planning Time"] + explained["Execution Time"],
            scanned=sorted(
                node["Relation Name"]
                for node in nodes
                if node["Node Type"] == "Seq Scan" and _read(node) > SMALL_ROWS
            ),
            read=sum(_read(node) for node in nodes),
            sorted=sum(
                _rows(child)
                for node in nodes
                if node["Node Type"] == "Sort"
                for child in node["Plans"]
            ),
        )


def repeated(run: Callable[[], Plan]) -> Plan:
    """Run a plan a few times; return the last one, with the median time."""
    plans = [run() for _ in range(TRIES)]
    took_ms = statistics.median(plan.took_ms for plan in plans[1:])
    return dataclasses.replace(plans[-1], took_ms=took_ms)


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _read(node: Node) -> int:
    """Return the rows that a scan touched, with those that it or a join threw away."""
    removed = sum(value for name, value in node.items() if name.startswith("Rows Removed by"))
    # A bitmap's rows are counted where they are fetched.
    found = _rows(node) if "Relation Name" in node else 0
    return found + round(float(removed) * float(node["Actual Loops"]))


def _rows(node: Node) -> int:
    return round(float(node["Actual Rows"]) * float(node["Actual Loops"]))
