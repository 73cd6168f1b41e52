"""Reads of tables: values, counts and forms."""

import httpx
import pytest
from postgrest import CountMethod
from postgrest.exceptions import APIError
from supabase import Client

from tests.devstack.gateway.rest.rows import rows
from tests.devstack.market import BICYCLE, CHAIR, TEAPOT


def test_values_pass_as_postgres_writes_them(http: httpx.Client) -> None:
    """Postgres writes the JSON: a numeric keeps its scale, a timestamp its zone."""
    answer = http.get(
        "/listings",
        params={"select": "weight,created_at,tags,price:start_cents::text", "id": f"eq.{BICYCLE}"},
    )

    expected = (
        '[{"weight":9.90,"created_at":"2026-01-02T03:04:05.678+00:00",'
        '"tags":["red","fast"],"price":"1000"}]'
    )
    assert (answer.status_code, answer.text) == (200, expected)
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["content-range"] == "0-0/*"


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("location->>state", {"state": "NSW"}),
        ("place:location->suburb", {"place": "Newtown"}),
        ("location->geo->0", {"geo": 1}),
        ("short_title", {"short_title": "Red b"}),
        ("slug,slug", {"slug": "red bicycle"}),
    ],
)
def test_selected_item_has_its_name(anon: Client, select: str, expected: dict[str, object]) -> None:
    """An item's name is its alias, else its path's last key, else its column or function."""
    found = anon.table("listings").select(select).eq("id", BICYCLE).execute()

    assert found.data == [expected]


def test_odd_names_are_quoted(http: httpx.Client) -> None:
    """Quotes allow any name for a table and its columns."""
    answer = http.get('/Odd "Name', params={"select": '"a column","b\\"c"', '"b\\"c"': "eq.x"})

    assert answer.json() == [{"a column": 1, 'b"c': "x"}]


def test_order_sorts_by_several_terms(anon: Client) -> None:
    """Each term of the order places nulls as it says."""
    query = anon.table("listings").select("id").order("weight", desc=True, nullsfirst=False)

    assert [row["id"] for row in rows(query.execute())] == [CHAIR, BICYCLE, TEAPOT]


def test_order_follows_a_json_path_and_an_embed(http: httpx.Client) -> None:
    """The order may name a JSON path and a field of a to-one embed."""
    by_path = http.get("/listings", params={"select": "id", "order": "location->>suburb"})
    by_embed = http.get(
        "/auctions", params={"select": "listings(title)", "order": "listings(title)"}
    )

    assert [row["id"] for row in by_path.json()] == [TEAPOT, CHAIR, BICYCLE]
    assert [row["listings"]["title"] for row in by_embed.json()] == ["Blue teapot", "Red bicycle"]


def test_count_comes_with_a_page(anon: Client) -> None:
    """count=exact counts all rows, whatever page the request asks for."""
    found = (
        anon.table("listings")
        .select("id", count=CountMethod.exact)
        .order("title")
        .range(1, 1)
        .execute()
    )

    assert ([row["id"] for row in rows(found)], found.count) == ([CHAIR], 3)


def test_head_counts_without_rows(anon: Client) -> None:
    """HEAD counts without rows; the web app counts its unread messages so."""
    found = (
        anon.table("listings")
        .select("id", count=CountMethod.exact, head=True)
        .gt("start_cents", 1500)
    )

    answer = found.execute()
    assert (answer.count, answer.data) == (2, [])


@pytest.mark.parametrize(
    ("range_", "prefer", "status", "content_range"),
    [
        ("0-1", "count=exact", 206, "0-1/3"),
        ("0-9", "count=exact", 200, "0-2/3"),
        ("2-2", "", 200, "2-2/*"),
        ("3-9", "count=exact", 206, "*/3"),
    ],
)
def test_range_header_is_a_page(
    http: httpx.Client, range_: str, prefer: str, status: int, content_range: str
) -> None:
    """A page answers 206 if the count shows that there are more rows."""
    answer = http.get("/listings", headers={"Range": range_, "Prefer": prefer})

    assert (answer.status_code, answer.headers["content-range"]) == (status, content_range)


def test_offset_beyond_the_end_is_refused(http: httpx.Client) -> None:
    """A page behind the end answers 416 if the request asks for the count."""
    answer = http.get("/listings", params={"offset": 9}, headers={"Prefer": "count=exact"})

    assert (answer.status_code, answer.headers["content-range"]) == (416, "*/3")
    assert answer.json()["code"] == "PGRST103"
    assert answer.json()["details"] == ("An offset of 9 was requested, but there are only 3 rows.")


@pytest.mark.parametrize("kind", ["planned", "estimated"])
def test_estimated_count_is_a_number(http: httpx.Client, kind: str) -> None:
    """The planner estimates a count; the estimate of a small table is exact."""
    answer = http.get(
        "/listings", params={"start_cents": "gt.0"}, headers={"Prefer": f"count={kind}"}
    )

    total = answer.headers["content-range"].partition("/")[2]
    assert total == "3" if kind == "estimated" else total.isdigit()


def test_max_rows_caps_every_read(http: httpx.Client) -> None:
    """No limit of a client exceeds the server's max-rows."""
    answer = http.get("/rpc/numbers", params={"up_to": 200})
    limited = http.get("/rpc/numbers", params={"up_to": 200, "limit": 100})

    assert [len(answer.json()), len(limited.json())] == [50, 50]


def test_single_answers_an_object(anon: Client) -> None:
    """A single read returns one row as an object."""
    found = anon.table("listings").select("title").eq("id", BICYCLE).single().execute()

    assert found.data == {"title": "Red bicycle"}


@pytest.mark.parametrize(("low", "rows"), [(9999, 0), (0, 3)])
def test_single_refuses_other_than_one(anon: Client, low: int, rows: int) -> None:
    """A single read of none or many answers 406 with the code that the web app checks."""
    with pytest.raises(APIError) as caught:
        anon.table("listings").select("title").gt("start_cents", low).single().execute()

    assert caught.value.code == "PGRST116"
    assert caught.value.details == f"The result contains {rows} rows"


def test_maybe_single_answers_none(anon: Client) -> None:
    """The official client turns the refusal of an empty single read into None."""
    found = anon.table("listings").select("id").gt("start_cents", 9999).maybe_single().execute()

    assert found is None


def test_csv_has_a_head_and_a_line_per_row(anon: Client) -> None:
    """A CSV has a line of names and a line per row, with quotes where a value needs them."""
    found = anon.table("listings").select("id,title").order("title").limit(2).csv().execute()

    assert str(found.data).splitlines() == [
        "id,title",
        f'{TEAPOT},"Blue teapot"',
        f'{CHAIR},"Green, ""good"" chair (old)"',
    ]


def test_nulls_are_stripped_on_request(http: httpx.Client) -> None:
    """An answer with stripped nulls has no key for a column without a value."""
    headers = {"Accept": "application/vnd.pgrst.array+json;nulls=stripped"}
    answer = http.get(f"/listings?select=weight,slug&id=eq.{TEAPOT}", headers=headers)

    assert answer.json() == [{"slug": "blue teapot"}]


def test_profile_chooses_the_schema(anon: Client) -> None:
    """A header chooses another exposed schema."""
    found = anon.schema("shop").table("items").select("*").execute()

    assert found.data == [{"id": 1, "name": "apple"}]


def test_schema_that_is_not_exposed_is_refused(anon: Client) -> None:
    """PostgREST refuses a schema that it does not expose, and its hint lists the exposed ones."""
    with pytest.raises(APIError) as caught:
        anon.schema("other").table("things").select("*").execute()

    assert caught.value.code == "PGRST106"
    assert caught.value.hint == "Only the following schemas are exposed: public, shop"
