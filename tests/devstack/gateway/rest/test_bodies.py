"""PostgREST reads the body of a write in every documented form, and refuses any other.

PostgREST: https://docs.postgrest.org/en/stable/references/api/tables_views.html (insert, bulk
insert, columns, missing, update, delete); pg-safeupdate as hosted Supabase loads it for its API.
"""

import json
from collections.abc import Iterator

import httpx
import psycopg
import pytest


CSV = {"Content-Type": "text/csv"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
REPRESENTED = {"Prefer": "return=representation"}


@pytest.fixture(autouse=True)
def _own_rows(owner: psycopg.Connection) -> Iterator[None]:
    yield
    owner.execute("delete from public.settings where key like 'body%'")
    owner.execute("delete from public.samples")


def test_csv_is_rows(http: httpx.Client) -> None:
    """A CSV has a line of names, then a line per row; NULL is null, and quotes protect it."""
    body = 'id,n,word,flag\r\n1,5,"a,""b""\nc",true\n2,NULL,NULL,f\n'
    answer = http.post("/samples?select=id,n,word,flag", content=body, headers=CSV | REPRESENTED)

    assert (answer.status_code, answer.json()) == (
        201,
        [
            {"id": 1, "n": 5, "word": 'a,"b"\nc', "flag": True},
            {"id": 2, "n": None, "word": None, "flag": False},
        ],
    )


def test_csv_may_name_its_columns_in_the_query(http: httpx.Client) -> None:
    """PostgREST ignores the columns of a CSV that `columns` leaves out."""
    answer = http.post(
        "/samples?columns=id,word&select=id,n,word", content="id,n,word\n1,2,x\n",
        headers=CSV | REPRESENTED,
    )  # fmt: skip

    assert answer.json() == [{"id": 1, "n": None, "word": "x"}]


def test_csv_answers_csv(http: httpx.Client) -> None:
    """A write with a CSV body may ask for a CSV answer."""
    headers = CSV | REPRESENTED | {"Accept": "text/csv"}
    answer = http.post("/samples?select=id,word", content='id,word\n1,"a,b"\n', headers=headers)

    assert (answer.status_code, answer.text) == (201, 'id,word\n1,"a,b"')
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"


def test_form_is_a_row(http: httpx.Client) -> None:
    """PostgREST reads the texts of a form as the types of their columns."""
    answer = http.post("/samples", content="id=7&word=forms+are+fun", headers=FORM | REPRESENTED)

    assert answer.json() == [
        {"id": 7, "n": None, "word": "forms are fun", "flag": None, "doc": None}
    ]


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("id,n\n1\n", "text/csv", "All lines must have same number of fields"),
        ("", "text/csv", "All lines must have same number of fields"),
        ("a=%ff", "application/x-www-form-urlencoded", "Empty or invalid form"),
        ("x", "image/png", "Content-Type not acceptable: image/png"),
        ("[1]", "application/json", "All object keys must match"),
        ('[{"id": 1}, 2]', "application/json", "All object keys must match"),
        ('[{"id": 1}, {"id": 2, "n": 1}]', "application/json", "All object keys must match"),
        ("", "application/json", "Empty or invalid json"),
        ("{id: 1}", "application/json", "Empty or invalid json"),
    ],
)
def test_body_that_is_no_row_is_refused(
    http: httpx.Client, body: str, kind: str, message: str
) -> None:
    """PGRST102 names the reason why a body is no row."""
    answer = http.post("/samples", content=body, headers={"Content-Type": kind})

    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST102")
    assert answer.json()["message"] == message


@pytest.mark.parametrize(
    ("body", "count"),
    [({}, 1), ([{}], 1), ([{}, {}], 2), ([], 0), (5, 0), ("a", 0), (None, 0)],
    ids=str,
)
def test_empty_rows_have_defaults(http: httpx.Client, body: object, count: int) -> None:
    """Each empty object inserts a row of defaults. Any other value that is no row inserts none."""
    prefer = "return=representation,tx=rollback,count=exact"
    headers = {"Prefer": prefer, "Content-Type": "application/json"}
    answer = http.post("/numbered", content=json.dumps(body), headers=headers)

    assert (answer.status_code, len(answer.json())) == (201, count)
    assert answer.headers["content-range"] == f"*/{count}"


@pytest.mark.parametrize(
    ("prefer", "query", "body", "status"),
    [
        ("resolution=merge-duplicates", "", {"key": "body", "value": 1}, 201),
        ("resolution=merge-duplicates", "", {"key": "fee", "value": 500}, 200),
        ("resolution=merge-duplicates", "", [], 200),
        ("resolution=merge-duplicates", "?on_conflict=key", [{"key": "fee", "value": 500}], 200),
        ("resolution=ignore-duplicates", "", {"key": "body", "value": 1}, 201),
        ("resolution=ignore-duplicates", "", {"key": "fee", "value": 1}, 201),
        ("resolution=ignore-duplicates", "", [], 201),
        ("", "", [], 201),
    ],
)
def test_upsert_answers_201_for_a_new_row(
    http: httpx.Client, prefer: str, query: str, body: object, status: int
) -> None:
    """An upsert answers 201 if it has made a row, and 200 if it has only merged."""
    headers = {"Prefer": f"{prefer},tx=rollback"}
    answer = http.post(f"/settings{query}", json=body, headers=headers)

    assert answer.status_code == status


def test_merging_needs_a_unique_key(http: httpx.Client) -> None:
    """Postgres refuses to merge on columns without a unique constraint."""
    answer = http.post(
        "/settings?on_conflict=note",
        json={"key": "body"},
        headers={"Prefer": "resolution=merge-duplicates"},
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "42P10")


@pytest.mark.parametrize(
    ("method", "query", "status", "message"),
    [
        ("PATCH", "", 400, "UPDATE requires a WHERE clause"),
        ("DELETE", "", 400, "DELETE requires a WHERE clause"),
        ("DELETE", "?select=id&limit=1&order=id", 400, "DELETE requires a WHERE clause"),
        ("PATCH", "?id=gte.0", 204, None),
        ("DELETE", "?or=(id.gte.0,id.lt.0)", 204, None),
    ],
)
def test_write_without_a_filter_is_refused(
    http: httpx.Client,
    owner: psycopg.Connection,
    method: str,
    query: str,
    status: int,
    message: str | None,
) -> None:
    """The database refuses an update or delete without a filter, as hosted Supabase does."""
    owner.execute("insert into public.samples (id) values (1), (2)")
    body = {"n": 1} if method == "PATCH" else None
    answer = http.request(method, f"/samples{query}", json=body)

    assert answer.status_code == status
    if message is None:
        return
    assert (answer.json()["code"], answer.json()["message"]) == ("21000", message)
    found = owner.execute("select n from public.samples").fetchall()
    assert found == [(None,), (None,)]


def test_columns_of_an_update_are_chosen(http: httpx.Client, owner: psycopg.Connection) -> None:
    """An update keeps columns that `columns` leaves out, and nulls those that it alone names."""
    owner.execute("insert into public.samples (id, n, word, flag) values (1, 1, 'a', true)")
    answer = http.patch(
        "/samples?id=eq.1&columns=n,word&select=n,word,flag",
        json={"n": 2, "flag": False},
        headers=REPRESENTED,
    )

    assert answer.json() == [{"n": 2, "word": None, "flag": True}]


def test_rows_come_in_the_requested_order(http: httpx.Client) -> None:
    """`order` sorts the rows of a representation, and each embed has an order of its own."""
    answer = http.post(
        "/samples?select=id&order=id.desc", json=[{"id": 1}, {"id": 2}], headers=REPRESENTED
    )

    assert answer.json() == [{"id": 2}, {"id": 1}]


def test_representation_is_never_cut_short(http: httpx.Client) -> None:
    """max-rows limits reads and no representation of a write."""
    body = [{"id": n} for n in range(70)]
    answer = http.post("/samples?select=id", json=body, headers=REPRESENTED)
    read = http.get("/samples?select=id")

    assert (len(answer.json()), len(read.json())) == (70, 50)


def test_undone_write_checks_deferred_constraints(
    http: httpx.Client, owner: psycopg.Connection
) -> None:
    """A write with tx=rollback checks deferred constraints before it shows its rows."""
    headers = {"Prefer": "tx=rollback"}
    refused = http.post("/later", json={"id": 1, "parent": 2}, headers=headers)
    allowed = http.post("/later", json={"id": 1, "parent": 1}, headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (409, "23503")
    assert allowed.status_code == 201
    assert owner.execute("select from public.later").fetchall() == []


def test_empty_select_reads_every_column(http: httpx.Client) -> None:
    """PostgREST reads an empty select list as `*`; a list of one empty embed yields no keys."""
    counting = {"Prefer": "count=exact"}
    whole = http.get("/categories?select=&limit=2", headers=counting)
    called = http.get("/rpc/listings_above?cents=2500&select=")
    empty = http.get("/listings?select=auctions()&limit=2", headers=counting)

    assert whole.json() == http.get("/categories?limit=2").json()
    assert whole.headers["content-range"] == "0-1/3"
    assert called.json() == http.get("/rpc/listings_above?cents=2500").json()
    assert (empty.json(), empty.headers["content-range"]) == ([{}, {}], "0-1/3")
