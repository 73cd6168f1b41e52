"""Write the alert rules and the dashboard from `deploy/monitoring/monitoring.yml`.

The rules also cover each alert of `market/alerts.py`. Each rule names its section of
docs/operations.md.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml


ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from market.alerts import URGENCY  # noqa: E402 - the line above makes it importable


FOLDER = ROOT / "deploy/monitoring"
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


class Burn(NamedTuple):
    """An alert about a budget: it fires when both windows burn faster than `factor`."""

    urgency: str
    long: str
    short: str
    factor: float


#: The factors use up 2 % of the budget of 30 days in an hour, 5 % in six hours, 10 % in a day and
#: 10 % in three days.
BURNS = (
    Burn("page", "1h", "5m", 14.4),
    Burn("page", "6h", "30m", 6),
    Burn("ticket", "1d", "2h", 3),
    Burn("ticket", "3d", "6h", 1),
)
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
PANELS_IN_A_ROW = 3
PANEL_WIDTH = 24 // PANELS_IN_A_ROW
PANEL_HEIGHT = 8


def main() -> None:
    """Write the files, or with --check only compare them; exit with 1 if one differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    is_check = parser.parse_args().check
    definition = yaml.safe_load((FOLDER / "monitoring.yml").read_text())
    texts = {
        "alert_rules.yml": rules_text(definition),
        "dashboard.json": json.dumps(dashboard(definition["panels"]), indent=2) + "\n",
    }
    outdated = [name for name, text in texts.items() if differs(FOLDER / name, text)]
    if is_check and outdated:
        sys.exit(f"deploy/monitoring: run `make monitoring` for {' and '.join(outdated)}")
    for name in outdated:
        (FOLDER / name).write_text(texts[name])


def differs(path: Path, text: str) -> bool:
    """Return true if a file does not exist or has another text."""
    return not path.exists() or path.read_text() != text


def rules_text(definition: Mapping[str, Any]) -> str:
    """Return the rules as YAML."""
    objectives = definition["objectives"]
    groups = [
        {"name": "objectives", "rules": [*burn_rates(objectives), *burn_alerts(objectives)]},
        {"name": "thresholds", "rules": [threshold(alert) for alert in definition["alerts"]]},
        {"name": "alerts", "rules": list(counted_alerts())},
    ]
    head = "# `make monitoring` writes this file from monitoring.yml and market/alerts.py.\n"
    return head + yaml.safe_dump({"groups": groups}, sort_keys=False, width=100)


def burn_rates(objectives: list[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield a recording rule for each objective and window: 1 uses up the budget in 30 days."""
    for objective in objectives:
        budget = round(1 - objective["target"], 6)
        for window in WINDOWS:
            # Without any good event there is no series of good events.
            good = f"(sum(rate({objective['good']}[{window}])) or vector(0))"
            every = f"sum(rate({objective['all']}[{window}]))"
            yield {
                "record": f"slo:burn_rate:rate{window}",
                "expr": f"({every} - {good}) / {every} / {budget}",
                "labels": {"slo": objective["name"]},
            }


def burn_alerts(objectives: list[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the alerts about the budget of each objective."""
    for objective in objectives:
        for burn in BURNS:
            slo = f'{{slo="{objective["name"]}"}}'
            yield rule(
                objective["name"],
                " and ".join(
                    f"slo:burn_rate:rate{window}{slo} > {burn.factor}"
                    for window in (burn.long, burn.short)
                ),
                urgency=burn.urgency,
                summary=f"Missed at {burn.factor} times the allowed rate: {objective['sentence']}",
                labels={"window": burn.long},
            )


def threshold(alert: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rule of an alert that the definition spells out."""
    return rule(
        alert["name"],
        alert["expr"],
        urgency=alert["urgency"],
        summary=alert["summary"],
        lasts=alert.get("for"),
    )


def counted_alerts() -> Iterator[dict[str, Any]]:
    """Yield a rule for each alert that our code counts; its reasons share one rule."""
    for name in sorted({name.partition(":")[0] for name in URGENCY}):
        names = [known for known in URGENCY if known.partition(":")[0] == name]
        match = f'="{name}"' if names == [name] else f'=~"{name}:.*"'
        yield rule(
            name,
            f"sum(increase(market_alerts_total{{alert{match}}}[15m])) > 0",
            urgency=URGENCY[names[0]],
            summary="A process has logged this alert; the line names the ids.",
        )


def rule(
    name: str,
    expr: str,
    *,
    urgency: str,
    summary: str,
    lasts: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return an alerting rule with its section in the runbook."""
    return {
        "alert": name,
        "expr": expr,
        **({"for": lasts} if lasts else {}),
        "labels": {"severity": urgency, **(labels or {})},
        "annotations": {"summary": summary, "runbook": f"docs/operations.md#{anchor_of(name)}"},
    }


def anchor_of(name: str) -> str:
    """Return the anchor of the section that has an alert in its heading."""
    for heading in HEADING.findall((ROOT / "docs/operations.md").read_text()):
        if re.search(rf"\b{name}\b", heading):
            return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
    sys.exit(f"docs/operations.md: the alert {name} has no section")


def dashboard(rows: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the dashboard, as Grafana imports it."""
    panels: list[dict[str, Any]] = []
    top = 0
    for row in rows:
        panels.append(at(0, top, 24, 1) | {"type": "row", "title": row["row"], "panels": []})
        for index, panel in enumerate(row["panels"]):
            line, column = divmod(index, PANELS_IN_A_ROW)
            place = at(
                column * PANEL_WIDTH, top + 1 + line * PANEL_HEIGHT, PANEL_WIDTH, PANEL_HEIGHT
            )
            panels.append(place | graph(panel))
        top += 1 + -(-len(row["panels"]) // PANELS_IN_A_ROW) * PANEL_HEIGHT
    return {
        "uid": "aussie-market",
        "title": "Aussie Market",
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {"name": "source", "label": "Source", "type": "datasource", "query": "prometheus"}
            ]
        },
        "panels": [{"id": number, **panel} for number, panel in enumerate(panels, start=1)],
    }


def at(x: int, y: int, width: int, height: int) -> dict[str, Any]:
    """Return the place of a panel."""
    return {"gridPos": {"x": x, "y": y, "w": width, "h": height}}


def graph(panel: Mapping[str, Any]) -> dict[str, Any]:
    """Return a panel that draws its queries over time."""
    source = {"type": "prometheus", "uid": "${source}"}
    return {
        "type": "timeseries",
        "title": panel["title"],
        "datasource": source,
        "fieldConfig": {"defaults": {"unit": panel["unit"], "min": 0}, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": source,
                "expr": expr,
                "legendFormat": legend,
            }
            for index, (legend, expr) in enumerate(panel["queries"].items())
        ],
    }


if __name__ == "__main__":
    main()
