"""Steps of a run, each with its result, its time and a word of detail; as a table or as JSON."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass


PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


class StepFailedError(Exception):
    """A step saw what it must not see; the message is the finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one step went."""

    step: str
    result: str
    took_ms: int
    detail: str


class Run:
    """Runs steps in order. A step whose forerunner failed is skipped, the others still run."""

    def __init__(self) -> None:
        self.results: list[Result] = []

    def step(self, title: str, action: Callable[[], str], *, needs: str | None = None) -> bool:
        """Run a step and keep its result; say whether it passed."""
        if needs is not None and not self.has_passed(needs):
            self._add(title, SKIPPED, 0.0, f"needs “{needs}”")
            return False
        began = time.perf_counter()
        try:
            detail, result = action(), PASSED
        except StepFailedError as error:
            detail, result = str(error), FAILED
        except Exception as error:  # noqa: BLE001 - whatever a client raises is a finding, not the canary's end
            detail, result = f"{type(error).__name__}: {error}", FAILED
        self._add(title, result, time.perf_counter() - began, detail)
        return result == PASSED

    def has_passed(self, title: str) -> bool:
        """Say whether the step of that title passed."""
        return any(one.step == title and one.result == PASSED for one in self.results)

    @property
    def is_green(self) -> bool:
        """Say whether every step passed."""
        return bool(self.results) and all(one.result == PASSED for one in self.results)

    def as_json(self, environment: str) -> str:
        """Return the run as one JSON object."""
        steps = [asdict(one) for one in self.results]
        return json.dumps({"ok": self.is_green, "environment": environment, "steps": steps})

    def as_table(self) -> str:
        """Return the run as text for a person."""
        width = max(len(one.step) for one in self.results)
        signs = {PASSED: "ok", FAILED: "FAILED", SKIPPED: "skipped"}
        lines = [
            f"{signs[one.result]:>7}  {one.step:<{width}}  {one.took_ms:>6} ms  {one.detail}"
            for one in self.results
        ]
        passed = sum(one.result == PASSED for one in self.results)
        return "\n".join([*lines, f"{passed} of {len(lines)} steps passed."])

    def _add(self, title: str, result: str, took_s: float, detail: str) -> None:
        one_line = " ".join(detail.split())[:300]
        took_ms = round(took_s * 1000)
        self.results.append(Result(step=title, result=result, took_ms=took_ms, detail=one_line))


def require(is_so: object, finding: str) -> None:
    """Go on if it is so.

    Raises: StepFailedError with the finding.
    """
    if not is_so:
        raise StepFailedError(finding)
