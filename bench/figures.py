"""Measured figures and the targets that the design sets for them."""

import dataclasses
import statistics
from collections.abc import Callable, Sequence


#: The median of an odd number of rounds decides about a ratio.
ROUNDS = 5
#: Other programs distort these above this share of the CPU.
TIMED_UNITS, QUIET_PERCENT = ("ms", "s"), 20.0
#: Shows the current step of a measurement to the person who waits for it.
Steps = Callable[[str], None]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the report; `target` is None where the design sets none.

    A figure with a `problem` is neither met nor missed, because this machine cannot measure it.
    """

    name: str
    value: float
    unit: str
    target: float | None = None
    is_ceiling: bool = False
    note: str = ""
    problem: str = ""

    @property
    def is_met(self) -> bool | None:
        """Return whether the value reaches the target; None without a target or with a problem."""
        if self.target is None or self.problem:
            return None
        return self.value <= self.target if self.is_ceiling else self.value >= self.target

    @property
    def text(self) -> str:
        """Return the value with its unit."""
        return f"{self.value:,.2f} {self.unit}"

    def judged(self, others_percent: float) -> "Figure":
        """Return the figure, with a problem if other programs used too much of the CPU.

        A ratio stays valid: its two sides ran in turns, so the other programs slowed both.
        """
        is_valid = self.target is None or self.unit not in TIMED_UNITS
        if is_valid or others_percent <= QUIET_PERCENT:
            return self
        problem = f"cannot be judged: other programs used {others_percent:.0f} % of the CPU"
        return dataclasses.replace(self, problem=problem)


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that `percent` of the values do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
