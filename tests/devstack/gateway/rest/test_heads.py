"""The headers of answers: Location, schema, applied preferences, allowed methods.

PostgREST: https://docs.postgrest.org/en/stable/references/api/ : tables_views (insert), schemas,
preferences, options; Content-Location from its tests (QuerySpec).
"""

import httpx
import psycopg
import pytest

from tests.devstack.market import ALICE
from tests.support.gateways import Gateway


def test_read_says_where_it_is(http: httpx.Client) -> None:
    """Content-Location sorts the query, so two queries of the same meaning have the same."""
    bare = http.get("/categories")
    filtered = http.get("/categories?select=id,name&name=eq.a%20b&id=gt.1&id=lt.9")
    paged = http.get("/categories?limit=1", headers={"Range": "0-9"})

    assert bare.headers["content-location"] == "/categories"
    assert filtered.headers["content-location"] == (
        "/categories?id=gt.1,lt.9&name=eq.a%20b&select=id%2Cname"
    )
    assert paged.headers["content-location"] == "/categories?limit=1"


@pytest.mark.parametrize("body", [{"key": "head ü&=", "value": 1}, [{"key": "head ü&="}]])
def test_insert_says_where_the_row_is(
    http: httpx.Client, owner: psycopg.Connection, body: object
) -> None:
    """With headers-only, Location names the new row by its key, whatever the request selects."""
    headers = {"Prefer": "return=headers-only"}
    answer = http.post("/settings?select=note", json=body, headers=headers)
    owner.execute("delete from public.settings where key like 'head%'")

    assert (answer.status_code, answer.content) == (201, b"")
    assert answer.headers["location"] == "/settings?key=eq.head%20%C3%BC%26%3D"
    assert answer.headers["content-range"] == "*/*"
    assert answer.headers["preference-applied"] == "return=headers-only"
    assert "content-type" not in answer.headers


def test_location_has_the_whole_key(http: httpx.Client, gateway: Gateway) -> None:
    """Location names all columns of a composite key."""
    headers = {"Prefer": "return=headers-only, tx=rollback", "apikey": gateway.keys.secret_key}
    listing = "10000000-0000-0000-0000-000000000003"
    row = {"listing_id": listing, "category_id": 3}
    answer = http.post("/listing_categories", json=row, headers=headers)

    assert answer.headers["location"] == (
        f"/listing_categories?listing_id=eq.{listing}&category_id=eq.3"
    )


@pytest.mark.parametrize(
    ("path", "body", "prefer"),
    [
        ("/settings", [{"key": "x1"}, {"key": "x2"}], "return=headers-only"),
        ("/settings", {"key": "x1"}, "return=representation"),
        ("/settings", {"key": "x1"}, "return=minimal"),
        ("/settings", {"key": "x1"}, ""),
        ("/shipments", {"carrier": "x"}, "return=headers-only"),
    ],
)
def test_location_names_one_row_on_request(
    http: httpx.Client, gateway: Gateway, path: str, body: object, prefer: str
) -> None:
    """Location is absent for several rows, for a table without a key and for another preference."""
    headers = {"Prefer": f"{prefer}, tx=rollback", "apikey": gateway.keys.secret_key}
    answer = http.post(path, json=body, headers=headers)

    assert (answer.status_code, "location" in answer.headers) == (201, False)


@pytest.mark.parametrize(
    ("method", "path", "headers", "schema"),
    [
        ("GET", "/categories", {}, "public"),
        ("HEAD", "/categories", {}, "public"),
        ("GET", "/items", {"Accept-Profile": "shop"}, "shop"),
        ("GET", "/rpc/add?a=1", {"Accept-Profile": "public"}, "public"),
        ("POST", "/rpc/add", {"Content-Profile": "public"}, "public"),
        (
            "PATCH",
            "/settings?key=eq.none",
            {"Content-Profile": "public", "Prefer": "return=representation"},
            "public",
        ),
    ],
)
def test_answer_names_its_schema(
    http: httpx.Client, method: str, path: str, headers: dict[str, str], schema: str
) -> None:
    """Content-Profile names the schema of the body if the gateway exposes several."""
    body = None if method in ("GET", "HEAD") else {"a": 1} if "rpc" in path else {"note": "x"}
    answer = http.request(method, path, json=body, headers=headers)

    assert answer.status_code == 200
    assert answer.headers["content-profile"] == schema


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_profile_has_to_be_exposed(http: httpx.Client, method: str) -> None:
    """Reads choose a schema by Accept-Profile, writes by Content-Profile, each by that alone."""
    name, other = "Accept-Profile", "Content-Profile"
    if method != "GET":
        name, other = other, name
    refused = http.request(method, "/things", headers={name: "other"})
    looked_at = http.request(method, "/things", headers={other: "other"})

    assert (refused.status_code, refused.json()) == (
        406,
        {
            "code": "PGRST106",
            "details": None,
            "hint": "Only the following schemas are exposed: public, shop",
            "message": "Invalid schema: other",
        },
    )
    assert looked_at.json()["code"] == "PGRST205"


@pytest.mark.parametrize(
    ("method", "path", "body", "prefer", "expected"),
    [
        ("GET", "/settings", None, "return=minimal,count=exact", "count=exact"),
        ("GET", "/settings", None, "timezone=UTC", "timezone=UTC"),
        ("GET", "/settings", None, "timezone=Jupiter/Red_Spot", None),
        ("POST", "/rpc/add", {"a": 1}, "return=representation, tx=rollback", "tx=rollback"),
        (
            "POST",
            "/rpc/numbers",
            {"up_to": 3},
            "handling=strict,max-affected=3",
            "handling=strict, max-affected=3",
        ),
        (
            "POST",
            "/shipments",
            {"carrier": "x"},
            "resolution=merge-duplicates,tx=rollback",
            "tx=rollback",
        ),
        (
            "POST",
            "/settings",
            {"key": "x"},
            "handling=lenient,nonsense,resolution=ignore-duplicates,tx=rollback",
            "resolution=ignore-duplicates, tx=rollback, handling=lenient",
        ),
        (
            "DELETE",
            "/settings?key=eq.x",
            None,
            "handling=lenient,max-affected=0,missing=default",
            "handling=lenient",
        ),
    ],
)
def test_applied_preferences_are_named(
    http: httpx.Client,
    gateway: Gateway,
    method: str,
    path: str,
    body: object,
    prefer: str,
    expected: str | None,
) -> None:
    """Preference-Applied names the preferences that took effect, and no others."""
    headers = {"Prefer": prefer, "apikey": gateway.keys.secret_key}
    answer = http.request(method, path, json=body, headers=headers)

    assert answer.is_success
    assert answer.headers.get("preference-applied") == expected


def test_preferences_may_come_in_several_lines(http: httpx.Client) -> None:
    """The JavaScript client sends each preference in a header line of its own."""
    lines = [
        ("Prefer", "return=headers-only"),
        ("Prefer", "tx=rollback"),
        ("Prefer", "count=exact"),
    ]
    answer = http.post("/settings", json={"key": "x"}, headers=lines)

    assert answer.headers["preference-applied"] == "return=headers-only, count=exact, tx=rollback"
    assert answer.headers["location"] == "/settings?key=eq.x"


def test_unknown_preference_is_refused_with_strict_handling(http: httpx.Client) -> None:
    """PGRST122 lists the preferences that PostgREST does not know."""
    prefer = "handling=strict, anything, timezone=Jupiter/Red_Spot"
    answer = http.get("/categories", headers={"Prefer": prefer})

    assert (answer.status_code, answer.json()) == (
        400,
        {
            "code": "PGRST122",
            "details": "Invalid preferences: anything, timezone=Jupiter/Red_Spot",
            "hint": None,
            "message": "Invalid preferences given with handling=strict",
        },
    )


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/settings", "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"),
        ("/shipments", "OPTIONS,GET,HEAD,POST,PATCH,DELETE"),
        ("/cheap_listings", "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"),
        ("/totals", "OPTIONS,GET,HEAD"),
        ("/rpc/add", "OPTIONS,GET,HEAD,POST"),
        ("/rpc/put_setting", "OPTIONS,POST"),
    ],
)
def test_options_lists_the_allowed_methods(http: httpx.Client, path: str, allowed: str) -> None:
    """OPTIONS lists the methods that a view or a function allows."""
    answer = http.options(path)

    assert (answer.status_code, answer.headers["allow"]) == (200, allowed)


def test_view_is_written_through(http: httpx.Client, gateway: Gateway) -> None:
    """A simple view passes writes on to its table, and Location shows its key."""
    row = {"seller_id": ALICE, "title": "Through a view", "start_cents": 1200}
    headers = {"Prefer": "return=headers-only,tx=rollback", "apikey": gateway.keys.secret_key}
    answer = http.post("/cheap_listings", json=row, headers=headers)

    assert answer.status_code == 201
    assert answer.headers["location"].startswith("/cheap_listings?id=eq.")
