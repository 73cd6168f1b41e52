"""`make chaos`: let auctions end in waves while everything is killed, then check the market.

The run starts a system of its own. It prints its seed and writes a report: report.md, report.json
and chaos.svg. The exit status is 1 if a check finds anything.
"""

import argparse
import asyncio
import random
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from devstack.interrupt import end_quietly


end_quietly()

import psycopg  # noqa: E402 - Ctrl-C must be handled before the slow imports
import stripe  # noqa: E402

from devstack.paths import ROOT  # noqa: E402
from tests.proof.chaos.bidding import EXPECTED_REFUSALS  # noqa: E402
from tests.proof.chaos.checks import check  # noqa: E402
from tests.proof.chaos.facts import AtStripe, OutsideRecords, Sale, read_facts  # noqa: E402
from tests.proof.chaos.plan import make_plan  # noqa: E402
from tests.proof.chaos.report import Report  # noqa: E402
from tests.proof.chaos.run import FinishedRun, Run  # noqa: E402
from tests.proof.chaos.system import System, running_system  # noqa: E402


AUCTIONS = 10_000
_SEEDS = 2**32


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, check and report; return the exit status."""
    options = _options(arguments)
    seed = random.SystemRandom().randrange(_SEEDS) if options.seed is None else options.seed
    plan = make_plan(seed, options.auctions, has_faults=not options.without_faults)
    _say(f"CHAOS_SEED={seed} CHAOS_AUCTIONS={options.auctions}")
    for lane, faults in plan.faults.items():
        names = ", ".join(dict.fromkeys(planned.name for planned in faults))
        _say(f"{lane}: {len(faults)} faults: {names}")
    with running_system(options.out / "logs") as system:
        finished = asyncio.run(Run(plan, system, _say).run())
        _say(f"{finished.took_s:5.0f} s  reading the market and Stripe")
        report = _report(finished, system)
    _say(f"      checked; the run used {_memory_mb()} MB")
    report.write(options.out)
    _print(report, options.out)
    return 0 if report.is_green else 1


def _report(finished: FinishedRun, system: System) -> Report:
    outside = _outside_records(finished)
    client = stripe.StripeClient(
        system.environment["STRIPE_SECRET_KEY"],
        base_addresses={"api": system.environment["STRIPE_API_BASE"]},
    )
    at_stripe = AtStripe.read(client)
    url = system.environment["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True, options="-c search_path=") as db:
        facts = read_facts(db, outside, at_stripe)
    return Report(finished=finished, facts=facts, results=check(facts))


def _outside_records(finished: FinishedRun) -> OutsideRecords:
    refused = {
        code: count
        for code, count in finished.bidding.refusals.items()
        if code not in EXPECTED_REFUSALS
    }
    return OutsideRecords(
        sales={
            lot.id: Sale(
                listed_end_at=lot.listed_end_at,
                is_scheduled=lot.is_scheduled,
                ending=lot.plan.ending,
            )
            for lot in finished.market.lots.values()
        },
        answered=finished.bidding.answered,
        repeated=finished.bidding.repeated,
        unexpected=dict(finished.buying.unexpected) | refused,
        left=finished.left,
    )


def _print(report: Report, out: Path) -> None:
    for result in report.results:
        mark = "FOUND" if result.problems else "ok"
        _say(f"{mark:>5}  {result.name} ({result.looked_at} looked at)")
        for problem in result.problems[:3]:
            _say(f"         {problem[:500]}")
    _say(f"close lag in s: {report.percentiles()}; the report is in {out}/report.md")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.proof.chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--auctions", type=int, default=AUCTIONS, help="their number (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, help="repeats the plan of a run, but not its timing")
    parser.add_argument("--out", type=Path, default=ROOT / ".chaos", help="the report's folder")
    parser.add_argument(
        "--without-faults", action="store_true", help="run the same auctions without faults"
    )
    return parser.parse_args(arguments)


def _memory_mb() -> int:
    """Return the most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a long run must show its progress


if __name__ == "__main__":
    sys.exit(main())
