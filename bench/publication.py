"""Write measured figures into the repository: `bench/results.json`, and tables in two documents.

Nobody types a figure by hand. A test compares both documents with `bench/results.json`.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import scaling


RESULTS = Path("bench/results.json")
README, SCALING = Path("bench/README.md"), Path("docs/scaling.md")
#: A generated part stands between two marks, which Markdown does not show.
PART = re.compile(
    r"(<!-- (?P<name>[\w-]+) from bench/results\.json -->\n).*?(<!-- end -->)", re.DOTALL
)


def publish(report: Path) -> Sequence[Path]:
    """Take the figures of the last run, and write all tables anew; return the written files.

    A run of some subjects replaces its figures alone.
    """
    if not report.exists():
        sys.exit(f"{report} does not exist: run make bench first.")
    merged = _merged(json.loads(report.read_text()))
    missing = set(scaling.USED) - {figure["key"] for figure in merged["figures"]}
    if missing:
        sys.exit(f"Run make bench for all subjects first: {', '.join(sorted(missing))} is missing.")
    RESULTS.write_text(json.dumps(merged, indent=2) + "\n")
    results = read_results()
    for page in (README, SCALING):
        page.write_text(filled(page.read_text(), results))
    return RESULTS, README, SCALING


def read_results() -> Sequence[Mapping[str, Any]]:
    """Return the published figures."""
    figures: Sequence[Mapping[str, Any]] = json.loads(RESULTS.read_text())["figures"]
    return figures


def filled(page: str, results: Sequence[Mapping[str, Any]]) -> str:
    """Return a document with its generated parts from the figures."""
    return PART.sub(lambda part: f"{part[1]}{TABLES[part['name']](results)}\n{part[3]}", page)


def _merged(report: Mapping[str, Any]) -> dict[str, Any]:
    run = {"taken_at": report["taken_at"][:10], "machine": report["machine"]}
    new = {
        figure["key"]: {k: v for k, v in figure.items() if k not in ("samples", "points")} | run
        for figure in report["figures"]
    }
    old = {}
    if not report["is_whole"] and RESULTS.exists():
        old = {figure["key"]: figure for figure in read_results()}
    return {"figures": list((old | new).values())}


def _results_table(results: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        "| "
        + " | ".join(
            (
                figure["name"],
                figure["target_text"],
                figure["text"],
                figure["verdict"],
                "; ".join(filter(None, (figure["problem"], figure["note"]))),
            )
        )
        + " |"
        for figure in results
    ]
    runs = sorted({f"{figure['taken_at']} ({figure['machine']})" for figure in results})
    heading = ["| figure | target | measured | verdict | note |", "|---|--:|--:|---|---|"]
    return "\n".join([f"Measured: {'; '.join(runs)}.", "", *heading, *rows])


def _values(results: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {figure["key"]: figure["value"] for figure in results if figure["value"] is not None}


def _costs_table(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the measured figures that the computation uses."""
    rows = [
        f"| `{figure['key']}` | {figure['name']} | {figure['text']} |"
        for figure in results
        if figure["key"] in scaling.USED
    ]
    return "\n".join(["| key | figure | measured |", "|---|---|--:|", *rows])


TABLES: Mapping[str, Callable[[Sequence[Mapping[str, Any]]], str]] = {
    "results": _results_table,
    "assumptions": lambda _results: scaling.assumptions_table(),
    "demand": lambda results: scaling.demand_table(_values(results)),
    "limits": lambda results: scaling.limits_table(_values(results)),
    "auction": lambda results: scaling.auction_table(_values(results)),
    "costs": _costs_table,
}
