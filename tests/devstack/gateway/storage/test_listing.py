"""Listings of folders: hosted Supabase's function `storage.search`, by its first endpoint.

https://supabase.com/docs/reference/python/storage-from-list
"""

import uuid
from typing import Any

import httpx
import pytest
from supabase import Client

from tests.devstack.gateway.storage.clients import refusal
from tests.support.gateways import Gateway


NAMES = (
    "b.txt",
    "A.txt",
    "c/1.txt",
    "c/2/3.txt",
    "C/4.txt",
    "a/1.txt",
    "10_.txt",
    "100.txt",
    "d.txt",
)


@pytest.fixture(scope="module")
def folder(gateway: Gateway, transport: httpx.Client) -> str:
    """Fill a new folder, one object after the other."""
    service = gateway.client(transport, key=gateway.keys.secret_key)
    folder = str(uuid.uuid4())
    for name in NAMES:
        service.storage.from_("notes").upload(f"{folder}/{name}", name.encode())
    return folder


def names(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["name"] for entry in entries]


def test_folder_and_files_are_sorted_together(service: Client, folder: str) -> None:
    """Folders and files sort together without case; folders that differ in case are one."""
    listed = service.storage.from_("notes").list(folder)

    assert ["100.txt", "10_.txt", "A.txt", "a", "b.txt", "C", "d.txt"] == names(listed)
    assert {"a": None, "C": None} == {e["name"]: e["metadata"] for e in listed if e["id"] is None}
    [photo] = [entry for entry in listed if entry["name"] == "b.txt"]
    assert {"name", "id", "updated_at", "created_at", "last_accessed_at", "metadata"} == set(photo)
    assert ("text/plain;charset=UTF-8", 5) == (
        photo["metadata"]["mimetype"],
        photo["metadata"]["size"],
    )


def test_order_is_turned_around(service: Client, folder: str) -> None:
    """Descending order by name is the reverse."""
    options = {"sortBy": {"column": "name", "order": "desc"}}
    listed = service.storage.from_("notes").list(folder, options)  # type: ignore[arg-type] # a literal of just this form

    assert ["d.txt", "C", "b.txt", "a", "A.txt", "10_.txt", "100.txt"] == names(listed)


@pytest.mark.parametrize("column", ["created_at", "updated_at", "last_accessed_at"])
def test_folders_come_first_by_time(service: Client, folder: str, column: str) -> None:
    """Folders have no time, so they come first in an order by time."""
    options = {"sortBy": {"column": column, "order": "desc"}}
    listed = service.storage.from_("notes").list(folder, options)  # type: ignore[arg-type] # a literal of just this form

    assert ["C", "a", "d.txt", "100.txt", "10_.txt", "A.txt", "b.txt"] == names(listed)


def test_page_is_cut_out(service: Client, folder: str) -> None:
    """Limit and offset count folders too."""
    bucket = service.storage.from_("notes")

    assert ["A.txt", "a"] == names(bucket.list(folder, {"limit": 2, "offset": 2}))
    assert [] == names(bucket.list(folder, {"offset": 7}))


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("a", ["A.txt", "a"]),
        ("C", ["C"]),
        ("c/", ["c/1.txt", "c/2", "C/4.txt"]),
        ("10_", ["10_.txt"]),
        ("%", []),
        ("txt", []),
        ("' or 1=1 --", []),
    ],
)
def test_search_matches_beginnings(
    service: Client, folder: str, search: str, expected: list[str]
) -> None:
    """A search matches the beginnings of names, in any case, without wildcards."""
    assert expected == names(service.storage.from_("notes").list(folder, {"search": search}))


def test_deeper_folder_is_listed_by_its_path(service: Client, folder: str) -> None:
    """A folder's path may end with a slash; names are without the path."""
    bucket = service.storage.from_("notes")

    assert ["1.txt", "2", "4.txt"] == names(bucket.list(f"{folder}/c"))
    assert ["3.txt"] == names(bucket.list(f"{folder}/c/2/"))
    assert [] == names(bucket.list(f"{folder}/b.txt"))


def test_unknown_bucket_is_empty(service: Client) -> None:
    """An unknown bucket lists as empty, as hosted, so nobody learns the buckets' names."""
    assert [] == service.storage.from_("nowhere").list()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"prefix": 5},
        {"prefix": "", "limit": 0},
        {"prefix": "", "offset": -1},
        {"prefix": "", "sortBy": {"column": "owner"}},
        {"prefix": "", "sortBy": {"column": "name", "order": "up"}},
        [],
    ],
    ids=str,
)
def test_odd_listing_is_refused(http: httpx.Client, body: object) -> None:
    """Storage checks the body as Fastify does on hosted Supabase."""
    answer = http.post("/object/list/notes", json=body)

    assert ("400", "Error", "InvalidRequest") == refusal(answer)
    assert answer.json()["message"].startswith("body")


def test_number_may_come_as_digits(http: httpx.Client, folder: str) -> None:
    """Fastify converts digits in a text to a number."""
    answer = http.post("/object/list/notes", json={"prefix": folder, "limit": "1", "offset": "0"})

    assert 1 == len(answer.json())
