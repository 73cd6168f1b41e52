"""The command line of the bench: choose subjects, show progress, write the report."""

import argparse
import contextlib
import dataclasses
import datetime as dt
import json
import logging
import os
import platform
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import (
    bids,
    closing,
    contract,
    gateway,
    hot,
    machine,
    memory,
    message_filter,
    publication,
    reconcile,
    service,
    stack,
    subscribers,
    tool,
)
from bench.figures import Figure, Steps, Verdict


#: Subjects with stacks of their own. Those of a fixed size take as long as they need.
ALONE = {"tool": tool.figures, "service": service.figures, "contract": contract.figures}
OF_FIXED_SIZE = {
    "closing": closing.figures,
    "memory": memory.figures,
    "reconcile": reconcile.figures,
}
#: Subjects that share one stack.
ON_A_STACK = {
    "http": gateway.figures,
    "realtime": subscribers.figures,
    "bids": bids.figures,
    "hot": hot.figures,
    "filter": message_filter.figures,
}
#: All subjects, in the order of their rows in the report.
SUBJECTS = {
    "bids": "place_bid in SQL: one client against a baseline, then 96 clients at one auction",
    "http": "the gateway: selects, RPCs and bids over HTTP",
    "hot": "a hot auction over HTTP: 200 bidders, checked by an oracle",
    "service": "webhooks against a route that makes one trivial call; routes with a session",
    "closing": "the workers: 1,000 auctions that end together, also with faults",
    "realtime": "a change of price on its way to 200 subscribers",
    "memory": "the workers: resident memory over 10,000 closes",
    "filter": "the message filter: short messages, long ones against short ones, verdicts",
    "contract": "100 bidders and 100 webhooks together, as the web app's contract asks",
    "reconcile": "the reconcile job over ten thousand orders",
    "tool": "devstack itself: its start, and its use of CPU and memory while idle",
}
OUT = Path("bench/out")
#: The width of the table in a file.
WIDTH = 180
INTERRUPTED = 128 + signal.SIGINT
#: The exit status of a run that found wrong results. A slow one is no failure.
WRONG = 1
COLOURS = {
    Verdict.MET: "green",
    Verdict.MISSED: "red",
    Verdict.UNMEASURED: "yellow",
    Verdict.NONE: "dim",
}


def main(arguments: Sequence[str]) -> int:
    """Measure the chosen subjects, print the figures, and write them to `bench/out/`."""
    options = _options(arguments)
    console = Console(stderr=True, highlight=False)
    if options.write_docs:
        for path in publication.publish(OUT / "figures.json"):
            console.print(f"written: {path}")
        return 0
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        # From here on an interrupt must also end the stack.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # An interrupt leaves a connection busy, and psycopg would warn that it cannot roll back.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    began = time.monotonic()
    try:
        subjects = options.subjects or list(SUBJECTS)
        found = _measure(subjects, options.seconds, console)
    except KeyboardInterrupt:
        console.print("Interrupted. No report was written.")
        return INTERRUPTED
    text = _report(found, is_whole=set(subjects) == set(SUBJECTS))
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "figures.json").write_text(text)
    from bench import plot  # noqa: PLC0415 -- its library takes a second to import

    plots = plot.draw(found, OUT)
    if options.json:
        sys.stdout.write(text)
    else:
        terminal = Console()
        Console(width=terminal.width if terminal.is_terminal else WIDTH).print(_table(found))
    console.print(f"{_summary(found)}, in {(time.monotonic() - began) / 60:.1f} minutes")
    console.print(f"Written: {', '.join(map(str, [OUT / 'figures.json', *plots]))}")
    return WRONG if any(figure.is_fault for figure in found) else 0


def _measure(subjects: Sequence[str], seconds: float, console: Console) -> list[Figure]:
    """Measure one subject after another, and print each step and figure as it comes."""
    found = []
    meter = machine.Meter()
    with _steps(console) as show:
        for measured in _figures(subjects, seconds, show):
            figure = measured.with_problem(meter.usage())
            console.print(f"  {figure.name}: {figure.text}")
            found.append(figure)
    return sorted(found, key=lambda figure: list(SUBJECTS).index(figure.subject))


@contextlib.contextmanager
def _steps(console: Console) -> Iterator[Steps]:
    """Show the current step: in place on a terminal, else on a line of its own."""
    if not console.is_terminal:
        yield console.print
        return
    with console.status("starting") as status:
        yield status.update


def _figures(subjects: Sequence[str], seconds: float, show: Steps) -> Iterator[Figure]:
    """Measure each subject. The tool comes first, while nothing else runs."""
    for name, measure_alone in ALONE.items():
        if name in subjects:
            yield from guarded(name, measure_alone(seconds=seconds, show=show))
    for name, measure_size in OF_FIXED_SIZE.items():
        if name in subjects:
            yield from guarded(name, measure_size(show=show))
    chosen = {name: measure for name, measure in ON_A_STACK.items() if name in subjects}
    if not chosen:
        return
    show("starting a stack")
    with stack.running(only="postgres,gateway") as shared:
        for name, measure in chosen.items():
            measured = measure(shared.environment, seconds=seconds, show=show)
            yield from guarded(name, measured)


def guarded(subject: str, figures: Iterator[Figure]) -> Iterator[Figure]:
    """Yield the figures of a subject; an error becomes one, so that no others are lost."""
    try:
        for figure in figures:
            yield dataclasses.replace(figure, subject=subject)
    except Exception as error:  # noqa: BLE001 -- anything may go wrong in a measurement
        traceback.print_exc()
        yield Figure(
            subject=subject,
            key=f"{subject}_failed",
            name=f"{subject}: measurements that failed",
            value=1,
            unit="",
            target=0.0,
            is_ceiling=True,
            note=f"{type(error).__name__}: {error}"[:120],
        )


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    subjects = "\n".join(f"  {name:<9} {text}" for name, text in SUBJECTS.items())
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure the performance figures of the design on a stack of its own.",
        epilog=f"subjects:\n{subjects}\n\nmake bench BENCH_FLAGS='bids --seconds 10' passes them.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "subjects", nargs="*", metavar="SUBJECT", help="the subjects to measure (default: all)"
    )
    parser.add_argument(
        "--seconds", type=float, default=6.0, help="seconds to measure each figure (default: 6)"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument(
        "--write-docs",
        action="store_true",
        help="measure nothing; write the figures of the last run to bench/results.json, and into "
        "bench/README.md and docs/scaling.md",
    )
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.subjects) - set(SUBJECTS))
    if unknown:
        parser.error(f"unknown subject: {', '.join(unknown)}; choose from {', '.join(SUBJECTS)}")
    if not options.seconds >= 1:  # This refuses nan too.
        parser.error("--seconds must be at least 1")
    return options


def _report(found: Sequence[Figure], *, is_whole: bool) -> str:
    texts = ("text", "target_text", "verdict")
    report = {
        "is_whole": is_whole,
        "taken_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}",
        "figures": [
            dataclasses.asdict(figure) | {name: getattr(figure, name) for name in texts}
            for figure in found
        ],
    }
    return json.dumps(report, indent=2) + "\n"


def _summary(found: Sequence[Figure]) -> str:
    verdicts = [figure.verdict for figure in found]
    counted = (Verdict.MET, Verdict.MISSED, Verdict.UNMEASURED)
    return ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in counted)


def _table(found: Sequence[Figure]) -> Table:
    table = Table(title="Measured figures and their targets")
    for heading in ("figure", "target", "measured", "verdict", "note"):
        is_number = heading in ("target", "measured")
        table.add_column(heading, justify="right" if is_number else "left")
    for before, figure in zip([None, *found], found, strict=False):
        if before and before.subject != figure.subject:
            table.add_section()
        verdict = f"[{COLOURS[figure.verdict]}]{figure.verdict}[/]"
        note = "; ".join(filter(None, (figure.problem, figure.note)))
        table.add_row(figure.name, figure.target_text, figure.text, verdict, note)
    return table
