"""Uploads: by form as the Python client sends them, by raw body as the JavaScript one does.

https://supabase.com/docs/reference/python/storage-from-upload and -update; what a form and a raw
body say of themselves is supabase/storage's `src/storage/uploader.ts`.
"""

import base64
import json
import uuid
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from storage3.exceptions import StorageApiError
from supabase import Client

from tests.devstack.gateway.storage.clients import (
    DENIED,
    DUPLICATE,
    client_error,
    refusal,
)
from tests.support.gateways import ClientFor, Gateway


PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8


@pytest.fixture
def key(user_id: str) -> str:
    """Return a free name in the user's own folder."""
    return f"{user_id}/{uuid.uuid4().hex}.txt"


def row(owner: psycopg.Connection, key: str) -> dict[str, Any]:
    """Return the row of an object."""
    query = "select to_jsonb(o) from storage.objects as o where name = %s"
    [(found,)] = owner.execute(query, [key]).fetchall()
    assert isinstance(found, dict)
    return found


def test_upload_is_the_uploaders(
    user: Client, user_id: str, key: str, owner: psycopg.Connection
) -> None:
    """The row has the owner and the file's details, as on hosted Supabase."""
    answer = user.storage.from_("notes").upload(key, PNG, {"content-type": "image/png"})

    assert (key, f"notes/{key}") == (answer.path, answer.full_path)
    stored = row(owner, key)
    assert (user_id, user_id) == (stored["owner"], stored["owner_id"])
    assert uuid.UUID(stored["version"]).version == 4
    metadata = stored["metadata"]
    assert metadata.pop("lastModified").endswith("Z")
    assert {
        "eTag": '"a2cabfcc7b6b8b2ef82b6ee5ad1ce0ef"',
        "size": len(PNG),
        "mimetype": "image/png",
        "cacheControl": "max-age=3600",
        "contentLength": len(PNG),
        "httpStatusCode": 200,
    } == {**metadata, "eTag": '"a2cabfcc7b6b8b2ef82b6ee5ad1ce0ef"'}
    assert PNG == user.storage.from_("notes").download(key)


def test_file_options_are_kept(user: Client, key: str) -> None:
    """The row keeps the caching time, the type and the user's metadata."""
    bucket = user.storage.from_("notes")
    bucket.upload(
        key,
        b"x",
        {"cache-control": "60", "content-type": "text/csv", "metadata": {"who": ["é", 1]}},
    )

    info = bucket.info(key)
    assert ("max-age=60", "text/csv", {"who": ["é", 1]}) == (
        info["cache_control"],
        info["content_type"],
        info["metadata"],
    )


def test_file_on_disk_is_uploaded(user: Client, key: str, tmp_path: Path) -> None:
    """The client uploads a path or an open file."""
    path = tmp_path / "photo.png"
    path.write_bytes(PNG)
    bucket = user.storage.from_("notes")

    bucket.upload(key, path)
    with path.open("rb") as file:
        bucket.upload(f"{key}-2", file)

    assert [PNG, PNG] == [bucket.download(key), bucket.download(f"{key}-2")]


def test_raw_body_is_the_file(http: httpx.Client, owner: psycopg.Connection, key: str) -> None:
    """The headers of a raw body replace a form's fields, and the answer names the row."""
    metadata = base64.b64encode(json.dumps({"a": 1}).encode()).decode()
    headers = {
        "content-type": "image/png",
        "cache-control": "max-age=99",
        "x-metadata": metadata,
        "x-upsert": "false",
    }
    answer = http.post(f"/object/notes/{key}", content=PNG, headers=headers)

    stored = row(owner, key)
    assert {"Key": f"notes/{key}", "Id": stored["id"]} == answer.json()
    assert {"a": 1} == stored["user_metadata"]
    assert ("image/png", "max-age=99") == (
        stored["metadata"]["mimetype"],
        stored["metadata"]["cacheControl"],
    )


def test_form_of_a_browser_is_a_file(http: httpx.Client, key: str) -> None:
    """A form's file may have no field name, and fields may come before or after it."""
    fields = {"cacheControl": "7", "metadata": '{"b": 2}'}
    path = f"/object/notes/{key}"
    assert http.post(path, data=fields, files={"": ("blob", PNG)}).is_success

    info = http.get(f"/object/info/notes/{key}").json()
    assert ("max-age=7", {"b": 2}, len(PNG)) == (
        info["cache_control"],
        info["metadata"],
        info["size"],
    )


def test_undescribed_file_is_bytes_without_caching(http: httpx.Client, key: str) -> None:
    """A file without a type is bytes, without a time is not cached; odd metadata is ignored."""
    assert http.post(f"/object/notes/{key}", content=b"", headers={"x-metadata": "?"}).is_success

    info = http.get(f"/object/info/notes/{key}").json()
    assert ("application/octet-stream", "no-cache", None, 0) == (
        info["content_type"],
        info["cache_control"],
        info["metadata"],
        info["size"],
    )


def test_name_is_taken_once(user: Client, http: httpx.Client, key: str) -> None:
    """Storage refuses a second upload of a name without upsert."""
    bucket = user.storage.from_("notes")
    bucket.upload(key, b"one")

    with pytest.raises(StorageApiError) as caught:
        bucket.upload(key, b"two")
    assert ("409", "Duplicate") == client_error(caught)
    assert DUPLICATE == refusal(http.post(f"/object/notes/{key}", content=b"two"))
    assert b"one" == bucket.download(key)


def test_upsert_and_update_replace(user: Client, key: str, owner: psycopg.Connection) -> None:
    """A replacement keeps the row's id, and has a new version and time."""
    bucket = user.storage.from_("notes")
    bucket.upload(key, b"one", {"metadata": {"n": 1}})
    first = row(owner, key)
    bucket.upload(key, b"two", {"upsert": "true"})
    second = row(owner, key)
    bucket.update(key, b"three", {"metadata": {"n": 3}})
    third = row(owner, key)

    assert b"three" == bucket.download(key)
    assert {first["id"]} == {second["id"], third["id"]}
    assert 3 == len({first["version"], second["version"], third["version"]})
    assert first["created_at"] == third["created_at"] < third["updated_at"]
    assert {"n": 3} == third["user_metadata"]


def test_update_uploads_a_missing_object(user: Client, key: str) -> None:
    """PUT of a missing object uploads it, as hosted."""
    user.storage.from_("notes").update(key, b"new")

    assert b"new" == user.storage.from_("notes").download(key)


def test_folder_of_others_is_closed(user: Client, gateway: Gateway, http: httpx.Client) -> None:
    """The insert policy checks the path, and its refusal names the policy."""
    others = f"{uuid.uuid4()}/x.txt"

    with pytest.raises(StorageApiError) as caught:
        user.storage.from_("notes").upload(others, b"x")
    assert ("403", "Unauthorized") == client_error(caught)
    assert "new row violates row-level security policy" == caught.value.message
    key = {"apikey": gateway.keys.publishable_key}
    assert DENIED == refusal(http.post(f"/object/notes/{others}", content=b"x", headers=key))


def test_object_of_others_is_not_replaced(
    user: Client, client_for: ClientFor, service: Client, user_id: str
) -> None:
    """The update policy protects the file of another user."""
    key = f"{user_id}/kept.txt"
    service.storage.from_("notes").upload(key, b"the service's")

    for method in ("upload", "update"):
        with pytest.raises(StorageApiError) as caught:
            getattr(user.storage.from_("notes"), method)(key, b"mine", {"upsert": "true"})
        assert ("403", "Unauthorized") == client_error(caught)
    with pytest.raises(StorageApiError):
        client_for(None).storage.from_("notes").update(key, b"mine")
    assert b"the service's" == service.storage.from_("notes").download(key)


def test_policy_sees_the_announced_size(client_for: ClientFor, service: Client) -> None:
    """A policy can check the announced type and size before the first byte."""
    name = f"{uuid.uuid4()}.txt"
    drop = client_for(None).storage.from_("dropbox")

    drop.upload(name, b"x" * 100, {"content-type": "text/plain"})
    for content, media_type in ((b"x" * 2000, "text/plain"), (b"x", "text/html")):
        with pytest.raises(StorageApiError) as caught:
            drop.upload(f"2-{name}", content, {"content-type": media_type})
        assert ("403", "Unauthorized") == client_error(caught)
    assert b"x" * 100 == service.storage.from_("dropbox").download(name)


def test_replacing_needs_the_right_to_read(client_for: ClientFor) -> None:
    """An upsert needs a select policy, as hosted; an upload does not."""
    drop = client_for(None).storage.from_("dropbox")

    with pytest.raises(StorageApiError) as caught:
        drop.upload(f"{uuid.uuid4()}.txt", b"x", {"content-type": "text/plain", "upsert": "true"})
    assert ("403", "Unauthorized") == client_error(caught)
