"""Columns whose type is a domain: their defaults, their forms in JSON and in texts, searches.

https://docs.postgrest.org/en/stable/references/api/domain_representations.html
"""

import httpx
import pytest
from supabase import Client


def test_missing_value_has_the_columns_own_default_before_the_domains(http: httpx.Client) -> None:
    """A column's own default, even null, wins over its domain's, which may be inherited."""
    answer = http.post(
        "/graded?columns=id,own,inherited,distant,none",
        json=[{"id": 1}, {"id": 2, "own": 5, "inherited": 6, "distant": 7, "none": 8}],
        headers={"Prefer": "missing=default,return=representation,tx=rollback"},
    )

    assert (answer.status_code, answer.json()) == (
        201,
        [
            {"id": 1, "own": 10, "inherited": 1, "distant": 1, "none": None, "twice": 2},
            {"id": 2, "own": 5, "inherited": 6, "distant": 7, "none": 8, "twice": 4},
        ],
    )


def test_missing_value_of_an_update_has_the_default(http: httpx.Client) -> None:
    """An update sets each column that it names, to the default if the body has no value."""
    prefer = "missing=default,return=representation,tx=rollback"
    answer = http.patch(
        "/graded?id=eq.7&columns=own,inherited", json={}, headers={"Prefer": prefer}
    )

    assert (answer.status_code, answer.json()) == (
        200,
        [{"id": 7, "own": 10, "inherited": 1, "distant": 9, "none": 9, "twice": 14}],
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("articles?words=fts.bicycle", {1}),
        ("articles?words=not.plfts(english).bicycle", {2}),
        ("articles?simple_words=fts(simple).bicycles", {1}),
        ("articles?word_list=wfts(english).bicycle", {1}),
        ("articles?or=(word_list.phfts.teapot,id.eq.1)", {1, 2}),
        ("headlines?words=fts.bicycle", {1}),
        ("headlines?simple_words=fts.bicycle", set()),
        ("rpc/search_articles?words=fts.bicycle", {1}),
        ("articles?essay=fts(english).bicycle", {1}),
        ("articles?body=fts(english).bicycle", {1}),
        ("articles?doc=fts(english).bicycle", {1}),
        ("articles?doc->>body=fts(english).bicycle", {1}),
    ],
)
def test_search_takes_a_tsvector_as_it_is(
    http: httpx.Client, path: str, expected: set[int]
) -> None:
    """A search converts other types, and takes a tsvector column or domain as it is."""
    answer = http.get(f"/{path}&select=id")

    assert answer.status_code == 200, answer.text
    assert {row["id"] for row in answer.json()} == expected


@pytest.mark.parametrize("path", ["articles?summary=", "rpc/search_articles?body="])
def test_search_in_a_text_of_no_column_is_postgres_own(http: httpx.Client, path: str) -> None:
    """A search in the column of a function's result uses only the query's language."""
    own = http.get(f"/{path}fts.bicycles&select=id")
    other = http.get(f"/{path}fts(simple).bicycles&select=id")

    assert (own.json(), other.json()) == ([{"id": 1}], [])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "goods?id=eq.1",
            [
                {
                    "id": 1,
                    "price": "$12.50",
                    "old_price": "$15.00",
                    "fair": 100,
                    "shy": "shy",
                    "closed": "closed",
                    "mark": {"mark": "A"},
                }
            ],
        ),
        ("goods?id=eq.2&select=price,old_price", [{"price": "$9.00", "old_price": None}]),
        ("goods?id=eq.1&select=cost:price", [{"cost": "$12.50"}]),
        ("goods?id=eq.1&select=price::text", [{"price": '"$12.50"'}]),
        ("goods?id=eq.1&select=half_price", [{"half_price": 625}]),
        ("cheap_goods", [{"id": 2, "price": "$9.00"}]),
        ("goods?select=id,labels(*)&id=eq.1",
         [{"id": 1, "labels": [{"price": "$1.00", "good_id": 1, "word": "low"}]}]),
        ("labels?select=word,goods(price)&word=eq.low",
         [{"word": "low", "goods": {"price": "$12.50"}}]),
        ("labels?select=word,...goods(cost:price)&word=eq.low",
         [{"word": "low", "cost": "$12.50"}]),
        ("labels?select=word,...goods(*)&word=eq.high",
         [{"word": "high", "id": 2, "price": "$9.00", "old_price": None, "fair": 100, "shy": "shy",
           "closed": "closed", "mark": {"mark": "A"}}]),
        ("goods?select=id,...labels(price)&id=eq.1", [{"id": 1, "price": ["$1.00"]}]),
        ("rpc/goods_above?cents=5000&select=id,price", [{"id": 3, "price": "$100.00"}]),
        ("rpc/goods_above?cents=5000",
         [{"id": 3, "price": "$100.00", "old_price": "$200.00", "fair": 100, "shy": "shy",
           "closed": "closed", "mark": {"mark": "A"}}]),
        ("rpc/first_price", 1250),
        # The database sorts the rows by their values and not by their texts.
        ("goods?select=price&order=price.desc",
         [{"price": "$100.00"}, {"price": "$12.50"}, {"price": "$9.00"}]),
    ],
)  # fmt: skip
def test_domain_has_its_form_in_json(http: httpx.Client, path: str, expected: object) -> None:
    """The implicit cast from the column's own type to json writes it, if the server may call it."""
    answer = http.get(f"/{path}")

    assert answer.status_code == 200, answer.text
    assert answer.json() == expected


def test_column_has_its_form_beside_a_star(http: httpx.Client) -> None:
    """A column that a request names twice has its form twice."""
    [row] = http.get("/goods?id=eq.1&select=id,*,more:price").json()

    assert row["price"] == row["more"] == "$12.50"


def test_domain_has_its_form_in_csv(http: httpx.Client) -> None:
    """PostgREST writes plain values into a CSV."""
    answer = http.get("/cheap_goods", headers={"Accept": "text/csv"})

    assert answer.text == 'id,price\n2,"""$9.00"""'


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("price=eq.$12.50", {1}),
        ("price=neq.$12.50", {2, 3}),
        ("price=gte.$12.50", {1, 3}),
        ("price=not.lt.$12.50", {1, 3}),
        ("price=in.($9.00,$100.00)", {2, 3}),
        ("price=not.in.($9.00)", {1, 3}),
        ("price=in.()", set()),
        ("or=(price.eq.$9.00,and(price.gt.$20,id.gt.0))", {2, 3}),
        ("old_price=is.null", {2}),
        ("old_price=isdistinct.1500", {2, 3}),
        ("fair=eq.100", {1, 2, 3}),
        ("mark=eq.a", {1, 2, 3}),
        ("mark=like.*", {1, 2, 3}),
        ("half_price=eq.625", {1}),
        ("select=id,labels!inner()&labels.price=lte.$1", {1}),
    ],
)
def test_filter_reads_a_domain_from_its_text(
    http: httpx.Client, query: str, expected: set[int]
) -> None:
    """The implicit cast from text reads a filter's value, except of patterns and `isdistinct`."""
    answer = http.get(f"/goods?{query}", headers={"Prefer": "count=exact"})

    assert answer.status_code == 200, answer.text
    assert {row["id"] for row in answer.json()} == expected
    assert answer.headers["content-range"].rpartition("/")[2] == str(len(expected))


@pytest.mark.parametrize("query", ["price=like.$1*", "price=isdistinct.$1", "price=eq(any).{$1}"])
def test_filter_that_reads_no_domain_is_an_error(http: httpx.Client, query: str) -> None:
    """Postgres refuses a filter whose value it cannot compare."""
    answer = http.get(f"/goods?{query}")

    assert 400 <= answer.status_code < 500
    assert answer.json()["code"] in {"22P02", "42883", "42809"}


WRITTEN = {"Prefer": "return=representation,tx=rollback"}


@pytest.mark.parametrize("is_list", [False, True])
def test_insert_reads_a_domain_from_its_json(http: httpx.Client, *, is_list: bool) -> None:
    """An insert reads a value by the implicit cast from json, and answers with the form in JSON."""
    row = {"id": 9, "price": "$3.20", "fair": 7}
    answer = http.post(
        "/goods?select=id,price,old_price,fair", json=[row] if is_list else row, headers=WRITTEN
    )

    assert (answer.status_code, answer.json()) == (
        201, [{"id": 9, "price": "$3.20", "old_price": None, "fair": 7}]
    )  # fmt: skip


def test_insert_with_defaults_reads_a_domain_from_its_json(http: httpx.Client) -> None:
    """The columns that the insert leaves out have their defaults."""
    answer = http.post(
        "/goods?columns=id,price,fair,mark&select=id,price,fair,mark",
        json=[{"id": 9, "price": "$3.20"}, {"id": 10, "price": "$1", "fair": 5}],
        headers={"Prefer": "missing=default,return=representation,tx=rollback"},
    )

    assert (answer.status_code, answer.json()) == (
        201,
        [
            {"id": 9, "price": "$3.20", "fair": 100, "mark": {"mark": "A"}},
            {"id": 10, "price": "$1.00", "fair": 5, "mark": {"mark": "A"}},
        ],
    )


def test_update_and_delete_read_a_domain(http: httpx.Client) -> None:
    """A filter reads the form in texts, a body the form in JSON, and `*` shows the form in JSON."""
    changed = http.patch(
        "/goods?price=eq.$12.50&select=id,price", json={"price": "$13"}, headers=WRITTEN
    )
    removed = http.delete("/labels?price=in.($1,$25)", headers=WRITTEN)

    assert changed.json() == [{"id": 1, "price": "$13.00"}]
    assert [row["price"] for row in removed.json()] == ["$1.00", "$25.00"]


def test_upsert_and_put_by_a_domain(http: httpx.Client) -> None:
    """A key may be a domain: the URL has its form in texts, the body its form in JSON."""
    merged = http.post(
        "/labels",
        json=[{"price": "$1", "word": "lowest"}],
        headers={"Prefer": "resolution=merge-duplicates,return=representation,tx=rollback"},
    )
    put = http.put(
        "/labels?price=eq.$1.00", json={"price": "$1", "word": "lowest"}, headers=WRITTEN
    )
    other = http.put("/labels?price=eq.$2.00", json={"price": "$1"}, headers=WRITTEN)

    expected = [{"price": "$1.00", "good_id": 1, "word": "lowest"}]
    assert (merged.status_code, merged.json()) == (200, expected)
    assert (put.status_code, put.json()) == (200, expected)
    assert (other.status_code, other.json()["code"]) == (400, "PGRST115")


def test_call_reads_its_arguments_as_postgres_does(http: httpx.Client) -> None:
    """PostgREST gives arguments of functions no forms, so Postgres reads them itself."""
    assert http.post("/rpc/halved", json={"cost": 100}).json() == 50
    assert http.post("/rpc/halved", json={"cost": "$1"}).json()["code"] == "22P02"


def test_client_reads_and_writes_a_domain(service: Client) -> None:
    """The official client reads and writes the forms alone."""
    found = service.table("goods").select("id,price").eq("price", "$12.50").single().execute()

    assert found.data == {"id": 1, "price": "$12.50"}
