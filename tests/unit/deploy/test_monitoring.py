"""`deploy/monitoring`: rules and dashboard follow from definition, code and runbook."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from devstack.paths import ROOT
from market import metrics
from market.alerts import URGENCY


FOLDER = ROOT / "deploy/monitoring"
GROUPS = yaml.safe_load((FOLDER / "alert_rules.yml").read_text())["groups"]
RULES: list[dict[str, Any]] = [
    rule for group in GROUPS for rule in group["rules"] if "alert" in rule
]
DEFINITION = yaml.safe_load((FOLDER / "monitoring.yml").read_text())
HEADINGS = re.findall(r"^## (.+)$", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
#: All labels of our metrics. Each takes values of our own code: no id, no name, no text of a user.
LABELS = {
    *(
        "alert",
        "duty",
        "endpoint",
        "function",
        "job",
        "kind",
        "limit",
        "method",
        "outcome",
        "queue",
    ),
    *("reason", "result", "route", "stage", "status"),
}


def test_files_follow_from_their_definition() -> None:
    """The committed rules and panels are those of the definition."""
    done = subprocess.run(
        [sys.executable, ".ci/monitoring.py", "--check"],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )

    assert (0, "") == (done.returncode, done.stderr)


def anchor_of(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_alert_leads_to_its_section(rule: dict[str, Any]) -> None:
    """Each rule links to the runbook section of its alert."""
    anchor = rule["annotations"]["runbook"].removeprefix("docs/operations.md#")

    [heading] = [heading for heading in HEADINGS if anchor_of(heading) == anchor]
    assert re.search(rf"\b{rule['alert']}\b", heading)
    assert rule["annotations"]["summary"]
    assert rule["labels"]["severity"] in {"page", "ticket"}


def test_each_counted_alert_has_one_rule() -> None:
    """Urgency is decided in one place; the reasons of an alert share its rule."""
    names = {name.partition(":")[0]: urgency for name, urgency in URGENCY.items()}

    rules = [rule for rule in RULES if "market_alerts_total" in rule["expr"]]

    assert len(names) == len(rules)
    assert names == {rule["alert"]: rule["labels"]["severity"] for rule in rules}


@pytest.mark.parametrize("objective", DEFINITION["objectives"], ids=lambda each: each["name"])
def test_budget_has_alerts_of_two_speeds(objective: dict[str, Any]) -> None:
    """A fast burn wakes somebody, a slow one is a ticket; each looks at two windows."""
    rules = [rule for rule in RULES if rule["alert"] == objective["name"]]

    windows = [re.findall(r"rate(\w+)\{", rule["expr"]) for rule in rules]
    assert [["1h", "5m"], ["6h", "30m"], ["1d", "2h"], ["3d", "6h"]] == windows
    factors = [set(re.findall(r"> ([\d.]+)", rule["expr"])) for rule in rules]
    assert [{"14.4"}, {"6"}, {"3"}, {"1"}] == factors
    assert ["page", "page", "ticket", "ticket"] == [rule["labels"]["severity"] for rule in rules]
    assert 0.9 <= objective["target"] < 1


def test_labels_have_few_values() -> None:
    """A new label belongs to the list only if its values are constants of our code."""
    declared = {
        label
        for metric in vars(metrics).values()
        if isinstance(metric, MetricWrapperBase)
        for label in metric._labelnames  # noqa: SLF001 - the library has no public list
    }

    assert LABELS == declared


def test_dashboard_asks_the_chosen_source() -> None:
    """Each query of each panel reads what the reader of the dashboard chooses."""
    panels = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
    graphs = [panel for panel in panels if panel["type"] == "timeseries"]

    assert sum(len(row["panels"]) for row in DEFINITION["panels"]) == len(graphs)
    assert {"${source}"} == {
        target["datasource"]["uid"] for panel in graphs for target in panel["targets"]
    }
    assert len({panel["id"] for panel in panels}) == len(panels)
