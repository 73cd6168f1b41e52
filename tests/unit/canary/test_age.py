"""The check of the age of the canary's newest green run."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.canary import age


NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def run(hours_ago: float, **changes: Any) -> dict[str, Any]:
    """Return a run as GitHub lists it, green on staging unless `changes` say otherwise."""
    started = NOW - timedelta(hours=hours_ago)
    return {
        "display_title": "canary on staging",
        "head_branch": "main",
        "status": "completed",
        "conclusion": "success",
        "run_started_at": started.strftime("%Y-%m-%dT%H:%M:%SZ"),
    } | changes


def problem(*runs: dict[str, Any]) -> str | None:
    return age.find_problem(
        runs, environment="staging", longest=timedelta(hours=age.MOST_HOURS), now=NOW
    )


def test_young_green_run_is_enough() -> None:
    """Older runs beside it do not matter, whatever their order."""
    assert problem(run(30), run(12.9), run(20)) is None


def test_old_green_run_is_a_problem() -> None:
    """The sentence names both ages and the page with the steps."""
    found = problem(run(13.1), run(20))

    assert found is not None
    assert "last green 13.1 hours ago, and 13.0 are allowed" in found
    assert "docs/canary.md#no-green-run" in found


@pytest.mark.parametrize(
    "changes",
    [
        {"conclusion": "failure"},
        {"conclusion": "skipped"},
        {"conclusion": "cancelled"},
        {"conclusion": None, "status": "waiting"},
        {"conclusion": None, "status": "in_progress"},
        {"head_branch": "a-branch"},
        {"display_title": "canary on production"},
    ],
)
def test_other_runs_prove_nothing(changes: dict[str, Any]) -> None:
    """Only a green run of main on this environment counts."""
    assert "has no green run" in str(problem(run(1, **changes)))


def test_canary_that_never_ran_is_a_problem() -> None:
    """An empty list of runs is a problem."""
    assert "has no green run" in str(problem())


@pytest.mark.parametrize(("hours_ago", "code"), [(1, 0), (14, 1)])
def test_program_reads_the_list_from_its_input(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    hours_ago: float,
    code: int,
) -> None:
    """The exit code is the verdict, and GitHub shows the sentence of a red one."""
    now = datetime.now(UTC) - timedelta(hours=hours_ago)
    runs = {"workflow_runs": [run(0, run_started_at=now.isoformat())]}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(runs)))

    assert code == age.main([])
    assert (code == 1) == capsys.readouterr().out.startswith("::error title=canary::")
