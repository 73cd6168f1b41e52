"""`docs/architecture.md`: each journey has a diagram, and its names are those of the code."""

import os
import re
from functools import cache
from pathlib import Path

import pytest

from devstack.paths import ROOT
from tests.support import pages


PAGE = (ROOT / "docs/architecture.md").read_text()
SECTIONS = dict(re.findall(r"^##+ (.+?)\n(.*?)(?=^##+ |\Z)", PAGE, re.MULTILINE | re.DOTALL))
JOURNEYS = (
    "A sign-up and a session",
    "A bid",
    "An auction close",
    "Outages of ours",
    "Handing over",
    "A Stripe event",
    "A refund",
    "A seller is paid",
    "A person is verified",
    "An account is deleted",
    "A file",
    "Reconcile",
    "A dispute",
    "A message",
    "Staff in the console",
)
_NAME = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")


@cache
def names_of_the_code() -> frozenset[str]:
    """Return the names with an underscore in Python and SQL."""
    found: set[str] = set()
    for top in ("market", "service", "workers", "sql", "devstack/gateway"):
        for folder, _, files in os.walk(ROOT / top):
            for name in files:
                if name.endswith((".py", ".sql")):
                    found.update(_NAME.findall(Path(folder, name).read_text()))
    return frozenset(found)


@pytest.mark.parametrize("journey", JOURNEYS)
def test_journey_has_a_diagram(journey: str) -> None:
    """A reader sees who calls what, from the first caller to the last effect."""
    [diagram] = pages.blocks(SECTIONS[journey], "mermaid")

    assert diagram.startswith("sequenceDiagram")


def test_each_diagram_of_calls_is_a_journey() -> None:
    """The list above has each journey of the page but the one of devstack."""
    drawn = {name for name, text in SECTIONS.items() if "sequenceDiagram" in text}

    assert drawn == {*JOURNEYS, "The embedded stack"}


@pytest.mark.parametrize("journey", JOURNEYS)
def test_names_of_a_diagram_exist(journey: str) -> None:
    """A function that is renamed in the code is renamed in the diagram."""
    named = {
        name
        for block in pages.blocks(SECTIONS[journey], "mermaid")
        for name in _NAME.findall(block)
    }

    assert set() == named - names_of_the_code()


@pytest.mark.parametrize("journey", JOURNEYS)
def test_participants_are_declared(journey: str) -> None:
    """Mermaid draws an undeclared letter as a participant without a name."""
    [diagram] = pages.blocks(SECTIONS[journey], "mermaid")
    declared = set(re.findall(r"participant (\w+) as ", diagram))
    used = {
        letter
        for pair in re.findall(r"^\s*(\w+)-+>?>?\)?(\w+):", diagram, re.MULTILINE)
        for letter in pair
    }

    assert used <= declared
    assert declared


@pytest.mark.parametrize("page", ["docs/architecture.md", "docs/security.md"])
def test_text_ends_no_statement(page: str) -> None:
    """Mermaid ends a statement of a sequence at a semicolon, and a text at a hash."""
    diagrams = pages.blocks((ROOT / page).read_text(), "mermaid")
    lines = [line for text in diagrams if "sequenceDiagram" in text for line in text.splitlines()]

    assert [] == [line for line in lines if re.search("[;#]", line)]
