"""The results of the demo, as plain values for the report and for a machine."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Facts:
    """Filled act by act; what the demo did not get to stays empty."""

    startup_s: float | None = None
    auction: dict[str, Any] = field(default_factory=dict)
    bids: list[dict[str, Any]] = field(default_factory=list)
    order: dict[str, Any] = field(default_factory=dict)
    #: Both orders keep their books under `ledger`.
    second_order: dict[str, Any] = field(default_factory=dict)
    repeats: list[dict[str, Any]] = field(default_factory=list)
    #: Messages as their recipients read them.
    messages: list[dict[str, Any]] = field(default_factory=list)
    #: Milliseconds, by what they measure.
    durations_ms: dict[str, list[float]] = field(default_factory=dict)

    def measured(self, what: str, milliseconds: float) -> None:
        """Add one measurement."""
        self.durations_ms.setdefault(what, []).append(milliseconds)

    def durations(self) -> dict[str, dict[str, float]]:
        """Return count, median and greatest of each duration."""
        return {what: _summary(values) for what, values in self.durations_ms.items()}


def dollars(cents: int) -> str:
    """Return an amount as a person writes it."""
    return f"{'-' if cents < 0 else ''}${abs(cents) // 100:,}.{abs(cents) % 100:02d}"


def _summary(values: Sequence[float]) -> dict[str, float]:
    return {
        "count": len(values),
        "median_ms": round(statistics.median(values), 1),
        "max_ms": round(max(values), 1),
    }
