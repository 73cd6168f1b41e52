"""`python -m tests.canary.age` fails if the newest green run of the workflow *canary* is too old.

It reads GitHub's list of the workflow's runs from standard input, and needs only Python itself. A
canary that GitHub disabled, skipped or never started is not red by itself, so this check is.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any


#: Two scheduled runs and an hour: GitHub may start a run late, and one may be lost.
MOST_HOURS = 13.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the verdict; return 0 if the newest green run is young enough, else 1."""
    given = _parser().parse_args(arguments)
    runs = json.load(sys.stdin)["workflow_runs"]
    problem = find_problem(
        runs,
        environment=given.environment,
        longest=timedelta(hours=given.most_hours),
        now=datetime.now(UTC),
    )
    if problem is None:
        print(f"canary on {given.environment}: green within {given.most_hours:g} hours")
        return 0
    # GitHub shows such a line on the run's page.
    print(f"::error title=canary::{problem}")
    return 1


def find_problem(
    runs: Iterable[Mapping[str, Any]], *, environment: str, longest: timedelta, now: datetime
) -> str | None:
    """Return a sentence if no run of main was green for an environment recently, else None.

    The run's title names the environment. A run that was skipped, cancelled or still runs is not
    green.
    """
    title = f"canary on {environment}"
    started = [
        datetime.fromisoformat(run["run_started_at"])
        for run in runs
        if run.get("display_title") == title
        and run.get("head_branch") == "main"
        and run.get("status") == "completed"
        and run.get("conclusion") == "success"
    ]
    if not started:
        return f"{title} has no green run. See docs/canary.md#no-green-run."
    age = now - max(started)
    if age > longest:
        return (
            f"{title} was last green {_hours(age)} hours ago, and {_hours(longest)} are allowed. "
            "See docs/canary.md#no-green-run."
        )
    return None


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.canary.age", description=__doc__)
    parser.add_argument("--environment", choices=("staging", "production"), default="staging")
    parser.add_argument(
        "--most-hours",
        type=float,
        default=MOST_HOURS,
        help="the greatest age of the newest green run (%(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
