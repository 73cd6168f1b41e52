"""Moves, copies and removals of objects.

https://supabase.com/docs/reference/python/storage-from-move, -copy and -remove
"""

import uuid

import httpx
import psycopg
import pytest
from storage3.exceptions import StorageApiError
from supabase import Client

from tests.devstack.gateway.storage.clients import (
    DENIED,
    DUPLICATE,
    INVALID_KEY,
    NOT_FOUND,
    client_error,
    refusal,
)
from tests.support.gateways import ClientFor


@pytest.fixture
def key(user: Client, user_id: str) -> str:
    """Upload a note of the user; return its name."""
    key = f"{user_id}/{uuid.uuid4()}.txt"
    options = {"content-type": "text/plain", "metadata": {"n": 1}}
    user.storage.from_("notes").upload(key, b"contents", options)  # type: ignore[arg-type] # a literal of just this form
    return key


def test_object_is_moved(user: Client, key: str, owner: psycopg.Connection) -> None:
    """A move keeps the object and changes its name."""
    bucket = user.storage.from_("notes")
    answer = bucket.move(key, f"{key}.moved")

    assert ("Successfully moved", f"{key}.moved") == (answer["message"], answer["Key"])
    assert b"contents" == bucket.download(f"{key}.moved")
    assert {"n": 1} == bucket.info(f"{key}.moved")["metadata"]
    assert not bucket.exists(key)
    query = "select id::text from storage.objects where name = %s"
    assert [(answer["Id"],)] == owner.execute(query, [f"{key}.moved"]).fetchall()


def test_object_is_copied(user: Client, user_id: str, key: str) -> None:
    """A copy has the same contents, and each object is removed separately."""
    bucket = user.storage.from_("notes")
    answer = bucket.copy(key, f"{key}.copy")

    assert (f"notes/{key}.copy", user_id) == (answer["Key"], answer["owner"])
    assert answer["Id"] != bucket.info(key)["id"]
    assert bucket.info(key)["version"] != bucket.info(f"{key}.copy")["version"]
    bucket.remove([key])
    assert b"contents" == bucket.download(f"{key}.copy")
    info = bucket.info(f"{key}.copy")
    assert ("text/plain", {"n": 1}) == (info["content_type"], info["metadata"])


def test_copy_may_have_its_own_metadata(http: httpx.Client, key: str) -> None:
    """A copy may have its own type, time and user metadata."""
    body = {
        "bucketId": "notes",
        "sourceKey": key,
        "destinationKey": f"{key}.copy",
        "copyMetadata": False,
        "metadata": {"mimetype": "text/csv"},
    }
    http.post("/object/copy", json=body, headers={"x-metadata": "eyJhIjoxfQ=="}).raise_for_status()

    info = http.get(f"/object/info/notes/{key}.copy").json()
    assert ("text/csv", "max-age=3600", {"a": 1}) == (
        info["content_type"],
        info["cache_control"],
        info["metadata"],
    )


@pytest.mark.parametrize("verb", ["move", "copy"])
def test_object_goes_to_another_bucket(http: httpx.Client, key: str, verb: str) -> None:
    """A move or copy may name another bucket, as the JavaScript client does."""
    body = {
        "bucketId": "notes",
        "sourceKey": key,
        "destinationBucket": "tiny",
        "destinationKey": f"{key}.{verb}",
    }
    http.post(f"/object/{verb}", json=body).raise_for_status()

    assert b"contents" == http.get(f"/object/public/tiny/{key}.{verb}").content
    assert (verb == "copy") == http.head(f"/object/notes/{key}").is_success


@pytest.mark.parametrize("verb", ["move", "copy"])
def test_taken_or_missing_names_are_refused(user: Client, key: str, verb: str) -> None:
    """Storage refuses a taken target and a missing source, and changes nothing."""
    bucket = user.storage.from_("notes")
    bucket.upload(f"{key}.taken", b"other")

    with pytest.raises(StorageApiError) as caught:
        getattr(bucket, verb)(key, f"{key}.taken")
    assert ("409", "Duplicate") == client_error(caught)
    with pytest.raises(StorageApiError) as caught:
        getattr(bucket, verb)(f"{key}.none", f"{key}.new")
    assert ("404", "not_found") == client_error(caught)
    assert (b"contents", b"other") == (bucket.download(key), bucket.download(f"{key}.taken"))


def test_copy_replaces_when_it_may(http: httpx.Client, user: Client, key: str) -> None:
    """A copy replaces its target if it has upsert."""
    user.storage.from_("notes").upload(f"{key}.old", b"old")
    body = {"bucketId": "notes", "sourceKey": key, "destinationKey": f"{key}.old"}

    assert DUPLICATE == refusal(http.post("/object/copy", json=body))
    assert http.post("/object/copy", json=body, headers={"x-upsert": "true"}).is_success
    assert b"contents" == user.storage.from_("notes").download(f"{key}.old")


@pytest.mark.parametrize("verb", ["move", "copy"])
def test_others_folder_takes_nothing(user: Client, key: str, verb: str) -> None:
    """The insert policy on the new name decides."""
    with pytest.raises(StorageApiError) as caught:
        getattr(user.storage.from_("notes"), verb)(key, f"{uuid.uuid4()}/x.txt")
    assert ("403", "Unauthorized") == client_error(caught)
    assert b"contents" == user.storage.from_("notes").download(key)


@pytest.mark.parametrize("verb", ["move", "copy"])
def test_target_is_checked(http: httpx.Client, key: str, verb: str) -> None:
    """Storage checks the new name and the new bucket."""
    body: dict[str, str] = {"bucketId": "notes", "sourceKey": key, "destinationKey": "a/../b"}
    assert INVALID_KEY == refusal(http.post(f"/object/{verb}", json=body))

    body |= {"destinationKey": "x", "destinationBucket": "nowhere"}
    assert "404" == refusal(http.post(f"/object/{verb}", json=body))[0]
    missing = http.post(f"/object/{verb}", json={"bucketId": "notes", "sourceKey": key})
    assert "body must have required property 'destinationKey'" == missing.json()["message"]


def test_removed_objects_are_answered(user: Client, user_id: str, key: str) -> None:
    """The answer lists the removed objects, without missing ones and those of other users."""
    bucket = user.storage.from_("notes")
    removed = bucket.remove([key, f"{user_id}/none", "' or 1=1 --"])

    assert [(key, "notes", user_id)] == [(r["name"], r["bucket_id"], r["owner"]) for r in removed]
    assert not bucket.exists(key)


def test_others_remove_nothing(client_for: ClientFor, user: Client, key: str) -> None:
    """A bulk removal of another user's object lists nothing; a single one is refused."""
    other = client_for(str(uuid.uuid4()))

    assert [] == other.storage.from_("notes").remove([key])
    assert [] == client_for(None).storage.from_("notes").remove([key])
    assert user.storage.from_("notes").exists(key)


def test_single_removal_says_what_is_wrong(
    http: httpx.Client, client_for: ClientFor, key: str
) -> None:
    """A single removal tells the service that an object is missing, and denies a user."""
    token = client_for(str(uuid.uuid4())).options.headers["Authorization"]
    denied = http.delete(f"/object/notes/{key}", headers={"Authorization": token})

    assert DENIED == refusal(denied)
    assert {"message": "Successfully deleted"} == http.delete(f"/object/notes/{key}").json()
    assert NOT_FOUND == refusal(http.delete(f"/object/notes/{key}"))


def test_removal_needs_a_name(http: httpx.Client) -> None:
    """Storage refuses an empty or missing list of removals."""
    bodies: list[dict[str, list[str]]] = [{"prefixes": []}, {}]
    for body in bodies:
        answer = http.request("DELETE", "/object/notes", json=body)
        assert ("400", "Error", "InvalidRequest") == refusal(answer)


def test_rows_are_deleted_by_storage_alone(
    owner: psycopg.Connection, user: Client, key: str
) -> None:
    """SQL may not delete an object's row, for any role, as hosted."""
    for table in ("objects", "buckets"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="Use the Storage API"):
            owner.execute(f"delete from storage.{table}")  # noqa: S608 -- one of two names

    assert user.storage.from_("notes").exists(key)
