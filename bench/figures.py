"""Measured figures and the targets that the design sets for them."""

import dataclasses
import statistics
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the report; `target` is None where the design sets none.

    A figure without a value could not be measured on this machine; its note says why.
    """

    name: str
    value: float | None
    unit: str
    target: float | None = None
    is_ceiling: bool = False
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        """Return whether the value reaches the target, or None without a target or a value."""
        if self.target is None or self.value is None:
            return None
        return self.value <= self.target if self.is_ceiling else self.value >= self.target

    @property
    def text(self) -> str:
        """Return the value with its unit."""
        return "not measured" if self.value is None else f"{self.value:,.2f} {self.unit}"


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that `percent` of the values do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
