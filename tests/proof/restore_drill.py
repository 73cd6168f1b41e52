"""`python -m tests.proof.restore_drill`: restore a database to an hour ago, and reconcile it.

The drill runs on a stack of its own. It prints the state and the money of each order before the
restore, after it, and after reconcile, and exits with 1 if anything is lost, doubled or sent again.
"""

import sys
from collections.abc import Mapping

import pytest
from rich.console import Console
from rich.table import Table

from tests.faults.reconciling import Reconciler, look_at_once
from tests.faults.restoring import Drill
from tests.integration.service.shop import Shop
from tests.support.stack import running_stack


def main() -> int:
    """Run the drill; return the exit status."""
    console = Console()
    with (
        pytest.MonkeyPatch.context() as patch,
        running_stack("--only", "postgres,gateway,stripe,service") as environment,
        Shop(environment) as shop,
    ):
        look_at_once(patch)
        reconciler = Reconciler.of(
            {name: value for name, value in environment.items() if name != "ready"}
        )
        try:
            return _run(Drill(shop=shop, reconciler=reconciler), console)
        finally:
            reconciler.close()


def _run(drill: Drill, console: Console) -> int:
    snapshot = drill.prepare()
    drill.live_an_hour()
    sent, before = drill.at_stripe(), drill.books()
    snapshot.restore()
    restored = drill.books()
    drill.recover()
    after = drill.books()

    table = Table("order", "before", "restored", "reconciled", "at Stripe")
    for name, cents in drill.expected_at_stripe().items():
        states = (
            f"{state} {money / 100:.2f}" for state, money in _each(name, before, restored, after)
        )
        table.add_row(name, *states, f"{cents / 100:.2f}")
    console.print(table)
    problems = {
        "sent again": sent != drill.at_stripe(),
        "not as before": before != after,
        "unlike Stripe": drill.expected_at_stripe() != {n: c for n, (_, c) in after.items()},
        "booked twice": drill.facts_booked_twice() != [],
        "drifted": drill.shop.service.rows("select * from public.ledger_drift()") != [],
    }
    found = [problem for problem, is_there in problems.items() if is_there]
    console.print(", ".join(found) or "Every movement of the lost hour is booked once.")
    return 1 if found else 0


def _each(name: str, *books: Mapping[str, tuple[str, int]]) -> list[tuple[str, int]]:
    return [book[name] for book in books]


if __name__ == "__main__":
    sys.exit(main())
