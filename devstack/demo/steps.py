"""Steps of the demo: each has a duration, is shown live and checks its expectations."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from devstack.supervisor.signals import StopRequested


class DemoError(Exception):
    """Something did not happen as it should; the message says what, in a sentence."""


@dataclass(slots=True, kw_only=True)
class Step:
    """One thing that happened, and what was worth noting about it."""

    title: str
    started_at_s: float
    notes: list[str] = field(default_factory=list)
    took_ms: float | None = None

    def note(self, text: str) -> None:
        """Keep a remark that is shown with the step."""
        self.notes.append(text)


class Stage(Protocol):
    """The display of steps while they run."""

    def begin(self, step: Step) -> None:
        """Show that a step has begun."""

    def update(self, step: Step, text: str) -> None:
        """Show how far a step has come that takes its time."""

    def end(self, step: Step) -> None:
        """Show that a step has gone well."""

    def fail(self, step: Step) -> None:
        """Show which step it was that failed."""


class Teller:
    """Runs steps one after the other and remembers them."""

    def __init__(self, stage: Stage) -> None:
        self.steps: list[Step] = []
        self._stage = stage
        self._started = time.perf_counter()

    @property
    def elapsed_s(self) -> float:
        """Return the seconds since the story began."""
        return time.perf_counter() - self._started

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Run one step; whatever goes wrong inside becomes a sentence that names it."""
        step = Step(title=title, started_at_s=self.elapsed_s)
        self.steps.append(step)
        self._stage.begin(step)
        began = time.perf_counter()
        try:
            yield step
        except DemoError as error:
            self._stage.fail(step)
            raise DemoError(f"{title}: {error}") from error
        except StopRequested:
            self._stage.fail(step)
            raise
        except Exception as error:
            self._stage.fail(step)
            raise DemoError(f"{title}: {type(error).__name__}: {error}") from error
        except BaseException:
            self._stage.fail(step)
            raise
        step.took_ms = (time.perf_counter() - began) * 1000
        self._stage.end(step)

    def update(self, text: str) -> None:
        """Show how far the step under way has come."""
        self._stage.update(self.steps[-1], text)


def expect(is_so: object, otherwise: str) -> None:
    """Go on if it is so; else end the demo with the sentence.

    Raises: DemoError.
    """
    if not is_so:
        raise DemoError(otherwise)


def expect_equal(what: str, expected: object, actual: object) -> None:
    """Go on if both are the same.

    Raises: DemoError.
    """
    expect(expected == actual, f"{what} should be {expected!r} but is {actual!r}.")
