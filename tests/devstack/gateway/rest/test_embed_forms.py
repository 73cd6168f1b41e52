"""Rarer forms of embeds: empty ones within others, spreads of many rows, repeated names.

https://docs.postgrest.org/en/stable/references/api/resource_embedding.html
"""

from typing import Any

import httpx
import pytest
from supabase import Client

from tests.devstack.market import BICYCLE, CHAIR, TEAPOT


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select=title,auctions(bids())", {"title": "Red bicycle"}),
        ("select=title,auctions(bids(users()))&auctions.status=eq.live", {"title": "Red bicycle"}),
        ("select=title,auctions!inner(bids!inner())", {"title": "Red bicycle"}),
        (
            "select=title,auctions(status,bids())&auctions.bids.amount_cents=gt.1",
            {"title": "Red bicycle", "auctions": [{"status": "live"}]},
        ),
        ("select=title,auctions(bids(id))&auctions.bids.id=eq.0",
         {"title": "Red bicycle", "auctions": [{"bids": []}]}),
        ("select=title,listing_photos(...listings())", {"title": "Red bicycle"}),
    ],
)  # fmt: skip
def test_embed_of_empty_embeds_is_empty(
    http: httpx.Client, query: str, expected: dict[str, Any]
) -> None:
    """An embed that selects no column at any depth has no key in the answer."""
    answer = http.get(f"/listings?{query}&id=eq.{BICYCLE}")

    assert answer.json() == [expected]


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("auctions=not.is.null", [BICYCLE, TEAPOT]),
        ("auctions=is.null", [CHAIR]),
        ("auctions=not.is.null&auctions.bids=not.is.null", [BICYCLE]),
    ],
)
def test_nested_empty_embed_still_narrows(
    http: httpx.Client, test: str, expected: list[str]
) -> None:
    """A null test on an embed without a key filters the rows and the count."""
    query = f"select=id,auctions(bids())&order=id&{test}"
    answer = http.get(f"/listings?{query}", headers={"Prefer": "count=exact"})

    assert [row["id"] for row in answer.json()] == expected
    assert answer.headers["content-range"].endswith(f"/{len(expected)}")


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("title,...listing_photos(url)&listing_photos.order=order_idx",
         {"title": "Red bicycle", "url": ["two.jpg", "one.jpg"]}),
        ("...listing_photos(urls:url,order_idx)&listing_photos.order=url.desc",
         {"urls": ["two.jpg", "one.jpg"], "order_idx": [1, 2]}),
        ("...listing_photos(url)&listing_photos.order=url&listing_photos.limit=1",
         {"url": ["one.jpg"]}),
        ("...listing_photos(url)&listing_photos.url=eq.none", {"url": []}),
        ("...categories(category:name)&categories.order=id", {"category": ["Sport", "Bikes"]}),
        ("...cheaper(price:start_cents)", {"price": []}),
        ("...auctions(status,bids(amount_cents))&auctions.bids.order=id",
         {"status": ["live"], "bids": [[{"amount_cents": 1200}, {"amount_cents": 1500}]]}),
        ("...auctions(...bids(amount_cents))&auctions.bids.order=id",
         {"amount_cents": [[1200, 1500]]}),
        ("...listing_photos(order_idx,...listings(title))&listing_photos.order=order_idx",
         {"order_idx": [1, 2], "title": ["Red bicycle", "Red bicycle"]}),
        ("...listing_photos()", {}),
    ],
)  # fmt: skip
def test_spread_of_many_rows_is_arrays(
    http: httpx.Client, select: str, expected: dict[str, Any]
) -> None:
    """A spread of many rows turns each field into an array, in the embed's order (PostgREST 13)."""
    answer = http.get(f"/listings?id=eq.{BICYCLE}&select={select}")

    assert (answer.status_code, answer.json()) == (200, [expected])


def test_spread_of_many_rows_lists_every_column(http: httpx.Client) -> None:
    """A star lists each column of the relation, and the fields of a spread within it."""
    spread = "...bids(*,...auctions(status))"
    answer = http.get(f"/auctions?select={spread}&bids.order=id&order=id&limit=1")
    [row] = answer.json()

    assert row["amount_cents"] == [1200, 1500]
    assert row["status"] == ["live", "live"]
    bid = {"id", "auction_id", "bidder_id", "amount_cents", "max_proxy_cents"}
    assert set(row) == bid | {"accepted", "placed_at", "status"}


def test_inner_spread_of_many_rows_drops_rows(http: httpx.Client) -> None:
    """An inner spread drops the rows without a match from the page and from the count."""
    answer = http.get(
        "/listings?select=title,...listing_photos!inner(url)&listing_photos.order=url",
        headers={"Prefer": "count=exact"},
    )

    assert answer.json() == [{"title": "Red bicycle", "url": ["one.jpg", "two.jpg"]}]
    assert answer.headers["content-range"] == "0-0/1"


def test_spread_of_an_aggregate_is_refused(http: httpx.Client) -> None:
    """The gateway refuses aggregates, as hosted Supabase does by default."""
    answer = http.get("/listings?select=...auctions(count())")

    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST123")


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("parent_id=eq.1", [2, 3]),
        ("parent_id=not.eq.1", []),
        ("parent_id=in.(1,2)", [2, 3]),
        ("parent_id=is.not_null", [2, 3]),
        ("or=(parent_id.eq.1,id.eq.1)", [1, 2, 3]),
        # Only the embed can be meant by these two.
        ("parent_id=is.null", [1]),
        ("parent_id=not.is.null", [2, 3]),
    ],
)
def test_filter_of_a_column_that_is_embedded(
    http: httpx.Client, test: str, expected: list[int]
) -> None:
    """A request may use the name of a foreign key's column as an embed and as a filter."""
    answer = http.get(
        f"/categories?select=id,parent_id(name)&order=id&{test}", headers={"Prefer": "count=exact"}
    )

    assert [row["id"] for row in answer.json()] == expected
    assert answer.headers["content-range"].endswith(f"/{len(expected)}")


def test_embeds_follow_the_columns(http: httpx.Client) -> None:
    """PostgREST writes embeds after the columns, so a CSV has the same order."""
    query = "select=...listings(title),current_price_cents,status&order=id&limit=1"
    answer = http.get(f"/auctions?{query}", headers={"Accept": "text/csv"})

    assert answer.text.splitlines()[0] == "current_price_cents,status,title"


def test_client_spreads_many_rows(anon: Client) -> None:
    """The official client passes a spread of many rows on."""
    query = anon.table("listings").select("title, ...categories(kinds:name)").eq("id", TEAPOT)

    assert query.execute().data == [{"title": "Blue teapot", "kinds": ["Sport"]}]


@pytest.mark.parametrize(
    "path",
    [
        # A relation to itself takes the key's column as its hint, and not the constraint.
        "categories?select=categories!categories_parent_id_fkey(id)",
        "categories?select=parent:categories!id(id)",
        "categories?select=parent_id!categories_parent_id_fkey(id)",
        # PostgREST knows neither a one-to-one nor a junction of a relation to itself.
        "members?select=buddy_id(id)",
        "members?select=members(id)",
        "members?select=members!buddy_id(id)",
        "members?select=members!friends(one)",
    ],
)
def test_relation_to_itself_that_postgrest_refuses(http: httpx.Client, path: str) -> None:
    """PostgREST refuses these relationships of a relation to itself."""
    answer = http.get(f"/{path}")

    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST200")


def test_relation_to_itself_by_the_hint_of_its_column(http: httpx.Client) -> None:
    """The key's column chooses between the relationships of a relation to itself."""
    answer = http.get("/categories?select=name,categories!parent_id(name)&id=eq.1")

    assert answer.json() == [
        {"name": "Sport", "categories": [{"name": "Bikes"}, {"name": "Balls"}]}
    ]
