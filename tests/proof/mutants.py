"""Put one small fault after the other into the SQL, and see which test notices it.

`python -m tests.proof.mutants [--list] [--jobs 2] [NAME…]`. A fault that no test notices is a
missing test. The exit code is 1 when there is one.
"""

import argparse
import dataclasses
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.proof.mutation import Mutation
from tests.proof.mutations import MUTATIONS


ROOT = Path(__file__).parents[2]
#: The time limit of one mutant; a test that hangs does not count as a failure.
TIMEOUT_S = 600


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result of a mutant: the first tests that noticed it, or the reason why none did."""

    mutation: Mutation
    caught_by: tuple[str, ...]
    problem: str
    took_s: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the mutants that are named, or all."""
    options = _options(arguments)
    console = Console(width=120)
    if options.list:
        for mutation in MUTATIONS:
            console.print(f"{mutation.name}: {mutation.file}", highlight=False)
        return 0
    chosen = [m for m in MUTATIONS if not options.names or m.name in options.names]
    if not _is_green_without(chosen, console):
        return 1
    with ThreadPoolExecutor(max_workers=options.jobs) as workers:
        verdicts = list(_printed(workers.map(_verdict, chosen), console))
    console.print(_table(verdicts))
    survivors = [verdict for verdict in verdicts if not verdict.caught_by]
    console.print(f"{len(verdicts)} mutants, {len(survivors)} not caught", highlight=False)
    return 1 if survivors else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.proof.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; all without a name")
    parser.add_argument("--list", action="store_true", help="print what there is")
    parser.add_argument("--jobs", type=int, default=2, help="how many run at a time")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - {mutation.name for mutation in MUTATIONS}
    if unknown:
        parser.error(f"no such mutant: {', '.join(sorted(unknown))} (--list prints them)")
    return options


def _is_green_without(chosen: Sequence[Mutation], console: Console) -> bool:
    """Run the tests without the mutation: if they fail, they cannot detect it."""
    paths = dict.fromkeys(path for mutation in chosen for path in mutation.tests)
    run = _run(paths, {})
    if run.returncode != 0:
        console.print(run.stdout[-4000:], highlight=False, markup=False)
        console.print("the tests fail on the SQL as it is, so no mutant was tried")
    return run.returncode == 0


def _verdict(mutation: Mutation) -> Verdict:
    started = time.monotonic()
    try:
        run = _run(mutation.tests, {"MUTANT": mutation.name})
        output, is_red = run.stdout, run.returncode == 1
    except subprocess.TimeoutExpired:
        output, is_red = "", False
    failures = re.findall(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", output, flags=re.MULTILINE)
    # The note that devstack puts on a file which Postgres did not take.
    is_broken = f"\nE       in {Path(mutation.file).name}" in output or not output
    return Verdict(
        mutation=mutation,
        caught_by=tuple(failures) if is_red and not is_broken else (),
        problem="does not build, or hangs" if is_broken else "survived",
        took_s=time.monotonic() - started,
    )


def _run(paths: Iterable[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--maxfail=3",
        "-q",
        "-p",
        "tests.proof.mutated_schema",
    ]
    return subprocess.run(  # noqa: S603  # our own tests, by paths of ours
        [*command, "-p", "no:cacheprovider", *paths],
        cwd=ROOT,
        # A failure is enough, and finding the shortest way to it is slow.
        env=os.environ | {"BIDDING_SHRINK": "0", "MONEY_SHRINK": "0"} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )


def _printed(verdicts: Iterable[Verdict], console: Console) -> Iterator[Verdict]:
    for verdict in verdicts:
        outcome = ", ".join(verdict.caught_by) or verdict.problem
        line = f"{verdict.mutation.name}: {outcome}"
        # Rich would take a path in the id of a test for a tag.
        console.print(line, highlight=False, markup=False, soft_wrap=True)
        yield verdict


def _table(verdicts: Iterable[Verdict]) -> Table:
    table = Table("mutant", "function's file", "caught by", "s")
    for verdict in verdicts:
        table.add_row(
            verdict.mutation.name,
            verdict.mutation.file,
            Text("\n".join(map(_short, verdict.caught_by)) or verdict.problem),
            f"{verdict.took_s:.0f}",
        )
    return table


def _short(test: str) -> str:
    """Return a test's name without the folders, as it fits into the table."""
    return test.rpartition("/")[2]


if __name__ == "__main__":
    sys.exit(main())
