"""Show the demo: live while it runs, as a table at the end, or as JSON for a machine."""

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

from devstack.demo.facts import Facts, dollars
from devstack.demo.steps import Step


#: The accounts of an order, in the sequence of the columns.
_ACCOUNTS = (
    "stripe_clearing", "buyer", "seller_payable", "platform_fee", "refunds", "dispute_hold"
)  # fmt: skip


class LiveStage:
    """A terminal: a spinner while a step runs, a line when it is done."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None

    def begin(self, step: Step) -> None:
        """Turn the spinner."""
        self._status = self._console.status(f"{step.title} …")
        self._status.start()

    def update(self, step: Step, text: str) -> None:
        """Put the text beside the spinner."""
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
        """Mark the step that failed."""
        self._stop()
        self._console.print(Text.assemble(("✗ ", "red"), step.title))

    def _stop(self) -> None:
        if self._status:
            self._status.stop()


class PlainStage:
    """A pipe or a log: one line a step, when it is done."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def begin(self, step: Step) -> None:
        """Wait for the end."""

    def update(self, step: Step, text: str) -> None:
        """Wait for the end."""

    def end(self, step: Step) -> None:
        """Write the step with its notes and its duration, in one line."""
        notes = f" ({'; '.join(step.notes)})" if step.notes else ""
        self._write(f"{step.started_at_s:6.2f} s  {step.title}{notes}  {step.took_ms:.0f} ms")

    def fail(self, step: Step) -> None:
        """Write which step failed."""
        self._write(f"{step.started_at_s:6.2f} s  FAILED: {step.title}")

    def _write(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def as_json(steps: list[Step], facts: Facts, error: str | None) -> str:
    """Return everything for a machine, in one object."""
    return json.dumps(
        {
            "ok": error is None,
            "error": error,
            "steps": [asdict(step) for step in steps],
            "startup_s": facts.startup_s,
            "auction": facts.auction,
            "bids": facts.bids,
            "order": facts.order,
            "second_order": facts.second_order,
            "repeats": facts.repeats,
            "messages": facts.messages,
            "durations": facts.durations(),
        },
        indent=2,
    )


def closing_report(steps: list[Step], facts: Facts, total_s: float) -> Group:
    """Return what happened as tables that a person enjoys reading."""
    headline = Text.assemble(
        ("A camera was sold, handed over and paid out; a case was sold and lost. ", "bold green"),
        f"{len(steps)} steps in {total_s:.1f} s, every expectation held.",
    )
    return Group(
        Text(),
        _timeline(steps),
        _side_by_side(_bids(facts), _money(facts)),
        _books("Books of the camera", facts.order),
        _books("Books of the case", facts.second_order),
        _durations(facts),
        Panel(headline, border_style="green", expand=False),
    )


def _timeline(steps: list[Step]) -> Table:
    table = _table("What happened")
    table.add_column("at", justify="right", style="dim", no_wrap=True)
    table.add_column("step", ratio=3)
    table.add_column("and so", ratio=4, style="dim")
    table.add_column("took", justify="right", no_wrap=True)
    for step in steps:
        took = "" if step.took_ms is None else _duration(step.took_ms)
        table.add_row(f"{step.started_at_s:.1f} s", step.title, "; ".join(step.notes), took)
    return table


def _bids(facts: Facts) -> Table:
    table = _table("Bids", expand=False)
    for name in ("seq", "bidder", "amount", ""):
        table.add_column(name, justify="right" if name in {"seq", "amount"} else "left")
    last = facts.bids[-1]["seq"] if facts.bids else None
    for bid in facts.bids:
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


def _money(facts: Facts) -> Table:
    order = _table("Order", expand=False, show_header=False)
    order.add_column("")
    order.add_column("", justify="right")
    for label, key in (("sold for", "amount_cents"), ("fee", "fee_cents")):
        order.add_row(label, dollars(facts.order[key]))
    order.add_row("for the seller", dollars(facts.order["seller_cents"]), end_section=True)
    order.add_row("state", Text(facts.order["state"], "bold green"))
    return order


def _books(title: str, order: Mapping[str, Any]) -> Table:
    """Return the ledger of an order: a line per fact, a column per account, and the balances."""
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


def _durations(facts: Facts) -> Table:
    table = _table("How long things took", expand=False)
    table.add_column("what")
    table.add_column("times", justify="right", style="dim")
    table.add_column("median", justify="right")
    table.add_column("slowest", justify="right")
    if facts.startup_s is not None:
        started = f"{facts.startup_s:.1f} s"
        table.add_row("start of the whole system", "1", started, started)
    for what, figures in facts.durations().items():
        median, slowest = _duration(figures["median_ms"]), _duration(figures["max_ms"])
        table.add_row(what, f"{figures['count']:.0f}", median, slowest)
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
