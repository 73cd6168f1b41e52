"""Inserts, upserts, updates and deletes of tables."""

from collections.abc import Iterator

import httpx
import psycopg
import pytest
from postgrest import CountMethod, ReturnMethod
from postgrest.exceptions import APIError
from supabase import Client

from tests.devstack.market import CHAIR


@pytest.fixture(autouse=True)
def _own_settings(owner: psycopg.Connection) -> Iterator[None]:
    """Restore the settings after the test."""
    yield
    owner.execute("delete from public.settings where key not in ('fee', 'ladder')")
    owner.execute("update public.settings set value = '500', note = 'none' where key = 'fee'")


def stored(owner: psycopg.Connection) -> dict[str, object]:
    return dict(owner.execute("select key, value from public.settings").fetchall())


def test_insert_returns_the_row(service: Client) -> None:
    """An insert fills in defaults, and its representation shows them."""
    written = service.table("settings").insert({"key": "a", "value": {"x": [1]}}).execute()

    assert written.data == [{"key": "a", "value": {"x": [1]}, "note": "none"}]


def test_insert_minimal_is_201_and_empty(http: httpx.Client, owner: psycopg.Connection) -> None:
    """An insert without a representation reads nothing, so it needs no right to read."""
    owner.execute("grant insert on public.secrets to anon")
    answer = http.post("/secrets", json={"id": 1, "word": "x"})
    read_back = http.post(
        "/secrets", json={"id": 2, "word": "x"}, headers={"Prefer": "return=representation"}
    )
    owner.execute("revoke insert on public.secrets from anon")

    assert (answer.status_code, answer.content) == (201, b"")
    assert (read_back.status_code, read_back.json()["code"]) == (401, "42501")
    assert owner.execute("delete from public.secrets returning id").fetchall() == [(1,)]


def test_bulk_insert_is_one_statement(service: Client, owner: psycopg.Connection) -> None:
    """A bulk insert is one statement: one bad row, and Postgres writes none."""
    with pytest.raises(APIError) as caught:
        service.table("settings").insert([{"key": "a"}, {"key": "fee"}]).execute()

    assert caught.value.code == "23505"
    assert "a" not in stored(owner)


def test_missing_key_is_null_or_default(http: httpx.Client, owner: psycopg.Connection) -> None:
    """`columns=` lets rows differ; missing=default fills the columns that a row leaves out."""
    rows = [{"key": "a", "note": "mine"}, {"key": "b"}]
    for prefer in ("missing=default", "missing=null"):
        answer = http.post(
            "/settings", params={"columns": "key,note"}, json=rows, headers={"Prefer": prefer}
        )
        assert answer.status_code == 201
        assert answer.headers["preference-applied"] == prefer
        query = "delete from public.settings where key in ('a', 'b') returning note"
        expected = ["mine", "none" if prefer == "missing=default" else None]
        assert [note for (note,) in owner.execute(query)] == expected


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ('[{"key": "a"}, {"value": 1}]', "PGRST102", "All object keys must match"),
        (
            '{"nope": 1}',
            "PGRST204",
            "Could not find the 'nope' column of 'settings' in the schema cache",
        ),
        ("{", "PGRST102", "Empty or invalid json"),
        ("", "PGRST102", "Empty or invalid json"),
        (
            '{"key": "fee"}',
            "23505",
            'duplicate key value violates unique constraint "settings_pkey"',
        ),
        (
            '{"value": 1}',
            "23502",
            'null value in column "key" of relation "settings" violates not-null constraint',
        ),
    ],
)
def test_bad_body_is_named(http: httpx.Client, body: str, code: str, message: str) -> None:
    """PostgREST and Postgres refuse a bad body, each with its own code."""
    answer = http.post("/settings", content=body, headers={"Content-Type": "application/json"})

    assert (answer.json()["code"], answer.json()["message"]) == (code, message)
    assert answer.status_code == (409 if code == "23505" else 400)


def test_empty_list_inserts_nothing(http: httpx.Client) -> None:
    """An empty list inserts nothing and is no error."""
    answer = http.post("/settings", json=[], headers={"Prefer": "return=representation"})

    assert (answer.status_code, answer.json()) == (201, [])


def test_upsert_updates_existing_rows(service: Client, owner: psycopg.Connection) -> None:
    """An upsert changes only the columns that the body has."""
    service.table("settings").update({"note": "kept"}).eq("key", "fee").execute()
    rows = [{"key": "fee", "value": 600}, {"key": "new", "value": 1}]
    written = service.table("settings").upsert(rows).execute()

    assert written.data == [
        {"key": "fee", "value": 600, "note": "kept"},
        {"key": "new", "value": 1, "note": "none"},
    ]
    assert stored(owner)["fee"] == 600


def test_upsert_distinguishes_old_from_new(http: httpx.Client) -> None:
    """An upsert answers 201 if it has made a row, and 200 if all rows were there."""
    headers = {"Prefer": "resolution=merge-duplicates"}
    first = http.post("/settings", json={"key": "a", "value": 1}, headers=headers)
    second = http.post("/settings", json={"key": "a", "value": 2}, headers=headers)

    assert [first.status_code, second.status_code] == [201, 200]


def test_upsert_may_ignore_duplicates(service: Client, owner: psycopg.Connection) -> None:
    """An upsert may keep the existing rows, and does not return them then."""
    rows = [{"key": "fee", "value": 1}, {"key": "new", "value": 1}]
    query = service.table("settings").upsert(rows, ignore_duplicates=True, on_conflict="key")

    assert query.execute().data == [{"key": "new", "value": 1, "note": "none"}]
    assert stored(owner)["fee"] == 500


def test_update_changes_the_rows_that_match(service: Client, owner: psycopg.Connection) -> None:
    """An update changes the rows that match, and returns their new values."""
    written = service.table("settings").update({"value": [3]}).eq("key", "ladder").execute()
    owner.execute("update public.settings set value = '[1, 2]' where key = 'ladder'")

    assert written.data == [{"key": "ladder", "value": [3], "note": "none"}]


def test_update_without_values_changes_nothing(http: httpx.Client) -> None:
    """An update with an empty object changes nothing and is no error."""
    minimal = http.patch("/settings", json={})
    shown = http.patch("/settings", json={}, headers={"Prefer": "return=representation"})

    assert (minimal.status_code, shown.status_code, shown.json()) == (204, 200, [])


def test_writes_count_their_rows(http: httpx.Client) -> None:
    """Content-Range has the count of a write that asks for it."""
    count = {"Prefer": "count=exact"}
    inserted = http.post("/settings", json=[{"key": "a"}, {"key": "b"}], headers=count)
    updated = http.patch("/settings?key=in.(a,b)", json={"value": 1}, headers=count)
    deleted = http.delete("/settings?key=in.(a,b)", headers=count)

    ranges = [answer.headers["content-range"] for answer in (inserted, updated, deleted)]
    assert ranges == ["*/2", "0-1/2", "*/2"]
    assert [inserted.status_code, updated.status_code, deleted.status_code] == [201, 204, 204]


def test_delete_returns_the_deleted_rows(service: Client) -> None:
    """A delete returns the rows as they were."""
    service.table("settings").insert({"key": "a"}, returning=ReturnMethod.minimal).execute()
    gone = service.table("settings").delete(count=CountMethod.exact).eq("key", "a").execute()

    assert (gone.data, gone.count) == ([{"key": "a", "value": None, "note": "none"}], 1)


def test_single_write_of_many_is_undone(http: httpx.Client, owner: psycopg.Connection) -> None:
    """A single write of several rows writes none, because one object cannot show them."""
    headers = {"Accept": "application/vnd.pgrst.object+json", "Prefer": "return=representation"}
    answer = http.patch("/settings?value=not.is.null", json={"value": 0}, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (406, "PGRST116")
    assert stored(owner)["fee"] == 500


def test_max_affected_undoes_too_much(service: Client, owner: psycopg.Connection) -> None:
    """max-affected undoes a write whose filter is too wide."""
    with pytest.raises(APIError) as caught:
        service.table("settings").update({"value": 0}).neq("key", "").max_affected(1).execute()

    assert (caught.value.code, caught.value.details) == ("PGRST124", "The query affects 2 rows")
    assert stored(owner)["fee"] == 500


def test_rolled_back_write_shows_its_rows(http: httpx.Client, owner: psycopg.Connection) -> None:
    """tx=rollback shows the rows of a write and undoes it."""
    headers = {"Prefer": "return=representation,tx=rollback"}
    answer = http.post("/settings", json={"key": "a"}, headers=headers)

    assert (answer.status_code, answer.json()[0]["key"]) == (201, "a")
    assert answer.headers["preference-applied"] == "return=representation, tx=rollback"
    assert "a" not in stored(owner)


def test_check_and_generated_column_are_400(service: Client) -> None:
    """Postgres's refusal keeps its code and answers 400."""
    refused = {"title": "x", "slug": "y"}
    codes = []
    for column, value in refused.items():
        with pytest.raises(APIError) as caught:
            service.table("listings").update({column: value}).eq("id", CHAIR).execute()
        codes.append(caught.value.code)

    assert codes == ["23514", "428C9"]


def test_unknown_method_is_405(http: httpx.Client) -> None:
    """PostgREST refuses a method that tables do not have, and names it."""
    answer = http.request("TRACE", "/settings?key=eq.a")

    assert (answer.status_code, answer.json()["message"]) == (
        405,
        "Unsupported HTTP method: TRACE",
    )
