"""The forms of embeds that PostgREST's page about them shows.

https://docs.postgrest.org/en/stable/references/api/resource_embedding.html
"""

from typing import Any

import httpx
import pytest

from tests.devstack.market import BICYCLE, CHAIR, TEAPOT
from tests.support.gateways import Gateway


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
