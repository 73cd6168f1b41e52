"""`docs/operations.md`: each alert has its section and its rule, and each section its alert."""

import re
from pathlib import Path

import yaml

from market.alerts import URGENCY


ROOT = Path(__file__).parents[3]
IN_SQL = re.compile(
    r"alerts (?:text\[\] )?(?:=>|:=) (?:array\[)?'\{?([a-z_]+)"
    r"|'\[\"([a-z_]+)\"\]'|then array\['([a-z_]+)'\]"
)
IN_PYTHON = re.compile(r"\balert\(\s*\"([a-z_]+)\"")


def found(pattern: re.Pattern[str], folder: str, ending: str) -> set[str]:
    texts = [path.read_text() for path in (ROOT / folder).rglob(f"*.{ending}")]
    return {
        name
        for text in texts
        for match in pattern.finditer(text)
        for name in match.groups()
        if name
    }


def raised_in_code() -> set[str]:
    raised = (
        found(IN_SQL, "sql", "sql")
        | {f"refund_{status}" for status in ("failed", "canceled")}
        | found(IN_PYTHON, "market", "py")
        | found(IN_PYTHON, "service", "py")
    )
    return raised - {"refund_"}


def rules() -> set[str]:
    loaded = yaml.safe_load((ROOT / "deploy/monitoring/alert_rules.yml").read_text())
    return {
        rule["alert"] for group in loaded["groups"] for rule in group["rules"] if "alert" in rule
    }


def test_each_alert_has_an_urgency() -> None:
    """Each alert has an urgency, or it would have no rule."""
    assert {name.partition(":")[0] for name in URGENCY} == raised_in_code()


def test_each_alert_has_a_section() -> None:
    """An operator finds the steps for an alert under its name."""
    headings = re.findall(r"^## (.+)$", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    sections = {
        name for heading in headings for name in re.findall(r"\b[a-z]+(?:_[a-z]+)+", heading)
    }

    assert sections == rules()
    assert raised_in_code() <= rules()
