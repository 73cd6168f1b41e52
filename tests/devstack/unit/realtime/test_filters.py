"""The grammar of filters, as Realtime's own parser reads it.

https://github.com/supabase/realtime/blob/main/lib/extensions/postgres_cdc_rls/subscriptions.ex
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.gateway.realtime.filters import Condition, FilterError, parse_filter


def condition(
    column: str, operator: str, *values: str | None, is_negated: bool = False
) -> Condition:
    return Condition(column=column, operator=operator, values=values, is_negated=is_negated)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id=eq.1", [condition("id", "eq", "1")]),
        ("name=neq.a b", [condition("name", "neq", "a b")]),
        ("at=gt.2026-01-01T00:00:00.5+00", [condition("at", "gt", "2026-01-01T00:00:00.5+00")]),
        ("a=eq.b=c", [condition("a", "eq", "b=c")]),
        ("a=eq.", [condition("a", "eq", "")]),
        ("a=in.(x,y)", [condition("a", "in", "x", "y")]),
        ('a=in.("x,y","z\\"")', [condition("a", "in", "x,y", 'z"')]),
        ('a=eq."b,c=d"', [condition("a", "eq", "b,c=d")]),
        ("a=not.in.(x)", [condition("a", "in", "x", is_negated=True)]),
        ("a=like.%b%", [condition("a", "like", "%b%")]),
        ("a=is.null", [condition("a", "is.null", None)]),
        ("a=not.is.true", [condition("a", "is.true", None, is_negated=True)]),
        ("a=isdistinct.null", [condition("a", "isdistinct", None)]),
        ("a=gt.1,b=in.(1,2)", [condition("a", "gt", "1"), condition("b", "in", "1", "2")]),
        (" a=gt.1 , b=lt.2 ", [condition("a", "gt", "1"), condition("b", "lt", "2")]),
        ("a=in.(x, y )", [condition("a", "in", "x", "y")]),
        ("a=in.()", [condition("a", "in")]),
        ('a=eq.5" pipe,b=gt.3', [condition("a", "eq", '5" pipe'), condition("b", "gt", "3")]),
        ('a=eq."b"c', [condition("a", "eq", '"b"c')]),
        ('a=eq."b', [condition("a", "eq", '"b')]),
        ("a=eq.),b=eq.1", [condition("a", "eq", ")"), condition("b", "eq", "1")]),
        ("", []),
        ("  ", []),
    ],
)
def test_a_filter_is_read(text: str, expected: list[Condition]) -> None:
    """A comma outside quotes and parentheses separates conditions."""
    assert tuple(expected) == parse_filter(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("undefined", '["undefined"]'),
        ("id=1", '["1"]'),
        ("id=eq", '["eq"]'),
        ("subject=foo.hey", '["foo", "hey"]'),
        ("id=not.not.eq.1", '["not", "eq.1"]'),
        ("id=eq.1,", "filter must not contain empty segments (check for extra commas)"),
        ("id=in.1,2", "`in` filter value must be wrapped by parentheses"),
        ("id=is.1", "`is` filter value must be one of null, true, false, unknown"),
        (f"id=in.({','.join(map(str, range(101)))})", "must have at most 100 elements"),
    ],
)
def test_an_empty_filter_is_refused(text: str, problem: str) -> None:
    """The parser refuses an empty filter, which would select all rows or none."""
    with pytest.raises(FilterError) as refusal:
        parse_filter(text)

    assert problem in str(refusal.value)


@given(value=st.text())
def test_any_value_survives_its_quotes(value: str) -> None:
    """A quoted and escaped value comes back unchanged."""
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')

    assert (condition("c", "eq", value),) == parse_filter(f'c=eq."{quoted}"')


@given(text=st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    """The parser returns conditions or a refusal for any text."""
    try:
        conditions = parse_filter(text)
    except FilterError:
        return
    assert bool(text.strip()) is bool(conditions)


@pytest.mark.parametrize(
    ("answers", "is_negated", "expected"),
    [
        ([True], False, True),
        ([False], False, False),
        ([None], False, False),
        ([False, True], False, True),
        ([False], True, True),
        ([True], True, False),
        ([None], True, False),
    ],
)
def test_a_value_that_is_not_there_never_matches(
    *, answers: list[bool | None], is_negated: bool, expected: bool
) -> None:
    """A missing value matches no condition, because null stays null when negated."""
    tested = condition("c", "in", *["v"] * len(answers), is_negated=is_negated)

    assert expected is tested.holds(answers)
