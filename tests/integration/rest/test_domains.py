"""Columns whose type is a domain: its default, its forms in JSON and in texts, searches.

https://docs.postgrest.org/en/stable/references/api/domain_representations.html
"""

import httpx
import pytest


def test_missing_value_has_the_columns_own_default_before_the_domains(http: httpx.Client) -> None:
    """A domain over a domain has its default too; a column may take the default away."""
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
    """An update sets the columns that it names, to their defaults where the body has no value."""
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
    """Columns of other types are made into one; a computed column or a domain may be one."""
    answer = http.get(f"/{path}&select=id")

    assert answer.status_code == 200, answer.text
    assert {row["id"] for row in answer.json()} == expected


@pytest.mark.parametrize("path", ["articles?summary=", "rpc/search_articles?body="])
def test_search_in_a_text_of_no_column_is_postgres_own(http: httpx.Client, path: str) -> None:
    """The language is the query's alone, for PostgREST does not know the text's type."""
    own = http.get(f"/{path}fts.bicycles&select=id")
    other = http.get(f"/{path}fts(simple).bicycles&select=id")

    assert (own.json(), other.json()) == ([{"id": 1}], [])
