"""The forms of embeds on PostgREST's page about them, and rarer ones.

https://docs.postgrest.org/en/stable/references/api/resource_embedding.html
"""

from typing import Any

import httpx
import pytest
from supabase import Client

from tests.devstack.market import BICYCLE, CHAIR, TEAPOT
from tests.support.gateways import Gateway


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


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        # The table, the key's constraint or the key's column names a target.
        ("orders?select=users!orders_buyer_id_fkey(display_name)", {"display_name": "bob"}),
        ("orders?select=users!buyer_id(display_name)", {"display_name": "bob"}),
        ("orders?select=orders_seller_id_fkey(display_name)", {"display_name": "alice"}),
        ("orders?select=seller_id(display_name)", {"display_name": "alice"}),
        ("orders?select=x:users!seller_id!inner(display_name)", {"display_name": "alice"}),
        ("orders?select=x:users!inner!seller_id(display_name)", {"display_name": "alice"}),
        ("orders?select=x:public_profiles!buyer_id!left(display_name)", {"display_name": "bob"}),
        # The table names a junction, and so do both ends through it.
        (
            f"listings?id=eq.{TEAPOT}&select=categories!listing_categories(name)",
            [{"name": "Sport"}],
        ),
        (
            f"listings?id=eq.{TEAPOT}&select=listing_categories(categories(name))",
            [{"categories": {"name": "Sport"}}],
        ),
        ("categories?id=eq.2&select=cheap_listings(title)", [{"title": "Red bicycle"}]),
        # A view has the keys of its tables, in both directions.
        ("cheap_listings?select=auctions(current_price_cents)", [{"current_price_cents": 1500}]),
        ("cheap_listings?select=categories(id)&categories.id=gt.1", [{"id": 2}]),
        ("auctions?select=cheap_listings!inner(title)", {"title": "Red bicycle"}),
        # A spread puts the fields of a to-one embed into the row around it.
        (
            f"listings?id=eq.{BICYCLE}&select=listing_categories(...categories(kind:name))",
            [{"kind": "Sport"}, {"kind": "Bikes"}],
        ),
        # Each level has its own filters, order and page.
        (
            ("categories?id=eq.1&select=listings(title,listing_photos(url))"
            "&listings.order=title.desc&listings.listing_photos.order=url.desc"
            "&listings.listing_photos.limit=1"),
            [
                {"title": "Red bicycle", "listing_photos": [{"url": "two.jpg"}]},
                {"title": "Blue teapot", "listing_photos": []},
            ],
        ),
        (
            ("categories?id=eq.1&select=found:listings(title)"
            "&found.or=(title.like.Red*,and(title.like.Blue*,start_cents.gt.9999))"),
            [{"title": "Red bicycle"}],
        ),
        ("categories?id=eq.1&select=a:listings(title)&a.title=like.B*", [{"title": "Blue teapot"}]),
        ("categories?id=eq.1&select=a:listings(title)&a.not.and=(title.like.B*,start_cents.gt.0)",
         [{"title": "Red bicycle"}]),
    ],
)  # fmt: skip
def test_embed_is_found(http: httpx.Client, gateway: Gateway, path: str, expected: Any) -> None:
    """The first row has the embed under the requested name."""
    answer = http.get(f"/{path}", headers={"apikey": gateway.keys.secret_key})

    assert answer.status_code == 200, answer.text
    assert list(answer.json()[0].values()) == [expected]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select=id,listing_photos!inner()", [BICYCLE]),
        ("select=id,listing_photos()&listing_photos=not.is.null", [BICYCLE]),
        ("select=id,photos:listing_photos()&photos=is.null", [TEAPOT, CHAIR]),
        ("select=id,categories()&categories=is.null", [CHAIR]),
        (
            (
                "select=id,auctions(),listing_photos()&auctions.current_price_cents=eq.2000"
                "&or=(auctions.not.is.null,listing_photos.not.is.null)"
            ),
            [BICYCLE, TEAPOT],
        ),
        (
            "select=id,seller:public_profiles()&seller.display_name=eq.bob&seller=not.is.null",
            [CHAIR],
        ),
        (
            "select=id,auctions!inner(bids!inner())&auctions.bids.amount_cents=gt.1400",
            [BICYCLE],
        ),
        ("select=id,a:auctions!left(id)&order=title.desc", [BICYCLE, CHAIR, TEAPOT]),
        (
            "select=id,public_profiles(display_name)&order=public_profiles(display_name).desc,id",
            [CHAIR, BICYCLE, TEAPOT],
        ),
    ],
)
def test_embed_narrows_or_orders_the_rows(
    http: httpx.Client, query: str, expected: list[str]
) -> None:
    """!inner, a null test or a to-one field narrows or orders the rows, and the count agrees."""
    url = f"/listings?{query}" + ("" if "order=" in query else "&order=id")
    answer = http.get(url, headers={"Prefer": "count=exact"})

    assert [row["id"] for row in answer.json()] == expected
    assert answer.headers["content-range"].partition("/")[2] == str(len(expected))


def test_hint_that_does_not_exist_is_named(http: httpx.Client) -> None:
    """An error about a wrong hint names the hint, if both ends exist."""
    answer = http.get("/listings?select=auctions!nope(id)")

    assert (answer.status_code, answer.json()) == (
        400,
        {
            "code": "PGRST200",
            "details": "Searched for a foreign key relationship between 'listings' and 'auctions' "
            "using the hint 'nope' in the schema 'public', but no matches were found.",
            "hint": None,
            "message": "Could not find a relationship between 'listings' and 'auctions' in the "
            "schema cache",
        },
    )


def test_two_junctions_are_listed(http: httpx.Client) -> None:
    """PGRST201 describes each relationship, and the hint that chooses it."""
    answer = http.get("/films?select=actors(id)")
    hinted = [http.get(f"/films?select=actors!{way}(id)").json() for way in ("roles", "extras")]

    assert hinted == [[], []]
    assert (answer.status_code, answer.json()) == (
        300,
        {
            "code": "PGRST201",
            "details": [
                {
                    "cardinality": "many-to-many",
                    "embedding": "films with actors",
                    "relationship": f"{table} using {table}_film_id_fkey(film_id) "
                    f"and {table}_actor_id_fkey(actor_id)",
                }
                for table in ("extras", "roles")
            ],
            "hint": "Try changing 'actors' to one of the following: 'actors!extras', "
            "'actors!roles'. Find the desired relationship in the 'details' key.",
            "message": "Could not embed because more than one relationship was found for 'films' "
            "and 'actors'",
        },
    )


def test_unrelated_table_gets_a_suggestion(http: httpx.Client) -> None:
    """The error suggests another table if no relationship leaves the named one."""
    answer = http.get("/parcels?select=listings(id)")

    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST200")
    assert answer.json()["hint"].endswith(" instead of 'parcels'.")
