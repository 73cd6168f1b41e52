"""Embeds: the chosen relationship, the form of the result, the effect on the rows above."""

from typing import Any

import httpx
import pytest
from postgrest.exceptions import APIError
from supabase import Client

from tests.devstack.gateway.rest.rows import rows
from tests.devstack.market import BICYCLE, BICYCLE_AUCTION, CHAIR, TEAPOT
from tests.support.gateways import Gateway


def listing(anon: Client, select: str, id_: str = BICYCLE) -> dict[str, Any]:
    [row] = rows(anon.table("listings").select(select).eq("id", id_).execute())
    return row


def test_to_one_is_an_object_or_null(anon: Client, alice: Client) -> None:
    """A to-one embed is an object; it is null if the caller may not see the row."""
    select = "users!listings_seller_id_fkey(display_name)"

    assert listing(anon, select) == {"users": None}
    assert listing(alice, select) == {"users": {"display_name": "alice"}}


def test_to_many_is_an_array(anon: Client) -> None:
    """A to-many embed is an array, even if it is empty or a unique index allows only one row."""
    assert listing(anon, "auctions(id),listing_photos(id)", TEAPOT) == {
        "auctions": [{"id": "20000000-0000-0000-0000-000000000002"}],
        "listing_photos": [],
    }


def test_one_to_one_is_an_object(service: Client) -> None:
    """A unique constraint on the other table's key makes the embed an object."""
    found = service.table("orders").select("shipments(carrier)").execute()

    assert found.data == [{"shipments": {"carrier": "Post"}}]


def test_foreign_key_leads_through_views(anon: Client) -> None:
    """A view stands for its table if it shows the key's columns, and so does a view on a view."""
    select = (
        "seller:public_profiles!listings_seller_id_fkey(display_name,kyc_passed),"
        "passed_profiles(profile_id)"
    )

    assert listing(anon, select) == {
        "seller": {"display_name": "alice", "kyc_passed": True},
        "passed_profiles": {"profile_id": "00000000-0000-0000-0000-00000000000a"},
    }


def test_view_embeds_rows_that_point_to_its_table(anon: Client) -> None:
    """A view embeds the rows that point to its table."""
    query = anon.table("public_profiles").select("display_name,listings(title)")
    found = query.eq("display_name", "bob").execute()

    expected = [{"display_name": "bob", "listings": [{"title": 'Green, "good" chair (old)'}]}]
    assert found.data == expected


def test_junction_is_crossed(anon: Client) -> None:
    """A table whose primary key is two foreign keys makes a many-to-many relationship."""
    select = "categories(name)"

    assert listing(anon, select) == {"categories": [{"name": "Sport"}, {"name": "Bikes"}]}
    assert listing(anon, select, CHAIR) == {"categories": []}


def test_relation_to_itself_goes_both_ways(anon: Client) -> None:
    """The table's name embeds the children; the column's name embeds the parent."""
    query = anon.table("categories").select("name,children:categories(name),parent:parent_id(name)")
    found = query.order("id").limit(2).execute()

    assert found.data == [
        {"name": "Sport", "children": [{"name": "Bikes"}, {"name": "Balls"}], "parent": None},
        {"name": "Bikes", "children": [], "parent": {"name": "Sport"}},
    ]


def test_computed_relationship_is_embedded(anon: Client) -> None:
    """A function of the row is a relationship with the function's name."""
    assert listing(anon, "cheaper(title)", TEAPOT) == {"cheaper": [{"title": "Red bicycle"}]}


def test_embeds_nest(anon: Client) -> None:
    """Embeds nest as deep as the web app's longest read: bid, auction, listing, photos."""
    query = anon.table("bids").select(
        "amount_cents,auctions!inner(id,listings!inner(title,listing_photos(url,order_idx)))"
    )
    query = query.order("order_idx", foreign_table="auctions.listings.listing_photos")
    found = query.order("amount_cents").limit(1).execute()

    photos = [{"url": "two.jpg", "order_idx": 1}, {"url": "one.jpg", "order_idx": 2}]
    expected = {
        "id": BICYCLE_AUCTION,
        "listings": {"title": "Red bicycle", "listing_photos": photos},
    }
    assert found.data == [{"amount_cents": 1200, "auctions": expected}]


def test_spread_puts_fields_beside_the_row(anon: Client) -> None:
    """A spread of a to-one embed puts its fields into the row above."""
    query = anon.table("auctions").select("id,...listings(title,...public_profiles(display_name))")
    found = query.eq("id", BICYCLE_AUCTION).execute()

    assert found.data == [{"id": BICYCLE_AUCTION, "title": "Red bicycle", "display_name": "alice"}]


def test_filter_narrows_the_embed_alone(anon: Client) -> None:
    """A filter on an embed narrows the embed and keeps the rows above."""
    query = anon.table("listings").select("id,listing_photos(url)").order("id")
    found = query.eq("listing_photos.url", "one.jpg").limit(2).execute()

    assert found.data == [
        {"id": BICYCLE, "listing_photos": [{"url": "one.jpg"}]},
        {"id": TEAPOT, "listing_photos": []},
    ]


def test_inner_drops_rows_without_a_match(http: httpx.Client) -> None:
    """With !inner a filter on the embed also narrows the rows and the count."""
    answer = http.get(
        "/listings",
        params={"select": "id,listing_photos!inner(url)", "listing_photos.url": "eq.one.jpg"},
        headers={"Prefer": "count=exact"},
    )

    assert answer.json() == [{"id": BICYCLE, "listing_photos": [{"url": "one.jpg"}]}]
    assert answer.headers["content-range"] == "0-0/1"


def test_embed_has_order_limit_and_tree(http: httpx.Client) -> None:
    """Each embed has its own order, limit and tree of conditions."""
    answer = http.get(
        "/listings",
        params={
            "select": "photos:listing_photos(url)",
            "photos.order": "url.desc",
            "photos.limit": "1",
            "photos.offset": "0",
            "photos.or": "(url.eq.one.jpg,url.eq.two.jpg)",
            "id": f"eq.{BICYCLE}",
        },
    )

    assert answer.json() == [{"photos": [{"url": "two.jpg"}]}]


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ({"listing_photos": "is.null"}, [TEAPOT, CHAIR]),
        ({"listing_photos": "not.is.null"}, [BICYCLE]),
        ({"or": "(listing_photos.not.is.null,start_cents.gt.2500)"}, [BICYCLE, CHAIR]),
    ],
)
def test_null_test_is_a_semi_join(
    http: httpx.Client, test: dict[str, str], expected: list[str]
) -> None:
    """A null test filters rows by the existence of embedded ones, and the count agrees."""
    params = {"select": "id,listing_photos()", "order": "id", **test}
    answer = http.get("/listings", params=params, headers={"Prefer": "count=exact"})

    assert answer.json() == [{"id": id_} for id_ in expected]
    assert answer.headers["content-range"].endswith(f"/{len(expected)}")


def test_written_row_embeds_too(http: httpx.Client, gateway: Gateway) -> None:
    """A write returns its rows with embeds, and no filter narrows them."""
    answer = http.post(
        "/listing_photos?select=url,listings(title)",
        json={"listing_id": CHAIR, "url": "x.jpg"},
        headers={"apikey": gateway.keys.secret_key, "Prefer": "return=representation, tx=rollback"},
    )

    assert answer.json() == [{"url": "x.jpg", "listings": {"title": 'Green, "good" chair (old)'}}]


def test_two_relationships_are_ambiguous(service: Client) -> None:
    """Two relationships without a hint answer 300 and their list; a hint chooses one."""
    with pytest.raises(APIError) as caught:
        service.table("orders").select("users(id)").execute()

    assert caught.value.code == "PGRST201"
    assert caught.value.message == (
        "Could not embed because more than one relationship was found for 'orders' and 'users'"
    )
    assert caught.value.hint == (
        "Try changing 'users' to one of the following: 'users!orders_buyer_id_fkey', "
        "'users!orders_seller_id_fkey'. Find the desired relationship in the 'details' key."
    )
    assert caught.value.details == [
        {
            "cardinality": "many-to-one",
            "embedding": "orders with users",
            "relationship": f"orders_{side}_id_fkey using orders({side}_id) and users(id)",
        }
        for side in ("buyer", "seller")
    ]
    hinted = "buyer:users!orders_buyer_id_fkey(display_name),seller:users!seller_id(display_name)"
    found = service.table("orders").select(hinted).execute()
    assert found.data == [{"buyer": {"display_name": "bob"}, "seller": {"display_name": "alice"}}]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("select=nothing(id)", 400, "PGRST200"),
        ("select=items(id)", 400, "PGRST200"),
        ("select=auctions!nope(id)", 400, "PGRST200"),
        ("select=id&auctions.id=eq.1", 400, "PGRST108"),
        ("select=id&order=auctions(id)", 400, "PGRST108"),
        ("select=auctions(id)&order=auctions(id)", 400, "PGRST118"),
        ("select=auctions(id)&auctions=eq.1", 400, "PGRST120"),
    ],
)
def test_impossible_embed_is_named(http: httpx.Client, query: str, status: int, code: str) -> None:
    """Each impossible embed has its own code."""
    answer = http.get(f"/listings?{query}")

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_unknown_embed_gives_a_hint(http: httpx.Client) -> None:
    """The error suggests the most similar name."""
    answer = http.get("/listings?select=auction(id)")

    assert answer.json() == {
        "code": "PGRST200",
        "message": "Could not find a relationship between 'listings' and 'auction' in the schema "
        "cache",
        "details": "Searched for a foreign key relationship between 'listings' and 'auction' in "
        "the schema 'public', but no matches were found.",
        "hint": "Perhaps you meant 'auctions' instead of 'auction'.",
    }
