"""Every filter for which the official client has a method."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from postgrest import CountMethod
from supabase import Client

from tests.devstack.gateway.rest.rows import rows
from tests.devstack.market import BICYCLE, CHAIR, TEAPOT


NAMES = {BICYCLE: "bicycle", TEAPOT: "teapot", CHAIR: "chair"}
ALL = {"bicycle", "teapot", "chair"}


@pytest.mark.parametrize(
    ("narrow", "expected"),
    [
        (lambda q: q.eq("start_cents", 1000), {"bicycle"}),
        (lambda q: q.neq("start_cents", 1000), {"teapot", "chair"}),
        (lambda q: q.gt("start_cents", 2000), {"chair"}),
        (lambda q: q.gte("start_cents", 2000), {"teapot", "chair"}),
        (lambda q: q.lt("start_cents", 2000), {"bicycle"}),
        (lambda q: q.lte("start_cents", 2000), {"bicycle", "teapot"}),
        (lambda q: q.like("title", "%e%"), ALL),
        (lambda q: q.like("title", "B*"), {"teapot"}),
        (lambda q: q.ilike("title", "%BICYCLE"), {"bicycle"}),
        (lambda q: q.like_any_of("title", "Red*,Blue*"), {"bicycle", "teapot"}),
        (lambda q: q.ilike_all_of("title", "*b*,*t*"), {"teapot"}),
        (lambda q: q.is_("weight", "null"), {"teapot"}),
        (lambda q: q.not_.is_("weight", "null"), {"bicycle", "chair"}),
        (
            lambda q: q.in_("title", ["Red bicycle", 'Green, "good" chair (old)']),
            {"bicycle", "chair"},
        ),
        (lambda q: q.in_("id", []), set()),
        (lambda q: q.not_.in_("start_cents", [1000, 2000]), {"chair"}),
        (lambda q: q.contains("tags", ["red"]), {"bicycle"}),
        (lambda q: q.contained_by("tags", ["blue", "green"]), {"teapot", "chair"}),
        (lambda q: q.overlaps("tags", ["fast", "blue"]), {"bicycle", "teapot"}),
        (lambda q: q.contains("location", {"state": "NSW"}), {"bicycle", "chair"}),
        (lambda q: q.eq("location->>state", "VIC"), {"teapot"}),
        (lambda q: q.eq("location->geo", "[1, 2]"), {"bicycle"}),
        (lambda q: q.range_gt("sold_during", ["2025-01-01", "2025-02-01"]), {"bicycle"}),
        (lambda q: q.range_lt("sold_during", ["2027-01-01", "2027-02-01"]), {"bicycle"}),
        (lambda q: q.range_adjacent("sold_during", ["2026-02-01", "2026-03-01"]), set()),
        (lambda q: q.filter("sold_during", "adj", "[2026-02-01,2026-03-01)"), {"bicycle"}),
        (lambda q: q.match({"start_cents": 1000, "status": "live"}), {"bicycle"}),
        (lambda q: q.filter("title", "match", "^[BR]"), {"bicycle", "teapot"}),
        (lambda q: q.filter("title", "imatch", "^red"), {"bicycle"}),
        (lambda q: q.filter("weight", "isdistinct", "12"), {"bicycle", "teapot"}),
        (lambda q: q.filter("start_cents", "eq(any)", "{1000,3000}"), {"bicycle", "chair"}),
        (lambda q: q.filter("start_cents", "gt(all)", "{1000,2000}"), {"chair"}),
        (lambda q: q.fts("title", "bicycle"), {"bicycle"}),
        (lambda q: q.plfts("title", "blue teapot"), {"teapot"}),
        (lambda q: q.wfts("title", "red or blue"), {"bicycle", "teapot"}),
        (lambda q: q.filter("title", "phfts(english)", "good chairs"), {"chair"}),
        (lambda q: q.or_("start_cents.eq.1000,start_cents.eq.3000"), {"bicycle", "chair"}),
        (
            lambda q: q.or_("and(start_cents.gt.1000,location->>state.eq.NSW),title.ilike.*tea*"),
            {"teapot", "chair"},
        ),
        (lambda q: q.or_('title.eq."Green, \\"good\\" chair (old)",id.in.()'), {"chair"}),
        (lambda q: q.or_("not.and(start_cents.gt.1,start_cents.lt.9999)"), set()),
        (lambda q: q.or_("tags.cs.{red,fast},weight.not.is.null"), {"bicycle", "chair"}),
        (lambda q: q.eq("short_title", "Blue "), {"teapot"}),
    ],
)
def test_filter_finds_its_rows(
    anon: Client, narrow: Callable[[Any], Any], expected: set[str]
) -> None:
    """Each operator is Postgres's own, and Postgres reads its value as the column's type."""
    found = narrow(anon.table("listings").select("id")).execute()

    assert {NAMES[row["id"]] for row in rows(found)} == expected


def test_filters_join_by_and(anon: Client) -> None:
    """All filters must hold, even two of the same column."""
    query = anon.table("listings").select("id").gt("start_cents", 1000).lt("start_cents", 3000)

    assert [row["id"] for row in rows(query.execute())] == [TEAPOT]


def test_value_stays_a_value(anon: Client) -> None:
    """PostgREST compares a value that looks like SQL, and does not run it."""
    hostile = "x'; drop table public.listings; --"
    found = anon.table("listings").select("id").eq("title", hostile).execute()

    assert found.data == []
    assert anon.table("listings").select("id", count=CountMethod.exact).execute().count == 3


@pytest.mark.parametrize(
    ("query", "status", "code", "message"),
    [
        ("nope=eq.1", 400, "42703", "column listings.nope does not exist"),
        ("select=nope", 400, "42703", "column listings.nope does not exist"),
        ("order=nope", 400, "42703", "column listings.nope does not exist"),
        ("start_cents=eq.x", 400, "22P02", 'invalid input syntax for type bigint: "x"'),
        ("title=foo.1", 400, "PGRST100", '"failed to parse filter (foo.1)" (line 1, column 1)'),
        ("tags=gt.5", 400, "22P02", 'malformed array literal: "5"'),
        ("title=cs.{a}", 404, "42883", "operator does not exist: text @> unknown"),
        ("select=id.sum()", 400, "PGRST123", "Use of aggregate functions is not allowed"),
    ],
)
def test_bad_filter_is_named(
    http: httpx.Client, query: str, status: int, code: str, message: str
) -> None:
    """Postgres's refusals pass through; PGRST100 answers what the grammar refuses."""
    answer = http.get(f"/listings?{query}")

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"] == message
    assert answer.headers["proxy-status"] == f"PostgREST; error={code}"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("or=( start_cents.eq.1000 , start_cents.eq.3000 )", {"bicycle", "chair"}),
        ("or= (\tstart_cents.eq.1000,\tstart_cents .eq.3000)", {"bicycle", "chair"}),
        ("or=( and ( start_cents.gt.1000 , id.not.is.null ) , start_cents.eq.1 )",
         {"teapot", "chair"}),
        ("not.or=( start_cents.eq.1000 )", {"teapot", "chair"}),
        ("or=(weight.is.null , tags.cs.{red} )", {"bicycle", "teapot"}),
        ("start_cents=in. (1000,2000)", {"bicycle", "teapot"}),
        ("start_cents=in.( 1000,2000 ) ", {"bicycle", "teapot"}),
        ("or=(start_cents.in. ( 1000 ) , start_cents.eq.2000)", {"bicycle", "teapot"}),
        ("start_cents=in.( )", set()),
        ("weight=is.null ", {"teapot"}),
        ("title=in.(Red bicycle,Blue teapot)", {"bicycle", "teapot"}),
        # Blanks within a value belong to the value.
        ("or=(title.eq. Red bicycle,title.eq.Blue teapot )", set()),
        ("title=in.(Red bicycle, Blue teapot)", {"bicycle"}),
    ],
)  # fmt: skip
def test_blanks_around_parentheses_mean_nothing(
    http: httpx.Client, query: str, expected: set[str]
) -> None:
    """PostgREST skips blanks around parentheses, commas of a tree and names of fields."""
    key, _, value = query.partition("=")
    answer = http.get("/listings", params={"select": "id", key: value})

    assert {NAMES[row["id"]] for row in answer.json()} == expected


def test_blanks_around_names_mean_nothing(http: httpx.Client) -> None:
    """PostgREST skips blanks around names in select and order, and after a quoted name."""
    params = {
        "select": '\t"title" , cents : start_cents , auctions ( status , id ) ',
        "order": ' "title" , start_cents.desc ',
        "limit": "1",
    }
    [row] = http.get("/listings", params=params).json()

    assert row.keys() == {"title", "cents", "auctions"}
    assert row["auctions"][0].keys() == {"status", "id"}


def test_member_of_a_list_is_no_array(http: httpx.Client) -> None:
    """Braces protect commas within a tree's value, and not within `in`."""
    answer = http.get("/listings?select=id&title=in.({x,Red bicycle,y})")

    assert answer.json() == [{"id": BICYCLE}]
