"""Run the steps of a canary, and report each result as text, JSON and Markdown."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass


PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"

_SIGNS = {PASSED: "ok", FAILED: "FAILED", SKIPPED: "skipped"}
_EMOJI = {PASSED: "✅", FAILED: "❌", SKIPPED: "⏭️"}
_LONGEST_TEXT = 400


class StepFailedError(Exception):
    """A step saw something else than it expected."""

    def __init__(self, expected: str, seen: str) -> None:
        super().__init__(f"expected {expected}; saw {seen}")
        self.expected = expected
        self.seen = seen


class StepSkippedError(Exception):
    """A step cannot run, because an earlier one failed to make something that it needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step by its number and its title, which never change."""

    number: str
    title: str

    def __str__(self) -> str:
        return f"{self.number} {self.title}"

    @property
    def runbook(self) -> str:
        """Return the section of the documentation that explains a failure of this step."""
        heading = f"{self.number.partition('.')[0]}"
        return f"docs/canary.md#step-{heading}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of one step; a failed one has all fields."""

    step: str
    result: str
    took_ms: int
    detail: str
    expected: str = ""
    seen: str = ""
    runbook: str = ""


class Run:
    """Runs steps in order. A failed step does not end the run."""

    def __init__(self, plan: Sequence[Step], say: Callable[[str], None]) -> None:
        self._plan = [str(step) for step in plan]
        self._say = say
        self.results: list[Result] = []

    def step(self, step: Step, action: Callable[[], str]) -> None:
        """Run a step, and keep and say its result.

        Raises: KeyboardInterrupt if the run is interrupted; the step has failed then.
        """
        began = time.perf_counter()

        def keep(result: str, detail: str, expected: str = "", seen: str = "") -> None:
            took_ms = round((time.perf_counter() - began) * 1000)
            self._keep(step, result, took_ms, detail, expected, seen)

        try:
            detail = action()
        except StepSkippedError as reason:
            keep(SKIPPED, str(reason))
        except StepFailedError as error:
            keep(FAILED, str(error), error.expected, error.seen)
        except KeyboardInterrupt:
            keep(FAILED, "interrupted", "the end of the step", "an interruption")
            raise
        except Exception as error:  # noqa: BLE001 - any error of a client is a finding
            text = f"{type(error).__name__}: {error}"
            keep(FAILED, text, "an answer", text)
        else:
            keep(PASSED, detail)

    @property
    def is_green(self) -> bool:
        """Return true if every planned step ran and passed."""
        passed = [one.step for one in self.results if one.result == PASSED]
        return bool(passed) and passed == self._plan

    def as_json(self, environment: str) -> str:
        """Return the run as one JSON object."""
        steps = [asdict(one) for one in self.results]
        return json.dumps({"ok": self.is_green, "environment": environment, "steps": steps})

    def as_table(self) -> str:
        """Return the run as text for a person: all steps, then the findings."""
        width = max(len(one.step) for one in self.results)
        rows = [
            f"{_SIGNS[one.result]:>7}  {one.step:<{width}}  {one.took_ms:>6} ms"
            for one in self.results
        ]
        findings = [
            f"\n{one.step}\n  expected: {one.expected}\n  seen:     {one.seen}\n"
            f"  see:      {one.runbook}"
            for one in self._failed()
        ]
        return "\n".join(["", *rows, self._sum(), *findings])

    def as_markdown(self, environment: str) -> str:
        """Return the run as a job summary."""
        verdict = "green" if self.is_green else "red"
        rows = [
            f"| {_EMOJI[one.result]} | {one.step} | {one.took_ms} | {_cell(one.detail)} |"
            for one in self.results
        ]
        findings = [
            f"\n### {one.step}\n\n- expected: {_cell(one.expected)}\n- seen: {_cell(one.seen)}\n"
            f"- see `{one.runbook}`"
            for one in self._failed()
        ]
        head = [f"## Canary on {environment}: {verdict}", "", self._sum(), ""]
        table = ["| | step | ms | detail |", "|---|---|---:|---|", *rows]
        return "\n".join([*head, *table, *findings, ""])

    def _keep(
        self, step: Step, result: str, took_ms: int, detail: str, expected: str, seen: str
    ) -> None:
        kept = Result(
            step=str(step),
            result=result,
            took_ms=took_ms,
            detail=_one_line(detail),
            expected=_one_line(expected),
            seen=_one_line(seen),
            runbook=step.runbook if result == FAILED else "",
        )
        self.results.append(kept)
        self._say(f"{_SIGNS[result]:>7}  {step}  ({took_ms} ms)  {kept.detail}")

    def _failed(self) -> list[Result]:
        return [one for one in self.results if one.result == FAILED]

    def _sum(self) -> str:
        passed = sum(one.result == PASSED for one in self.results)
        return f"{passed} of {len(self._plan)} steps passed."


def require(is_so: object, *, expected: str, seen: object) -> None:
    """Do nothing if the condition holds.

    Raises: StepFailedError.
    """
    if not is_so:
        raise StepFailedError(expected, str(seen))


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_TEXT]


def _cell(text: str) -> str:
    """Return a text that cannot change the structure of a Markdown table or page."""
    escaped = text.replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`")
    return escaped.replace("<", "&lt;")
