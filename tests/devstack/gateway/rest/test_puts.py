"""PUT makes or replaces the one row that the URL names.

PostgREST: https://docs.postgrest.org/en/stable/references/api/tables_views.html#single-row-upsert
"""

from collections.abc import Iterator

import httpx
import psycopg
import pytest


REPRESENTED = {"Prefer": "return=representation"}
#: Bodies that are not the row in the URL.
OTHERS: tuple[object, ...] = ({"key": "put_other"}, {"value": 1}, {}, [])


@pytest.fixture(autouse=True)
def _own_settings(owner: psycopg.Connection) -> Iterator[None]:
    yield
    owner.execute("delete from public.settings where key like 'put%'")


def test_put_makes_and_then_replaces(http: httpx.Client) -> None:
    """PUT answers 201 with a new row, and 200 with a replaced one."""
    made = http.put("/settings?key=eq.put", json={"key": "put", "value": 1}, headers=REPRESENTED)
    kept = http.put("/settings?key=eq.put", json=[{"key": "put", "value": 2}], headers=REPRESENTED)

    assert (made.status_code, made.json()) == (201, [{"key": "put", "value": 1, "note": "none"}])
    assert (kept.status_code, kept.json()) == (200, [{"key": "put", "value": 2, "note": "none"}])
    assert made.headers["preference-applied"] == "return=representation"
    assert "content-range" not in made.headers


def test_put_without_a_representation_is_204(http: httpx.Client, owner: psycopg.Connection) -> None:
    """PUT answers 204 without a representation, for a new and for a replaced row."""
    answers = [http.put("/settings?key=eq.put", json={"key": "put", "value": n}) for n in (1, 2)]

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
    found = owner.execute("select value from public.settings where key = 'put'").fetchall()
    assert found == [(2,)]


def test_put_on_a_composite_key(http: httpx.Client, owner: psycopg.Connection) -> None:
    """The URL names all columns of a composite key, and PUT ignores the Range header."""
    listing = "10000000-0000-0000-0000-000000000003"
    row = {"listing_id": listing, "category_id": 3}
    url = f"/listing_categories?category_id=eq.3&listing_id=eq.{listing}"
    answer = http.put(url, json=row, headers=REPRESENTED | {"Range": "1-1"})
    half = http.put("/listing_categories?category_id=eq.3", json=row)
    owner.execute("delete from public.listing_categories where category_id = 3")

    assert (answer.status_code, answer.json()) == (201, [row])
    assert (half.status_code, half.json()["code"]) == (405, "PGRST105")


def test_put_of_one_among_several(http: httpx.Client, owner: psycopg.Connection) -> None:
    """PUT writes only the row that the URL names, and may return it as an object."""
    rows = [{"key": "put", "value": 1}, {"key": "put_too", "value": 2}]
    answer = http.put(
        "/settings?key=eq.put",
        json=rows,
        headers=REPRESENTED | {"Accept": "application/vnd.pgrst.object+json"},
    )

    assert (answer.status_code, answer.json()["key"]) == (201, "put")
    assert owner.execute("select from public.settings where key = 'put_too'").fetchall() == []


@pytest.mark.parametrize(
    ("query", "body", "status", "code", "message"),
    [
        (
            "key=eq.put&limit=1",
            {"key": "put"},
            400,
            "PGRST114",
            "limit/offset querystring parameters are not allowed for PUT",
        ),
        (
            "key=eq.put&offset=1",
            {"key": "put"},
            400,
            "PGRST114",
            "limit/offset querystring parameters are not allowed for PUT",
        ),
        *(
            (
                query,
                {"key": "put"},
                405,
                "PGRST105",
                "Filters must include all and only primary key columns with 'eq' operators",
            )
            for query in (
                "",
                "note=eq.x",
                "key=not.eq.put",
                "key=in.(put)",
                "key=eq(any).{put}",
                "key=eq.put&note=eq.x",
                "key=eq.put&key=eq.put",
                "and=(key.eq.put)",
            )
        ),
        *(
            (
                "key=eq.put",
                body,
                400,
                "PGRST115",
                "Payload values do not match URL in primary key column(s)",
            )
            for body in OTHERS
        ),
    ],
)
def test_put_of_anything_else_is_refused(
    http: httpx.Client,
    owner: psycopg.Connection,
    query: str,
    body: object,
    status: int,
    code: str,
    message: str,
) -> None:
    """PUT refuses a URL or a body of another row, and then writes nothing."""
    answer = http.put(f"/settings?{query}", json=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"] == message
    assert owner.execute("select from public.settings where key like 'put%'").fetchall() == []


def test_put_needs_a_primary_key(http: httpx.Client) -> None:
    """PUT refuses a table without a primary key, because a URL cannot name its rows."""
    answer = http.put("/shipments?order_id=eq.1", json={"order_id": 1, "carrier": "Post"})

    assert (answer.status_code, answer.json()["code"]) == (405, "PGRST105")
