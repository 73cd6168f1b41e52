"""Measured figures and the targets that the design sets for them."""

import dataclasses
import statistics
from collections.abc import Callable, Sequence

from bench.machine import Usage


#: The median of an odd number of rounds decides about a ratio.
ROUNDS = 5
#: A busy CPU makes figures in these units longer.
#: It is busy if other programs use the first share, or if all programs use the second.
TIMED_UNITS = ("ms", "s")
QUIET_PERCENT, FULL_PERCENT = 20.0, 90.0
#: A function of this type shows the current step of a measurement.
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

    def judged(self, usage: Usage) -> "Figure":
        """Return the figure, with a problem if it misses its target because the CPU was too busy.

        A ratio needs no quiet machine: its two sides ran in turns, so other load slowed both.
        """
        if self.is_met is not False or self.unit not in TIMED_UNITS:
            return self
        if usage.others_percent > QUIET_PERCENT:
            problem = f"other programs used {usage.others_percent:.0f} % of the CPU"
        elif usage.own_percent + usage.others_percent > FULL_PERCENT:
            problem = "the load and the stack competed for all cores"
        else:
            return self
        return dataclasses.replace(self, problem=f"cannot be judged: {problem}")


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that `percent` of the values do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
