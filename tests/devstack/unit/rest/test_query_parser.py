"""Filters and query strings: their shapes, and the values apart from them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.gateway.rest.api_request.query_params import (
    Comparison,
    Field,
    JsonStep,
    LogicTree,
    ResourceParams,
)
from devstack.gateway.rest.api_request.query_parser import parse_query
from devstack.gateway.rest.errors import RestError


def test_shape_is_the_same_for_other_values() -> None:
    """Requests that differ in their values alone have one shape, and so one plan."""
    one = parse_query([("id", "eq.1"), ("or", "(a.gt.2,b.in.(3,4))"), ("limit", "5")])
    other = parse_query([("id", "eq.9"), ("or", "(a.gt.8,b.in.(7))"), ("limit", "6")])

    assert one[0] == other[0]
    assert hash(one[0]) == hash(other[0])
    assert (one[1], other[1]) == (["1", "2", '{"3","4"}', "5"], ["9", "8", '{"7"}', "6"])


@pytest.mark.parametrize(
    ("text", "test", "values"),
    [
        ("eq.a,b", Comparison(Field("c"), "eq", slot=0), ["a,b"]),
        ("not.eq.1", Comparison(Field("c"), "eq", is_negated=True, slot=0), ["1"]),
        ("like.*a*", Comparison(Field("c"), "like", slot=0), ["%a%"]),
        ('in.(1,"b,c",)', Comparison(Field("c"), "in", slot=0), ['{"1","b,c",""}']),
        ("in.()", Comparison(Field("c"), "in", slot=0), ["{}"]),
        ("is.NULL", Comparison(Field("c"), "is", keyword="null"), []),
        ("is.not_null", Comparison(Field("c"), "is", keyword="not_null"), []),
        ("eq(any).{1,2}", Comparison(Field("c"), "eq", quantifier="any", slot=0), ["{1,2}"]),
        ("fts(english).cat", Comparison(Field("c"), "fts", language="english", slot=0), ["cat"]),
        ('cs.{"a":1}', Comparison(Field("c"), "cs", slot=0), ['{"a":1}']),
        ('eq."quoted"', Comparison(Field("c"), "eq", slot=0), ['"quoted"']),
        ("eq.", Comparison(Field("c"), "eq", slot=0), [""]),
    ],
)
def test_filter_is_read(text: str, test: Comparison, values: list[str]) -> None:
    """A filter has an operator, its modifiers, and the value as the client wrote it."""
    query, found = parse_query([("c", text)])

    assert query.root.conditions == (test,)
    assert found == values


def test_tree_is_read() -> None:
    """Trees nest, negate, quote, and name JSON paths."""
    text = '(a.eq."x,)y",not.and(b.is.true,c->>d.not.in.(1,2)),e.cs.{1,2})'
    query, values = parse_query([("not.or", text)])

    inner = LogicTree(
        "and",
        (
            Comparison(Field("b"), "is", keyword="true"),
            Comparison(Field("c", (JsonStep("d", is_text=True),)), "in", is_negated=True, slot=1),
        ),
        is_negated=True,
    )
    members = (Comparison(Field("a"), "eq", slot=0), inner, Comparison(Field("e"), "cs", slot=2))
    assert query.root.conditions == (LogicTree("or", members, is_negated=True),)
    assert values == ["x,)y", '{"1","2"}', "{1,2}"]


def test_embedded_levels_have_narrowings_of_their_own() -> None:
    """The path in a key assigns filters, trees, orders and limits to an embed."""
    query, values = parse_query(
        [
            ("a.b", "eq.1"),
            ("a.not.or", "(c.eq.2,d.eq.3)"),
            ("a.order", "e.desc"),
            ("a.limit", "4"),
            ("a.b.offset", "5"),
        ]
    )

    paths = [narrowing.path for narrowing in query.resources]
    assert paths == [(), ("a",), ("a", "b")]
    assert query.root == ResourceParams()
    assert query.resources[1].limit_slot == 3
    assert query.resources[2].offset_slot == 4
    assert values == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize(
    ("pair", "status"),
    [
        (("a", "nope.1"), 400),
        (("a", "eq"), 400),
        (("a", ""), 400),
        (("a", "is.5"), 400),
        (("a", "in.1,2"), 400),
        (("a", "in.(1,2"), 400),
        (("a", "in.(1,2)x"), 400),
        (("a", "neq(any).{1}"), 400),
        (("a", "fts(bad-language).x"), 400),
        (("or", "a.eq.1"), 400),
        (("or", "()"), 400),
        (("or", "(a.eq.1"), 400),
        (("or", "(a.eq.1)b"), 400),
        (("limit", "many"), 400),
        (("limit", "-1"), 416),
        (("limit", "9" * 40), 400),
        (("a..b", "eq.1"), 400),
    ],
)
def test_broken_pair_is_refused(pair: tuple[str, str], status: int) -> None:
    """The parser refuses a broken filter, tree or number with a clear 4xx."""
    with pytest.raises(RestError) as caught:
        parse_query([pair])

    assert caught.value.status == status


def test_offset_before_the_first_row_is_none() -> None:
    """PostgREST ignores a negative offset."""
    assert parse_query([("offset", "-4")])[1] == ["0"]


def test_deep_tree_is_refused() -> None:
    """The parser refuses a tree before its depth exhausts the stack."""
    with pytest.raises(RestError):
        parse_query([("or", "(and" * 10000 + "(a.eq.1)" + ")" * 10000)])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["select", "order", "or", "not.and", "a", "a.b", "limit", "a.or", ""]),
            st.text(alphabet='abeq.,()"\\{}*>-1n ', max_size=40),
        ),
        max_size=4,
    )
)
def test_any_query_is_read_or_refused(pairs: list[tuple[str, str]]) -> None:
    """The parser returns a query or this one error for any query string."""
    with suppress(RestError):
        hash(parse_query(pairs)[0])
