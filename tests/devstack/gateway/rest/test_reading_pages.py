"""The examples of the reading pages of the Python client's documentation, on the sample market.

https://supabase.com/docs/reference/python/select and its neighbours: rpc, using filters, using
modifiers.
"""

from collections.abc import Callable
from typing import Any

import pytest
from postgrest import CountMethod
from postgrest.exceptions import APIError
from supabase import Client

from tests.devstack.market import BICYCLE, CHAIR, TEAPOT


Query = Callable[[Client], Any]


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        pytest.param(
            lambda c: c.table("categories").select("*"),
            [
                {"id": 1, "name": "Sport", "parent_id": None},
                {"id": 2, "name": "Bikes", "parent_id": 1},
                {"id": 3, "name": "Balls", "parent_id": 1},
            ],
            id="getting your data",
        ),
        pytest.param(
            lambda c: c.table("categories").select("name").limit(1),
            [{"name": "Sport"}],
            id="selecting specific columns",
        ),
        pytest.param(
            lambda c: c.table("auctions").select("current_price_cents, listings(title)"),
            [
                {"current_price_cents": 1500, "listings": {"title": "Red bicycle"}},
                {"current_price_cents": 2000, "listings": {"title": "Blue teapot"}},
            ],
            id="query related tables",
        ),
        pytest.param(
            lambda c: c.table("categories").select("name, listings(title)").eq("id", 1),
            [{"name": "Sport", "listings": [{"title": "Red bicycle"}, {"title": "Blue teapot"}]}],
            id="query related tables through a join table",
        ),
        pytest.param(
            lambda c: c.table("orders").select(
                "amount_cents, from:buyer_id(display_name), to:seller_id(display_name)"
            ),
            [
                {
                    "amount_cents": 1500,
                    "from": {"display_name": "bob"},
                    "to": {"display_name": "alice"},
                }
            ],
            id="query the same related table multiple times",
        ),
        pytest.param(
            lambda c: (
                c.table("auctions")
                .select("id::text, listings!inner(title)")
                .eq("listings.title", "Blue teapot")
            ),
            [
                {
                    "id": "20000000-0000-0000-0000-000000000002",
                    "listings": {"title": "Blue teapot"},
                }
            ],
            id="filtering through related tables",
        ),
        pytest.param(
            lambda c: (
                c.table("auctions")
                .select("current_price_cents, listings(title)")
                .eq("listings.title", "Blue teapot")
            ),
            [
                {"current_price_cents": 1500, "listings": None},
                {"current_price_cents": 2000, "listings": {"title": "Blue teapot"}},
            ],
            id="filtering related rows alone",
        ),
        pytest.param(
            lambda c: c.table("categories").select("name, listing_categories(count)").order("id"),
            [
                {"name": "Sport", "listing_categories": [{"count": 2}]},
                {"name": "Bikes", "listing_categories": [{"count": 1}]},
                {"name": "Balls", "listing_categories": [{"count": 0}]},
            ],
            id="querying a related table with a count",
        ),
        pytest.param(
            lambda c: (
                c.table("listings")
                .select("id, location->suburb, state:location->>state")
                .eq("location->>suburb", "Carlton")
            ),
            [{"id": TEAPOT, "suburb": "Carlton", "state": "VIC"}],
            id="querying JSON data",
        ),
        pytest.param(
            lambda c: c.schema("shop").table("items").select("*"),
            [{"id": 1, "name": "apple"}],
            id="switching schemas per query",
        ),
        pytest.param(
            lambda c: c.table("parcels").select("id, size->width, size->>height").eq("id", 1),
            [{"id": 1, "width": 10, "height": "20"}],
            id="fields of a composite",
        ),
        pytest.param(
            lambda c: c.table("categories").select("id, name").order("name", desc=True),
            [{"id": 1, "name": "Sport"}, {"id": 2, "name": "Bikes"}, {"id": 3, "name": "Balls"}],
            id="order",
        ),
        pytest.param(
            lambda c: (
                c.table("listings")
                .select("listing_photos(url)")
                .eq("id", BICYCLE)
                .order("order_idx", desc=True, foreign_table="listing_photos")
            ),
            [{"listing_photos": [{"url": "one.jpg"}, {"url": "two.jpg"}]}],
            id="order a related table",
        ),
        pytest.param(
            lambda c: c.table("auctions").select("listings(title)").order("listings(title)"),
            [{"listings": {"title": "Blue teapot"}}, {"listings": {"title": "Red bicycle"}}],
            id="order the parent by a related table",
        ),
        pytest.param(
            lambda c: (
                c.table("listings")
                .select("listing_photos(url)")
                .eq("id", BICYCLE)
                .limit(1, foreign_table="listing_photos")
                .order("id", foreign_table="listing_photos")
            ),
            [{"listing_photos": [{"url": "one.jpg"}]}],
            id="limit a related table",
        ),
        pytest.param(
            lambda c: c.table("categories").select("id").order("id").range(1, 2),
            [{"id": 2}, {"id": 3}],
            id="range",
        ),
        pytest.param(
            lambda c: (
                c.table("listings")
                .select("listing_photos(url)")
                .eq("id", BICYCLE)
                .order("id", foreign_table="listing_photos")
                .range(1, 1, foreign_table="listing_photos")
            ),
            [{"listing_photos": [{"url": "two.jpg"}]}],
            id="range of a related table",
        ),
        pytest.param(
            lambda c: (
                c.table("listings")
                .select("id, listing_photos(url)")
                .eq("id", BICYCLE)
                .or_("url.eq.one.jpg,url.eq.none.jpg", reference_table="listing_photos")
            ),
            [{"id": BICYCLE, "listing_photos": [{"url": "one.jpg"}]}],
            id="or on a related table",
        ),
        pytest.param(
            lambda c: c.table("categories").select("id").not_.or_("id.eq.1,id.eq.2"),
            [{"id": 3}],
            id="not or",
        ),
        pytest.param(
            lambda c: (
                c.table("parcels")
                .select("id")
                .text_search("words", "'fat' & 'cat'", {"config": "english"})
            ),
            [{"id": 1}],
            id="text search",
        ),
        pytest.param(
            lambda c: (
                c.table("parcels")
                .select("id")
                .text_search("words", "'fat' & 'cat'", {"type": "plain", "config": "english"})
            ),
            [{"id": 1}],
            id="basic normalization",
        ),
        pytest.param(
            lambda c: (
                c.table("parcels")
                .select("id")
                .text_search("label", "fat cats", {"type": "phrase", "config": "english"})
            ),
            [{"id": 1}],
            id="normalization with ranking",
        ),
        pytest.param(
            lambda c: (
                c.table("parcels")
                .select("id")
                .text_search(
                    "words", "dog or cat -fat", {"type": "web_search", "config": "english"}
                )
            ),
            [{"id": 2}],
            id="websearch",
        ),
        pytest.param(
            lambda c: (
                c.table("parcels").select("id").contains("open_days", "[2026-01-02,2026-01-03)")
            ),
            [{"id": 1}],
            id="contains a range",
        ),
        pytest.param(
            lambda c: (
                c.table("parcels").select("id").contained_by("open_days", "[2025-01-01,2027-01-01)")
            ),
            [{"id": 1}],
            id="contained by a range",
        ),
        pytest.param(
            lambda c: (
                c.table("parcels").select("id").range_gte("open_days", ("2025-12-31", "2026-01-09"))
            ),
            [{"id": 1}],
            id="range gte",
        ),
        pytest.param(
            lambda c: (
                c.table("parcels").select("id").range_lte("open_days", ("2026-01-01", "2026-01-09"))
            ),
            [{"id": 1}],
            id="range lte",
        ),
        pytest.param(
            lambda c: c.table("parcels").select("id").ov("open_days", "[2026-01-07,2026-02-01)"),
            [{"id": 1}],
            id="overlaps a range",
        ),
        pytest.param(
            lambda c: c.table("parcels").select("id, open_days").eq("id", 2).strip_nulls(),
            [{"id": 2}],
            id="strip nulls",
        ),
        pytest.param(lambda c: c.rpc("add", {"a": 2}), 12, id="rpc with arguments"),
        pytest.param(
            lambda c: c.rpc("joined", {"words": ["a", "b,c"]}, get=True), "a+b,c", id="rpc by GET"
        ),
        pytest.param(
            lambda c: c.rpc("echo", {"document": {"a": [1, "ü"]}}, get=True),
            {"a": [1, "ü"]},
            id="rpc by GET with JSON",
        ),
        pytest.param(
            lambda c: c.rpc("listings_above", {"cents": 500}).select("title").eq("id", CHAIR),
            [{"title": 'Green, "good" chair (old)'}],
            id="rpc with filters",
        ),
        pytest.param(
            lambda c: (
                c.rpc("listings_above", {"cents": 500})
                .select("title, short_title")
                .order("title")
                .limit(1)
            ),
            [{"title": "Blue teapot", "short_title": "Blue "}],
            id="rpc with a computed column",
        ),
        pytest.param(
            lambda c: c.rpc("listings_above", {"cents": 2500}).select("title").single(),
            {"title": 'Green, "good" chair (old)'},
            id="rpc with single",
        ),
    ],
)
def test_page_works_as_shown(service: Client, ask: Query, expected: Any) -> None:
    """Each example of the reading pages has the documented result."""
    assert ask(service).execute().data == expected


@pytest.mark.parametrize(
    ("ask", "count", "data"),
    [
        pytest.param(
            lambda c: c.table("categories").select("*", count=CountMethod.exact, head=True),
            3,
            [],
            id="with the count option",
        ),
        pytest.param(
            lambda c: c.table("categories").select("id", count=CountMethod.exact).limit(1),
            3,
            [{"id": 1}],
            id="of all, with a page",
        ),
        pytest.param(
            lambda c: c.table("categories").select("id", count=CountMethod.estimated).limit(1),
            3,
            [{"id": 1}],
            id="estimated",
        ),
        pytest.param(
            lambda c: c.rpc("numbers", {"up_to": 7}, head=True, count=CountMethod.exact),
            7,
            [],
            id="of a function's rows",
        ),
    ],
)
def test_count_is_in_the_answer(service: Client, ask: Query, count: int, data: Any) -> None:
    """The count arrives in a header, with rows or without."""
    found = ask(service).execute()

    assert (found.count, found.data) == (count, data)


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (lambda c: c.table("categories").select("name").eq("id", 1).single(), {"name": "Sport"}),
        (
            lambda c: c.table("categories").select("name").eq("id", 1).maybe_single(),
            {"name": "Sport"},
        ),
        (
            lambda c: (
                c.table("categories").select("id, parent_id").eq("id", 1).strip_nulls().single()
            ),
            {"id": 1},
        ),
        (
            lambda c: c.table("categories").select("id,name").order("id").csv(),
            "id,name\n1,Sport\n2,Bikes\n3,Balls",
        ),
        (lambda c: c.rpc("prices", {}).csv().limit(1), 'name,cents\n"Red bicycle",1000'),
        (lambda c: c.rpc("add", {"a": 1}).csv(), "pgrst_scalar\n11"),
    ],
)
def test_form_is_the_requested_one(anon: Client, ask: Query, expected: Any) -> None:
    """The answer has the requested form: one object, or lines of CSV."""
    assert ask(anon).execute().data == expected


def test_maybe_single_of_none_and_of_many(anon: Client) -> None:
    """maybe_single takes no row for None, and raises an error of the client's for many."""
    table = anon.table("categories")
    assert table.select("name").eq("id", 99).maybe_single().execute() is None
    with pytest.raises(APIError) as caught:
        table.select("name").maybe_single().execute()
    assert caught.value.details == "The result contains more than one row."


def test_geojson_is_refused_by_name(anon: Client) -> None:
    """The gateway refuses GeoJSON, because the database lacks PostGIS."""
    query = anon.table("categories").select("*")
    query.request.headers["Accept"] = "application/geo+json"
    with pytest.raises(APIError) as caught:
        query.execute()

    assert caught.value.code == "PGRST107"
    assert "application/geo+json" in str(caught.value.message)
