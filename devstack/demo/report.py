"""Show the demo: its steps while it runs, then its results as tables or as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.status import Status
from rich.table import Table
from rich.text import Text

from devstack.demo.steps import DemoRun, Results, Step, dollars


#: The accounts of an order, in the order of the columns.
_ACCOUNTS = (
    "stripe_clearing", "buyer", "seller_payable", "platform_fee", "refunds", "dispute_hold"
)  # fmt: skip


class TerminalDisplay:
    """A terminal shows a spinner while a step runs, and a line after it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None

    def begin(self, step: Step) -> None:
        """Start the spinner."""
        self._status = self._console.status(f"{step.title} …")
        self._status.start()

    def update(self, step: Step, text: str) -> None:
        """Show the text beside the spinner."""
        if self._status:
            self._status.update(f"{step.title} … {text}")

    def end(self, step: Step) -> None:
        """Write the step with its notes and its duration."""
        self._stop()
        line = Text.assemble(("✓ ", "green"), step.title, (f"  {step.took_ms:.0f} ms", "dim"))
        self._console.print(line)
        for note in step.notes:
            self._console.print(Text(f"  {note}", "dim"))

    def fail(self, step: Step) -> None:
        """Write the failed step."""
        self._stop()
        self._console.print(Text.assemble(("✗ ", "red"), step.title))

    def _stop(self) -> None:
        if self._status:
            self._status.stop()


class LogDisplay:
    """A pipe or a log gets one line after each step."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def begin(self, step: Step) -> None:
        """Write nothing yet."""

    def update(self, step: Step, text: str) -> None:
        """Write nothing."""

    def end(self, step: Step) -> None:
        """Write one line with the step, its notes and its duration."""
        notes = f" ({'; '.join(step.notes)})" if step.notes else ""
        self._write(f"{step.started_at_s:6.2f} s  {step.title}{notes}  {step.took_ms:.0f} ms")

    def fail(self, step: Step) -> None:
        """Write the failed step."""
        self._write(f"{step.started_at_s:6.2f} s  FAILED: {step.title}")

    def _write(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def as_json(run: DemoRun, error: str | None) -> str:
    """Return the whole report as one JSON object."""
    results = run.results
    return json.dumps(
        {
            "ok": error is None,
            "error": error,
            "steps": [asdict(step) for step in run.steps],
            "startup_s": results.startup_s,
            "auction": results.auction,
            "bids": results.bids,
            "order": results.order,
            "second_order": results.second_order,
            "repeats": results.repeats,
            "messages": results.messages,
            "durations": results.durations(),
        },
        indent=2,
    )


def closing_report(run: DemoRun) -> Group:
    """Return the report as tables for a person."""
    results = run.results
    headline = Text.assemble(
        ("A camera was sold and paid out; a case was sold, disputed and refunded. ", "bold green"),
        f"{len(run.steps)} steps in {run.elapsed_s:.1f} s met every expectation.",
    )
    return Group(
        Text(),
        _timeline(run.steps),
        _side_by_side(_bids(results), _money(results)),
        _ledger("Ledger of the camera", results.order),
        _ledger("Ledger of the case", results.second_order),
        _durations(results),
        Panel(headline, border_style="green", expand=False),
    )


def _timeline(steps: list[Step]) -> Table:
    table = _table("Steps")
    table.add_column("at", justify="right", style="dim", no_wrap=True)
    table.add_column("step", ratio=3)
    table.add_column("notes", ratio=4, style="dim")
    table.add_column("took", justify="right", no_wrap=True)
    for step in steps:
        took = "" if step.took_ms is None else _duration(step.took_ms)
        table.add_row(f"{step.started_at_s:.1f} s", step.title, "; ".join(step.notes), took)
    return table


def _bids(results: Results) -> Table:
    table = _table("Bids", expand=False)
    for name in ("seq", "bidder", "amount", ""):
        table.add_column(name, justify="right" if name in {"seq", "amount"} else "left")
    last = results.bids[-1]["seq"] if results.bids else None
    for bid in results.bids:
        is_last = bid["seq"] == last
        how = "by proxy" if bid["is_automatic"] else "by hand"
        table.add_row(
            str(bid["seq"]),
            bid["bidder"],
            dollars(bid["amount_cents"]),
            f"{how}, wins" if is_last else how,
            style="bold green" if is_last else "",
        )
    return table


def _money(results: Results) -> Table:
    order = _table("Order", expand=False, show_header=False)
    order.add_column("")
    order.add_column("", justify="right")
    for label, key in (("sold for", "amount_cents"), ("fee", "fee_cents")):
        order.add_row(label, dollars(results.order[key]))
    order.add_row("for the seller", dollars(results.order["seller_cents"]), end_section=True)
    order.add_row("state", Text(results.order["state"], "bold green"))
    return order


def _ledger(title: str, order: Mapping[str, Any]) -> Table:
    """Return the ledger of an order: a row per fact, a column per account, and the balances."""
    entries = order["ledger"]
    accounts = [name for name in _ACCOUNTS if any(name == entry["account"] for entry in entries)]
    table = _table(f"{title}: {order['state']}", expand=False)
    table.add_column("fact")
    for account in accounts:
        table.add_column(account, justify="right")
    for fact in dict.fromkeys(entry["fact"] for entry in entries):
        lines = [entry for entry in entries if entry["fact"] == fact]
        table.add_row(lines[0]["description"], *[_cents(lines, account) for account in accounts])
    table.add_section()
    balances = [_cents(entries, account) or "$0.00" for account in accounts]
    table.add_row("balance", *balances, style="bold")
    return table


def _cents(entries: Sequence[Mapping[str, Any]], account: str) -> str:
    cents = sum(entry["amount_cents"] for entry in entries if entry["account"] == account)
    return dollars(cents) if cents else ""


def _durations(results: Results) -> Table:
    table = _table("Durations", expand=False)
    table.add_column("operation")
    table.add_column("count", justify="right", style="dim")
    table.add_column("median", justify="right")
    table.add_column("slowest", justify="right")
    if results.startup_s is not None:
        started = f"{results.startup_s:.1f} s"
        table.add_row("start of the system", "1", started, started)
    for operation, figures in results.durations().items():
        median, slowest = _duration(figures["median_ms"]), _duration(figures["max_ms"])
        table.add_row(operation, f"{figures['count']:.0f}", median, slowest)
    return table


def _side_by_side(*parts: Any) -> Table:
    grid = Table.grid(padding=(0, 3))
    grid.add_row(*parts)
    return grid


def _table(title: str, *, expand: bool = True, show_header: bool = True) -> Table:
    return Table(
        title=title,
        box=box.ROUNDED,
        title_justify="left",
        title_style="bold",
        header_style="dim",
        expand=expand,
        show_header=show_header,
    )


def _duration(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"  # noqa: PLR2004 - a second
