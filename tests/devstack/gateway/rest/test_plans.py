"""The clients' `explain` returns a plan instead of a result.

PostgREST, with db-plan-enabled: https://docs.postgrest.org/en/stable/references/observability.html
"""

from typing import Any

import httpx
import psycopg
import pytest
from supabase import Client


PLAN = "application/vnd.pgrst.plan"


def test_plan_is_text_by_default(anon: Client) -> None:
    """A plan is a text by default, in the lines of EXPLAIN."""
    text = anon.table("categories").select("id").eq("id", 1).explain().execute()

    assert text.splitlines()[0].startswith("Aggregate")
    assert "categories" in text


def test_plan_has_options(anon: Client) -> None:
    """PostgREST passes each option of EXPLAIN on that the clients have."""
    query = anon.table("categories").select("id")
    explained: Any = query.explain(
        analyze=True, verbose=True, settings=True, buffers=True, wal=True, format="json"
    ).execute()
    [plan] = explained.data

    assert plan["Plan"]["Actual Rows"] == 1
    assert {"Output", "WAL Records", "Shared Hit Blocks"} <= plan["Plan"].keys()
    assert "search_path" in plan["Settings"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/listings?select=id,auctions(id)&start_cents=gt.1", None),
        ("GET", "/rpc/listings_above?cents=1&select=title", None),
        ("POST", "/rpc/add", {"a": 1}),
        ("POST", "/settings", {"key": "planned"}),
        ("PUT", "/settings?key=eq.planned", {"key": "planned"}),
        ("PATCH", "/settings?key=eq.fee", {"note": "planned"}),
        ("DELETE", "/settings?key=eq.fee", None),
    ],
)
def test_everything_has_a_plan(
    http: httpx.Client, owner: psycopg.Connection, method: str, path: str, body: object
) -> None:
    """A plan without execution changes nothing, and names its statement."""
    query = "select * from public.settings order by key"
    before = owner.execute(query).fetchall()
    headers = {"Accept": f'{PLAN}+json; for="application/vnd.pgrst.object+json"'}
    answer = http.request(method, path, json=body, headers=headers)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == (
        f'{PLAN}+json; for="application/vnd.pgrst.object+json"; charset=utf-8'
    )
    assert answer.json()[0]["Plan"]["Total Cost"] > 0
    assert owner.execute(query).fetchall() == before


def test_option_that_is_impossible_is_named(http: httpx.Client) -> None:
    """Postgres refuses the option WAL for a plan without execution."""
    answer = http.get("/categories", headers={"Accept": f"{PLAN}+text; options=wal"})

    assert (answer.status_code, answer.json()["code"]) == (400, "22023")
