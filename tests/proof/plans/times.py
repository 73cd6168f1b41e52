"""The table that `make plans` prints."""

import dataclasses

from rich.table import Table

from tests.proof.plans.plan import Plan


#: A slower query is marked. Times depend on the machine, so no test asserts them.
TARGET_MS = 50


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    """One plan's time, and the time of the same request without row level security."""

    name: str
    role: str
    plan: Plan
    free_ms: float | None
    because: str = ""


class Times:
    """Collects the times of a run."""

    def __init__(self, listings: int) -> None:
        self._listings = listings
        self._times: list[Time] = []

    def add(self, time: Time) -> None:
        """Keep one time."""
        self._times.append(time)

    def table(self) -> Table:
        """Return all times, the slow ones marked, and below them the reasons of slow ones."""
        slow = [time for time in self._times if time.plan.took_ms > TARGET_MS]
        title = f"{len(self._times)} plans on {self._listings:,} listings, {len(slow)} above"
        table = Table("query", "as", "ms", "without RLS", "rows read", "rows sorted", "")
        table.title = f"{title} {TARGET_MS} ms"
        for time in self._times:
            table.add_row(
                time.name,
                time.role,
                f"{time.plan.took_ms:.1f}",
                "" if time.free_ms is None else f"{time.free_ms:.1f}",
                f"{time.plan.read:,}",
                f"{time.plan.sorted:,}",
                f"slow: {time.because}" if time in slow else "",
            )
        return table
