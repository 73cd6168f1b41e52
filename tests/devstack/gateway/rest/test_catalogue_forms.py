"""Rarer relations: partitions, and views that show a column twice."""

from typing import Any

import httpx
import pytest
from supabase import Client

from tests.devstack.market import BICYCLE
from tests.support.gateways import Gateway


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"])
def test_partition_is_hidden(http: httpx.Client, method: str) -> None:
    """PostgREST hides a partition, which would bypass the policies of its parent."""
    answer = http.request(method, "/events_2026?id=eq.1", json={"note": "open"})

    assert (answer.status_code, answer.headers["proxy-status"]) == (
        404,
        "PostgREST; error=PGRST205",
    )


def test_partitioned_table_is_read_by_its_policies(http: httpx.Client) -> None:
    """A read of a partitioned table obeys its policies, and embeds follow its foreign keys."""
    answer = http.get("/events?select=id,note,categories(name)")

    assert answer.json() == [{"id": 2, "note": "open", "categories": {"name": "Bikes"}}]


def test_partition_is_not_embedded(http: httpx.Client) -> None:
    """PostgREST embeds the parent and no partition, although each partition has its own key."""
    whole = http.get("/categories?select=events(id)&id=eq.2")
    part = http.get("/categories?select=events_2026(id)")

    assert whole.json() == [{"events": [{"id": 2}]}]
    assert (part.status_code, part.json()["code"]) == (400, "PGRST200")


@pytest.mark.parametrize("hint", ["seller", "vendor"])
def test_view_has_a_relationship_for_each_name(service: Client, hint: str) -> None:
    """A view that shows a foreign key's column twice has a relationship by either name."""
    query = service.table("offers").select(f"users!{hint}(display_name)").eq("id", BICYCLE)

    assert query.execute().data == [{"users": {"display_name": "alice"}}]


def test_view_with_a_column_twice_is_ambiguous(http: httpx.Client, gateway: Gateway) -> None:
    """An embed of a view that shows the key's column twice is ambiguous without a hint."""
    key = {"apikey": gateway.keys.secret_key}
    answer = http.get("/offers?select=users(display_name)", headers=key)
    ways: list[dict[str, Any]] = answer.json()["details"]

    assert (answer.status_code, answer.json()["code"]) == (300, "PGRST201")
    assert [way["relationship"] for way in ways] == [
        f"listings_seller_id_fkey using offers({name}) and users(id)"
        for name in ("seller", "vendor")
    ]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        # Both keys are the view's, so the URL names the one row; but Postgres writes no row of a
        # join.
        (f"auction=eq.{BICYCLE}&listing=eq.{BICYCLE}", 500, "55000"),
        (f"auction=eq.{BICYCLE}", 405, "PGRST105"),
    ],
)
def test_view_has_the_keys_of_all_its_tables(
    http: httpx.Client, query: str, status: int, code: str
) -> None:
    """The key of a view over a join is the keys of all joined tables."""
    row = {"auction": BICYCLE, "listing": BICYCLE}
    answer = http.put(f"/sales?{query}", json=row)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_view_is_followed_through_a_cte(http: httpx.Client) -> None:
    """PostgREST finds the origin of a view's column through a CTE, beside any odd column."""
    select = "label,auctions(status),public_profiles(display_name)"
    answer = http.get(f"/labelled?select={select}&label_id=eq.{BICYCLE}")

    assert answer.json() == [
        {
            "label": "RED BICYCLE",
            "auctions": [{"status": "live"}],
            "public_profiles": {"display_name": "alice"},
        }
    ]


def test_view_is_not_followed_through_a_hidden_view(http: httpx.Client) -> None:
    """PostgREST follows a view only through views of schemas that it serves or searches."""
    answer = http.get("/shown_offers?select=public_profiles(display_name)")

    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST200")
