"""The steps of the demo: each one is timed, shown while it runs, and checks its expectations."""

import contextlib
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from devstack.supervisor.signals import StopRequested


class DemoError(Exception):
    """An expectation of the demo failed; the message is a sentence about it."""


@dataclass(slots=True, kw_only=True)
class Step:
    """One step, its duration and its notes for the report."""

    title: str
    started_at_s: float
    notes: list[str] = field(default_factory=list)
    took_ms: float | None = None

    def note(self, text: str) -> None:
        """Add a note that the report shows beside the step."""
        self.notes.append(text)


@dataclass(slots=True)
class Results:
    """The figures and rows of the report. Those that the demo did not reach stay empty."""

    startup_s: float | None = None
    auction: dict[str, Any] = field(default_factory=dict)
    bids: list[dict[str, Any]] = field(default_factory=list)
    #: Each of the two orders has its ledger entries under `ledger`.
    order: dict[str, Any] = field(default_factory=dict)
    second_order: dict[str, Any] = field(default_factory=dict)
    repeats: list[dict[str, Any]] = field(default_factory=list)
    #: Messages as their recipients read them.
    messages: list[dict[str, Any]] = field(default_factory=list)
    #: Durations in milliseconds, by the name of the operation.
    durations_ms: dict[str, list[float]] = field(default_factory=dict)

    def add_duration(self, operation: str, milliseconds: float) -> None:
        """Add one duration of an operation."""
        self.durations_ms.setdefault(operation, []).append(milliseconds)

    def durations(self) -> dict[str, dict[str, float]]:
        """Return count, median and maximum of the durations of each operation."""
        return {name: _summary(values) for name, values in self.durations_ms.items()}


class Display(Protocol):
    """An output that shows the steps while they run."""

    def begin(self, step: Step) -> None:
        """Show that a step has begun."""

    def update(self, step: Step, text: str) -> None:
        """Show the progress of a step."""

    def end(self, step: Step) -> None:
        """Show that a step has succeeded."""

    def fail(self, step: Step) -> None:
        """Show that a step has failed."""


class DemoRun:
    """One run of the demo: its steps in order, and its results."""

    def __init__(self, display: Display) -> None:
        self.steps: list[Step] = []
        self.results = Results()
        self._display = display
        self._started = time.perf_counter()

    @property
    def elapsed_s(self) -> float:
        """Return the seconds since the run began."""
        return time.perf_counter() - self._started

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Run one step.

        Raises: DemoError, with the step's title, for every error in the block.
        """
        step = Step(title=title, started_at_s=self.elapsed_s)
        self.steps.append(step)
        self._display.begin(step)
        began = time.perf_counter()
        try:
            yield step
        except BaseException as error:
            self._display.fail(step)
            if isinstance(error, StopRequested) or not isinstance(error, Exception):
                raise
            reason = error if isinstance(error, DemoError) else f"{type(error).__name__}: {error}"
            raise DemoError(f"{title}: {reason}") from error
        step.took_ms = ms_since(began)
        self._display.end(step)

    def update(self, text: str) -> None:
        """Show the progress of the current step."""
        self._display.update(self.steps[-1], text)


def expect(condition: object, otherwise: str) -> None:
    """Check a condition.

    Raises: DemoError with the sentence `otherwise`.
    """
    if not condition:
        raise DemoError(otherwise)


def expect_equal(subject: str, expected: object, actual: object) -> None:
    """Check that two values are equal.

    Raises: DemoError, which names the subject and both values.
    """
    expect(expected == actual, f"{subject} should be {expected!r} but is {actual!r}.")


def ms_since(began: float) -> float:
    """Return the milliseconds since a reading of `time.perf_counter`."""
    return (time.perf_counter() - began) * 1000


def dollars(cents: int) -> str:
    """Return an amount of money as text, such as `-$1,225.00`."""
    return f"{'-' if cents < 0 else ''}${abs(cents) // 100:,}.{abs(cents) % 100:02d}"


def _summary(values: Sequence[float]) -> dict[str, float]:
    return {
        "count": len(values),
        "median_ms": round(statistics.median(values), 1),
        "max_ms": round(max(values), 1),
    }
