"""The filter's regular expressions fit the session's cache and run in linear time."""

import re

from hypothesis import given
from hypothesis import strategies as st

from devstack.paths import ROOT


TEXTS = [path.read_text() for path in sorted((ROOT / "sql/filter").rglob("*.sql"))]
#: Calls and operators that compile a pattern.
PATTERN = re.compile(r"regexp_\w+\(|private\.shape_marks\(\n|\s!?~\*?\s'")


def test_patterns_fit_the_cache_of_a_session() -> None:
    """Postgres keeps 32 compiled patterns per session, and other functions need some."""
    assert 1 <= sum(len(PATTERN.findall(text)) for text in TEXTS) <= 20


def test_no_pattern_looks_around() -> None:
    """No pattern has a lookaround, because Postgres matches such patterns by backtracking."""
    assert [text for text in TEXTS if re.search(r"\(\?[=!<]", text)] == []


def literals(function: str) -> list[list[str]]:
    """Return the quoted strings of a function in number_shapes.sql, by call of `shape_marks`."""
    text = (ROOT / "sql/filter/functions/number_shapes.sql").read_text()
    body = text.split(f"create function private.{function}(")[1].split("$$;")[0]
    return [re.findall(r"'([^']*)'", call) for call in body.split("private.shape_marks(")]


def shapes(*functions: str) -> list[re.Pattern[str]]:
    """Return the patterns of functions; the first string of a call names the classes."""
    return [
        re.compile("".join(strings[1:]))
        for function in functions
        for strings in literals(function)[1:]
    ]


@given(
    st.lists(
        st.sampled_from([*"0123456789 |~,^.-", " 0 ", " 4", "13", "400", "- ", ", ", "| "]),
        max_size=24,
    ).map("".join)
)
def test_numbers_without_a_shape_are_skipped_alone(text: str) -> None:
    """The quick check drops no text with a phone, bank or card number."""
    long_number = literals("has_long_number")[0][-1]
    digits = len(re.findall("[0-9]", text))
    patterns = [
        *(shapes("phone_shapes", "weak_shapes") if not re.search(long_number, text) else ()),
        *(shapes("phone_shapes") if digits < 10 else ()),
        *(shapes("described_numbers") if digits < 9 else ()),
    ]

    assert [pattern.pattern for pattern in patterns if pattern.search(f" {text} ")] == []
