"""Steps of a run and their reports."""

import json
from collections.abc import Callable

import pytest

from tests.canary.report import Run, Step, StepSkippedError, require


FIRST = Step(number="1", title="first")
SECOND = Step(number="2.1", title="second")


def quiet_run(*plan: Step) -> Run:
    return Run(plan, lambda _line: None)


def fail() -> str:
    require([], expected="a | b", seen="`<script>`\nand more")
    return "never"


def skip() -> str:
    raise StepSkippedError("the first step failed")


def crash() -> str:
    raise KeyError("order")


def test_failed_step_does_not_end_the_run() -> None:
    """The next step runs, and the run is red."""
    said: list[str] = []
    run = Run([FIRST, SECOND], said.append)

    run.step(FIRST, fail)
    run.step(SECOND, lambda: "fine")

    assert ["failed", "passed"] == [one.result for one in run.results]
    assert not run.is_green
    assert [True, True] == ["1 first" in said[0], "2.1 second" in said[1]]


def test_finding_has_expectation_sight_and_section() -> None:
    """The section is that of the whole number."""
    run = quiet_run()

    run.step(SECOND, fail)

    [result] = run.results
    assert ("a | b", "`<script>` and more", "docs/canary.md#step-2") == (
        result.expected,
        result.seen,
        result.runbook,
    )
    assert "  expected: a | b\n  seen:     `<script>` and more\n" in run.as_table()


def interrupt() -> str:
    raise KeyboardInterrupt


@pytest.mark.parametrize(("action", "result"), [(skip, "skipped"), (crash, "failed")])
def test_step_that_does_not_pass_makes_the_run_red(action: Callable[[], str], result: str) -> None:
    """A skipped step proved nothing, and any error of a client is a finding."""
    run = quiet_run(FIRST)

    run.step(FIRST, action)

    assert result == json.loads(run.as_json("staging"))["steps"][0]["result"]
    assert not run.is_green


def test_run_is_green_only_with_all_planned_steps() -> None:
    """A run that was interrupted between two steps, or before the first, is red."""
    run = quiet_run(FIRST, SECOND)
    seen = [run.is_green]
    for step in (FIRST, SECOND):
        run.step(step, lambda: "fine")
        seen.append(run.is_green)

    assert [False, False, True] == seen
    assert not quiet_run().is_green


def test_interrupted_step_has_failed() -> None:
    """The run ends with it, so that the caller can clean up."""
    run = quiet_run(FIRST)

    with pytest.raises(KeyboardInterrupt):
        run.step(FIRST, interrupt)

    assert [("failed", "interrupted")] == [(one.result, one.detail) for one in run.results]


def test_summary_keeps_its_form_whatever_a_site_answers() -> None:
    """Markup from outside stays text."""
    run = quiet_run()
    run.step(FIRST, fail)

    page = run.as_markdown("staging")

    assert "## Canary on staging: red" in page
    assert "<script>" not in page
    assert "a \\| b" in page
