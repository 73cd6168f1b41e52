"""Select lists, orders and names: accepted forms, and refusals with their position."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.gateway.rest.api_request.query_params import Column, Embed, Field, JsonStep, OrderTerm
from devstack.gateway.rest.api_request.scanner import parse_key
from devstack.gateway.rest.api_request.select_parser import parse_columns, parse_order, parse_select
from devstack.gateway.rest.errors import RestError


def test_select_reads_columns_aliases_and_casts() -> None:
    """A column may have an alias before it and a cast behind it."""
    items = parse_select("id,*,name:display_name,price::numeric(8,2),a-b,n:c::int[]")

    assert items == (
        Column(Field("id")),
        Column(Field("*")),
        Column(Field("display_name"), "name"),
        Column(Field("price"), None, "numeric(8,2)"),
        Column(Field("a-b")),
        Column(Field("c"), "n", "int[]"),
    )


def test_select_reads_json_paths() -> None:
    """An arrow selects a key or an index; the double arrow ends as text."""
    [item] = parse_select("data->a->0->>b")

    steps = (JsonStep("a", is_text=False), JsonStep(0, is_text=False), JsonStep("b", is_text=True))
    assert item == Column(Field("data", steps))


def test_select_reads_embeds_in_embeds() -> None:
    """An embed has a name, a hint, a kind of join and items of its own."""
    items = parse_select("buyer:users!orders_buyer_id_fkey!inner(id,photos(url)),...shop(name),x()")

    assert items == (
        Embed(
            "users",
            "buyer",
            "orders_buyer_id_fkey",
            is_inner=True,
            items=(Column(Field("id")), Embed("photos", items=(Column(Field("url")),))),
        ),
        Embed("shop", is_spread=True, items=(Column(Field("name")),)),
        Embed("x"),
    )


def test_quoted_name_keeps_what_is_between_the_quotes() -> None:
    """A name in double quotes may hold anything, with a backslash before quotes and backslashes."""
    assert parse_columns(r'"a,b","c\"d\\",e f', "columns") == ("a,b", 'c"d\\', "e f")


def test_key_is_split_at_its_dots() -> None:
    """The part of a key before its last dot names embeds."""
    assert parse_key('a.b.data->>"x.y"') == (
        ("a", "b"),
        Field("data", (JsonStep("x.y", is_text=True),)),
    )


def test_order_reads_directions_nulls_and_relations() -> None:
    """Each term has a direction and a place for nulls, and may name a to-one embed's field."""
    assert parse_order("a.desc.nullslast,b,c(d).asc,e->>f.nullsfirst") == (
        OrderTerm(Field("a"), is_descending=True, nulls="last"),
        OrderTerm(Field("b")),
        OrderTerm(Field("d"), relation="c"),
        OrderTerm(Field("e", (JsonStep("f", is_text=True),)), nulls="first"),
    )


@pytest.mark.parametrize(
    "text",
    ["a,", "a(b", "a)", "a::", "a::int;drop", 'a"', "a:", "->b", "a->", "!x(a)", "...a", "a::'b'"],
)
def test_broken_select_is_refused(text: str) -> None:
    """PGRST100 refuses a broken select list and names the position."""
    with pytest.raises(RestError) as caught:
        parse_select(text)

    assert (caught.value.status, caught.value.code) == (400, "PGRST100")
    assert "line 1, column" in caught.value.message


@pytest.mark.parametrize("text", ["id.sum()", "count()", "n:id.max()", "n:count()"])
def test_aggregate_is_refused_by_name(text: str) -> None:
    """The parser refuses aggregates, which are off on hosted Supabase too."""
    with pytest.raises(RestError) as caught:
        parse_select(text)

    assert caught.value.code == "PGRST123"


@pytest.mark.parametrize("text", ["a.up", "a.desc.asc", "a.desc.nullslast.x", "", ",a"])
def test_broken_order_is_refused(text: str) -> None:
    """A direction is asc or desc, and nothing else follows a column."""
    with pytest.raises(RestError):
        parse_order(text)


def test_deep_select_is_refused() -> None:
    """The parser refuses embeds that are deeper than its limit."""
    with pytest.raises(RestError) as caught:
        parse_select("a(" * 5000 + ")" * 5000)

    assert caught.value.code == "PGRST100"


@given(st.text(alphabet='ab"\\.,()!:->*{} \x7f€\n', max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """The parser returns a select list or this one error for any text."""
    for parse in (parse_select, parse_order, parse_key):
        with suppress(RestError):
            parse(text)
