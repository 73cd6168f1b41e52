"""`docs/security.md`: each threat names tests that exist and that a run collects."""

import ast
import re
from fnmatch import fnmatch

import pytest

from devstack.paths import ROOT
from tests.unit.statements import statements


PAGE = (ROOT / "docs/security.md").read_text()
THREATS = PAGE.partition("## Threats")[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in THREATS.splitlines()
    if line.startswith("| ") and not line.startswith("| threat |")
]
#: Each subject that the list must not lose.
SUBJECTS = (
    "stolen access token",
    "second factor",
    "metadata",
    "embeds, filters",
    "arguments of RPCs",
    "reserve or a maximum",
    "Sniping",
    "race each other",
    "closed twice",
    "paid twice",
    "sent again",
    "another order, late or lost",
    "forged webhook",
    "other mode or of another account",
    "refund is made twice",
    "seller is paid twice",
    "change of the payout account",
    "diverts the payment",
    "Contact details",
    "two formats",
    "EXIF",
    "bomb",
    "signed link",
    "CSRF",
    "CSP",
    "XSS in the console",
    "Enumeration",
    "Floods",
    "Slow queries",
    "their own orders",
    "messages for no reason",
    "traces",
    "Documents of identity",
    "deletion",
    "Secrets in a log",
    "changed package",
    "changed base image",
    "workflow",
    "canary's token",
    "secret key",
    "old backup",
)


def named(cell: str) -> list[tuple[str, str]]:
    """Return file and function of each test in a cell."""
    return re.findall(r"`([\w/]+\.py)::(\w+)`", cell)


NAMED = sorted({test for row in ROWS for test in named(row[2])})


def test_each_threat_is_stopped_and_tested() -> None:
    """A row has a threat, its answer, and at least one test; another text in it is a slip."""
    assert len(ROWS) > 50
    for row in ROWS:
        assert 3 == len(row), row
        assert row[2] == ", ".join(f"`{path}::{name}`" for path, name in named(row[2])), row


@pytest.mark.parametrize("path", sorted({path for path, _ in NAMED}))
def test_named_tests_exist(path: str) -> None:
    """A reader finds each test, and a renamed one is renamed here."""
    tree = ast.parse((ROOT / "tests" / path).read_text())
    defined = {
        node.name
        for node in statements(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert set() == {name for file, name in NAMED if file == path} - defined


def test_named_tests_are_run() -> None:
    """`make test` collects a file by its name; a proof has its command in the Makefile."""
    proofs = re.findall(r"tests/[\w/*.]+\.py", (ROOT / "Makefile").read_text())
    files = {path for path, _ in NAMED}

    by_name = {path for path in files if path.rpartition("/")[2].startswith("test_")}
    assert [] == [
        path
        for path in files - by_name
        if not any(fnmatch(f"tests/{path}", pattern) for pattern in proofs)
    ]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_subject_is_in_the_list(subject: str) -> None:
    """Each subject of the review has its row."""
    assert any(subject in row[0] for row in ROWS)
