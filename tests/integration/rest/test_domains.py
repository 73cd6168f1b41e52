"""Columns whose type is a domain: its default, its forms in JSON and in texts, searches.

https://docs.postgrest.org/en/stable/references/api/domain_representations.html
"""

import httpx


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
