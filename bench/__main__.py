"""`make bench`: the figures of the design, as JSON, a table and a plot."""

import argparse
import datetime as dt
import json
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import bids, http, plot, realtime, stack, tool
from bench.figures import Figure


#: Subjects that share one running stack.
ON_A_STACK = {"http": http.figures, "realtime": realtime.figures, "bids": bids.figures}
SUBJECTS = ("tool", *ON_A_STACK)
OUT = Path("bench/out")


def main() -> None:
    """Measure the chosen subjects, print the figures, and write them to `bench/out/`."""
    arguments = _arguments()
    console = Console(stderr=True)
    found: list[Figure] = []
    for figure in _measured(arguments.subjects or SUBJECTS, arguments.seconds):
        console.print(f"  {figure.name}: {figure.text}", highlight=False)
        found.append(figure)
    report = {
        "taken_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "figures": [asdict(figure) | {"is_met": figure.is_met} for figure in found],
    }
    OUT.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=2) + "\n"
    (OUT / "figures.json").write_text(text)
    (OUT / "figures.svg").write_text(plot.svg(found))
    if arguments.json:
        sys.stdout.write(text)
    else:
        Console().print(_table(found))
        Console().print(f"JSON and a plot: {OUT}/figures.json, {OUT}/figures.svg")


def _measured(subjects: Sequence[str], seconds: float) -> Iterator[Figure]:
    """Measure one subject after another. The tool comes first, while nothing else runs."""
    if "tool" in subjects:
        yield from tool.figures(seconds=seconds)
    chosen = [measure for name, measure in ON_A_STACK.items() if name in subjects]
    if not chosen:
        return
    with stack.running(only="postgres,gateway") as shared:
        for measure in chosen:
            yield from measure(shared.environment, seconds=seconds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=", ".join(SUBJECTS))
    parser.add_argument("--seconds", type=float, default=6.0, help="for each figure (6)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.subjects) - set(SUBJECTS))
    if unknown:
        parser.error(f"no such subject: {', '.join(unknown)}; there are {', '.join(SUBJECTS)}")
    if arguments.seconds < 1:
        parser.error("--seconds must be at least 1")
    return arguments


def _table(found: list[Figure]) -> Table:
    table = Table(title="Measured figures and their targets")
    for heading in ("figure", "value", "target", "", "note"):
        table.add_column(heading, justify="right" if heading in ("value", "target") else "left")
    for figure in found:
        sign = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[figure.is_met]
        bound = "≤" if figure.is_ceiling else "≥"
        target = "" if figure.target is None else f"{bound} {figure.target:g}"
        table.add_row(figure.name, figure.text, target, sign, figure.note)
    return table


if __name__ == "__main__":
    main()
