"""`docs/operations.md`: each alert has its section, and each section its alert."""

import re
from pathlib import Path


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


def test_each_alert_has_a_section() -> None:
    """An operator finds the steps for an alert under its name."""
    headings = re.findall(r"^## (.+)$", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    sections = {
        name for heading in headings for name in re.findall(r"\b[a-z]+(?:_[a-z]+)+", heading)
    }

    raised = (
        found(IN_SQL, "sql", "sql")
        | {f"refund_{status}" for status in ("failed", "canceled")}
        | found(IN_PYTHON, "market", "py")
        | found(IN_PYTHON, "service", "py")
    )

    assert sections == raised - {"refund_"}
