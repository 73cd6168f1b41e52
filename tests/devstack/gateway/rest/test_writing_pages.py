"""The examples of the writing pages of the Python client's documentation, on the sample market.

https://supabase.com/docs/reference/python/insert and its neighbours: update, upsert, delete.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from postgrest import ReturnMethod
from supabase import Client

from tests.devstack.gateway.rest.rows import rows
from tests.devstack.market import ALICE


@pytest.fixture
def _own_settings(owner: psycopg.Connection) -> Iterator[None]:
    """Restore the settings after the test."""
    yield
    owner.execute("delete from public.settings where key like 'doc%'")


@pytest.mark.usefixtures("_own_settings")
@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        pytest.param(
            lambda c: c.insert({"key": "doc", "value": 1}),
            [{"key": "doc", "value": 1, "note": "none"}],
            id="create a record",
        ),
        pytest.param(
            lambda c: c.insert({"key": "doc"}, returning=ReturnMethod.minimal),
            [],
            id="create a record without its return",
        ),
        pytest.param(
            lambda c: c.insert({"key": "doc", "value": 1}).select("key"),
            [{"key": "doc"}],
            id="create a record and return a part",
        ),
        pytest.param(
            lambda c: c.insert([{"key": "doc1"}, {"key": "doc2", "note": "x"}]).select("key, note"),
            [{"key": "doc1", "note": None}, {"key": "doc2", "note": "x"}],
            id="bulk create",
        ),
        pytest.param(
            lambda c: c.insert(
                [{"key": "doc1"}, {"key": "doc2", "note": "x"}], default_to_null=False
            ).select("key, note"),
            [{"key": "doc1", "note": "none"}, {"key": "doc2", "note": "x"}],
            id="bulk create with defaults",
        ),
        pytest.param(
            lambda c: c.insert({"key": "doc_old", "value": 2}, upsert=True),
            [{"key": "doc_old", "value": 2, "note": "none"}],
            id="insert as an upsert",
        ),
        pytest.param(
            lambda c: c.upsert({"key": "doc_old", "value": {"deep": [True]}}),
            [{"key": "doc_old", "value": {"deep": [True]}, "note": "none"}],
            id="upsert",
        ),
        pytest.param(
            lambda c: c.upsert(
                [{"key": "doc_old", "value": 2}, {"key": "doc_new", "value": 3}],
                on_conflict="key",
            ).select("key, value"),
            [{"key": "doc_old", "value": 2}, {"key": "doc_new", "value": 3}],
            id="bulk upsert into a table with constraints",
        ),
        pytest.param(
            lambda c: c.upsert({"key": "doc_old", "value": 9}, ignore_duplicates=True),
            [],
            id="upsert that ignores what is there",
        ),
        pytest.param(
            lambda c: c.update({"note": "piano"}).eq("key", "doc_old"),
            [{"key": "doc_old", "value": 1, "note": "piano"}],
            id="updating your data",
        ),
        pytest.param(
            lambda c: c.update({"value": {"a": {"b": 1}}}).eq("value->>none", "x"),
            [],
            id="updating nothing",
        ),
        pytest.param(
            lambda c: c.delete().eq("key", "doc_old"),
            [{"key": "doc_old", "value": 1, "note": "none"}],
            id="delete a single record",
        ),
        pytest.param(
            lambda c: c.delete().in_("key", ["doc_old", "doc_older"]).select("key"),
            [{"key": "doc_old"}],
            id="delete multiple records",
        ),
    ],
)
def test_write_works_as_shown(
    service: Client, owner: psycopg.Connection, ask: Callable[[Any], Any], expected: Any
) -> None:
    """Each example of the writing pages has its effect, beside an existing row."""
    owner.execute("insert into public.settings (key, value) values ('doc_old', '1')")

    assert ask(service.table("settings")).execute().data == expected


@pytest.mark.usefixtures("_own_settings")
def test_values_of_python_are_written(service: Client) -> None:
    """Postgres reads the client's encoded times, UUIDs, bytes and lists as the column's type."""
    row = {
        "seller_id": UUID(ALICE),
        "title": "Made of Python",
        "tags": ["a", "b,c", 'd"e'],
        "start_cents": 100,
        "created_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    }
    written = service.table("listings").insert(row).select("tags, created_at, id").execute()
    [made] = rows(written)
    gone = service.table("listings").delete().eq("id", made["id"]).execute()

    assert made["tags"] == ["a", "b,c", 'd"e']
    assert made["created_at"] == "2026-01-02T03:04:05+00:00"
    assert len(rows(gone)) == 1
