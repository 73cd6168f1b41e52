"""`docs/decisions/`: the index lists each page, and each page states a decision and its costs."""

import re

from devstack.paths import ROOT


FOLDER = ROOT / "docs/decisions"
PAGES = {path.name: path.read_text() for path in FOLDER.glob("[0-9]*.md")}


def test_index_lists_each_page() -> None:
    """A reader of the index finds each page under its number."""
    rows = re.findall(
        r"^\| \[(\d+)\]\(([^)]+)\) \|", (FOLDER / "README.md").read_text(), re.MULTILINE
    )

    assert {(str(int(name[:4])), name) for name in PAGES} == set(rows)


def test_number_of_a_page_is_that_of_its_file() -> None:
    """A page is cited by its number, so file and heading agree."""
    wrong = [name for name, text in PAGES.items() if not text.startswith(f"# {int(name[:4])}. ")]

    assert [] == wrong


def test_each_page_states_question_and_decision() -> None:
    """A page without its question cannot be judged later."""
    parts = ("**Question.**", "**Decision.**", "**Reasons.**", "**Alternative")

    assert [] == [
        (name, part) for name, text in PAGES.items() for part in parts if part not in text
    ]
