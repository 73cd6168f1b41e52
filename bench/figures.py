"""What a measurement says, and the bar it is held against."""

import dataclasses
import statistics
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the report. `bar` is what the design asks for; None where it asks nothing."""

    name: str
    value: float
    unit: str
    bar: float | None = None
    is_ceiling: bool = False
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        """Say whether the bar is reached, or None where there is none."""
        if self.bar is None:
            return None
        return self.value <= self.bar if self.is_ceiling else self.value >= self.bar


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that `percent` of the values do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
