"""Measured figures and the targets that the design sets for them."""

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from enum import StrEnum

from bench.machine import Usage


#: The median of an odd number of rounds decides about a ratio.
ROUNDS = 5
#: A busy CPU makes figures in these units longer. It is busy if other programs use the first share,
#: or if all programs use the second and the bench's own load has a part in it.
TIMED_UNITS = ("ms", "s")
QUIET_PERCENT, FULL_PERCENT = 20.0, 90.0
#: A function of this type shows the current step of a measurement.
Steps = Callable[[str], None]


class Verdict(StrEnum):
    """The result of the comparison of a figure with its target."""

    MET = "met"
    MISSED = "not met"
    UNMEASURED = "cannot be measured here"
    NONE = "no target"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the report; `target` is None where the design sets none.

    A figure with a `problem` is neither met nor missed, because this machine cannot measure it.
    Documents refer to a figure by its `key`. Plots draw `samples` as a distribution, and `points`
    as a line.
    """

    key: str
    name: str
    value: float | None
    unit: str
    target: float | None = None
    is_ceiling: bool = False
    note: str = ""
    problem: str = ""
    subject: str = ""
    samples: Sequence[float] = ()
    points: Sequence[tuple[float, float]] = ()

    @property
    def verdict(self) -> Verdict:
        """Compare the value with the target, which belongs to the good side."""
        if self.problem or self.value is None:
            return Verdict.UNMEASURED
        if self.target is None:
            return Verdict.NONE
        is_met = self.value <= self.target if self.is_ceiling else self.value >= self.target
        return Verdict.MET if is_met else Verdict.MISSED

    @property
    def is_fault(self) -> bool:
        """Return true if the figure counts what must never happen, and it has happened."""
        return self.target == 0 and self.is_ceiling and self.verdict is Verdict.MISSED

    @property
    def text(self) -> str:
        """Return the value with its unit."""
        if self.value is None:
            return ""
        if self.unit == "":  # a count, or a share: 0.9966 must not look like a whole
            return f"{self.value:,.4g}"
        return f"{self.value:,.2f} {self.unit}"

    @property
    def target_text(self) -> str:
        """Return the bound with its direction, or nothing without a target."""
        if self.target is None:
            return ""
        return f"{'≤' if self.is_ceiling else '≥'} {self.target:,g} {self.unit}".strip()

    def with_problem(self, usage: Usage) -> "Figure":
        """Return the figure, with a problem if it misses its target because the CPU was too busy.

        A ratio needs no quiet machine: its two sides ran in turns, so other load slowed both.
        """
        if self.verdict is not Verdict.MISSED or self.unit not in TIMED_UNITS:
            return self
        if usage.others_percent > QUIET_PERCENT:
            problem = f"other programs used {usage.others_percent:.0f} % of the CPU"
        elif usage.load_percent > QUIET_PERCENT and usage.all_percent > FULL_PERCENT:
            problem = "the load and the stack competed for all cores"
        else:
            return self
        return dataclasses.replace(self, problem=problem)


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that `percent` of the values do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
