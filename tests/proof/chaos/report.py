"""The report of a run: JSON for programs, a page for people, and plots."""

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.proof.chaos.checks import Result
from tests.proof.chaos.facts import Facts
from tests.proof.chaos.run import FinishedRun


_SHOWN_PROBLEMS = 10
_LANE_COLOURS = {"processes": "#c33c3c", "gateway": "#d98e04", "Stripe": "#4464ad"}
_WIDTH_IN, _HEIGHT_IN = 11.0, 8.0
_PERCENTS = (50, 95, 99, 100)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The figures and problems of a run."""

    finished: FinishedRun
    facts: Facts
    results: Sequence[Result]

    @property
    def is_green(self) -> bool:
        """Return true if no check has found anything."""
        return not any(result.problems for result in self.results)

    def as_json(self) -> dict[str, Any]:
        """Return all figures, and all problems."""
        return {
            "is_green": self.is_green,
            "took_s": round(self.finished.took_s, 1),
            "faults_took_s": round(self.finished.faults_s, 1),
            "plan": self.finished.plan.as_json(),
            "counts": self.counts(),
            "close_lag_s": self.percentiles(),
            "checks": [dataclasses.asdict(result) for result in self.results],
            "faults": [dataclasses.asdict(one) for one in self.finished.injector.injected],
            "faults_without_target": dict(Counter(self.finished.injector.missed)),
            "answers": dict(sorted(self.finished.web.counts.items())),
            "refusals": dict(self.finished.bidding.refusals),
        }

    def counts(self) -> dict[str, int]:
        """Return the number of auctions, bids, payments and other objects of the run."""
        rows = self.facts.rows
        orders = Counter(order["state"] for order in rows["orders"])
        auctions = Counter(auction["status"] for auction in rows["auctions"])
        return {
            "auctions": len(rows["auctions"]),
            "sold": auctions["finalized"],
            "unsold": auctions["no_sale"],
            "extended by a bid": sum(a["extension_count"] > 0 for a in rows["auctions"]),
            "extended by an outage": sum(a["outage_extension_s"] > 0 for a in rows["auctions"]),
            "outages": len(rows["outages"]),
            "accepted bids": len(self.facts.outside.answered),
            "bids with the automatic ones": len(rows["bids"]),
            **{f"orders {state}": count for state, count in sorted(orders.items())},
            "events of Stripe": len(self.facts.stripe.events),
            "transfers": len(rows["payouts"]),
            "notifications": len(rows["notifications"]),
            "faults": len(self.finished.injector.injected),
        }

    def lags(self) -> list[tuple[float, float]]:
        """Return each auction's end in seconds after the start, and the time until its close."""
        return sorted(
            (
                _seconds(auction["end_at"]) - self.finished.began_at,
                _seconds(auction["finalized_at"]) - _seconds(auction["end_at"]),
            )
            for auction in self.facts.rows["auctions"]
            if auction["finalized_at"]
        )

    def percentiles(self) -> dict[str, float]:
        """Return percentiles of the time from an end to its close."""
        lags = sorted(lag for _, lag in self.lags())
        last = len(lags) - 1
        return {f"p{p}": round(lags[last * p // 100], 3) for p in _PERCENTS} if lags else {}

    def write(self, folder: Path) -> None:
        """Write all files of the report."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.as_json(), indent=2, default=str)
        (folder / "report.json").write_text(text + "\n")
        self._draw().savefig(folder / "chaos.svg")
        (folder / "report.md").write_text(self.page())

    def page(self) -> str:
        """Return the report for people."""
        verdict = "Nothing was found." if self.is_green else "**Something was found.**"
        faults = Counter(one.name for one in self.finished.injector.injected)
        lasted_s = self.finished.faults_s
        parts = [
            f"# Chaos, seed {self.finished.plan.seed}\n",
            f"{verdict} The run took {self.finished.took_s:.0f} s, faults {lasted_s:.0f} s.\n",
            f"![Lag, faults and closes over time](chaos.svg)\n\nClose lag: {self.percentiles()}\n",
            _table(
                ("check", "looked at", "problems"),
                [(r.name, r.looked_at, len(r.problems)) for r in self.results],
            ),
            *_problems(self.results),
            _table(("fault", "times"), sorted(faults.items())),
            _table(("count", "number"), list(self.counts().items())),
        ]
        return "\n".join(parts)

    def _draw(self) -> Figure:
        """Draw the lag of each close, the faults, and the closes, over the same time."""
        canvas = Figure(figsize=(_WIDTH_IN, _HEIGHT_IN), layout="constrained")
        lag, faults, closes = canvas.subplots(
            3, 1, sharex=True, gridspec_kw={"height_ratios": (3, 4, 2)}
        )
        lags = self.lags()
        lag.plot([at for at, _ in lags], [late for _, late in lags], ".", markersize=2)
        lag.set_ylabel("close lag in s")
        self._draw_faults(faults)
        closes.hist([at + late for at, late in lags], bins=120, color="#2a7d4f")
        closes.set_ylabel("closes")
        closes.set_xlabel("seconds after the start")
        return canvas

    def _draw_faults(self, axes: Axes) -> None:
        injected = self.finished.injector.injected
        names = list(
            dict.fromkeys(s.name for s in sorted(injected, key=lambda s: (s.lane, s.name)))
        )
        for one in injected:
            lasts_s = max(one.ended_s - one.began_s, self.finished.took_s / 400)
            row = names.index(one.name)
            axes.barh(row, lasts_s, left=one.began_s, color=_LANE_COLOURS[one.lane])
        axes.set_yticks(range(len(names)), names, fontsize=7)


def _problems(results: Sequence[Result]) -> list[str]:
    return [
        f"## {result.name}: {len(result.problems)}\n\n"
        + "".join(f"- `{problem}`\n" for problem in result.problems[:_SHOWN_PROBLEMS])
        for result in results
        if result.problems
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(str(cell) for cell in line)} |\n" for line in lines)


def _seconds(at: datetime) -> float:
    return at.timestamp()
