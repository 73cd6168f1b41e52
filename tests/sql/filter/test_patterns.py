"""The filter's regular expressions: few enough for the session's cache, and linear."""

import re

from devstack.schema import ROOT


TEXTS = [path.read_text() for path in sorted((ROOT / "sql/filter").rglob("*.sql"))]
#: Calls and operators that compile a pattern.
PATTERN = re.compile(r"regexp_\w+\(|private\.shape_marks\(\n|\s!?~\*?\s'")


def test_patterns_fit_the_cache_of_a_session() -> None:
    """Postgres keeps 32 compiled patterns per session, and other functions need some."""
    assert 1 <= sum(len(PATTERN.findall(text)) for text in TEXTS) <= 20


def test_no_pattern_looks_around() -> None:
    """Postgres matches such patterns by backtracking."""
    assert [text for text in TEXTS if re.search(r"\(\?[=!<]", text)] == []
