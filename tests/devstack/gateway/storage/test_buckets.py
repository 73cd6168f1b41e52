"""Buckets, as https://supabase.com/docs/reference/python/storage-createbucket and after show them.

Error bodies are those of supabase/storage, `src/internal/errors/codes.ts`.
"""

import uuid

import httpx
import psycopg
import pytest
from storage3.exceptions import StorageApiError
from supabase import Client

from devstack.emulation.tokens import ProjectKeys
from tests.devstack.gateway.storage.clients import (
    DENIED,
    NO_BUCKET,
    TOO_LARGE,
    WRONG_TYPE,
    client_error,
    refusal,
)
from tests.support.gateways import ClientFor, Gateway


@pytest.fixture
def name() -> str:
    """Return a name that no bucket has."""
    return f"bucket-{uuid.uuid4().hex[:12]}"


def test_bucket_is_created_and_shown(service: Client, name: str) -> None:
    """Storage shows a bucket as it was created; a bucket of the service has no owner."""
    options = {"public": True, "file_size_limit": 1000, "allowed_mime_types": ["image/*"]}
    created = service.storage.create_bucket(name, options=options)  # type: ignore[arg-type] # a literal of just this form

    shown = service.storage.get_bucket(name)
    assert {"name": name} == created
    assert (name, name, "", True) == (shown.id, shown.name, shown.owner, shown.public)
    assert (1000, ["image/*"]) == (shown.file_size_limit, shown.allowed_mime_types)


def test_bucket_is_private_and_unlimited_by_default(service: Client, name: str) -> None:
    """A bucket is private and unlimited by default."""
    service.storage.create_bucket(name)

    shown = service.storage.get_bucket(name)
    assert (False, None, None) == (shown.public, shown.file_size_limit, shown.allowed_mime_types)


@pytest.mark.parametrize(
    ("size", "expected"), [("2MB", 2_000_000), ("1.5kb", 1500), ("30", 30), (0, 0), (None, None)]
)
def test_size_may_have_a_unit(
    http: httpx.Client, service: Client, name: str, size: object, expected: int | None
) -> None:
    """The JavaScript client sends the size as given; the units are decimal."""
    body = {"id": name, "name": name, "public": False, "file_size_limit": size}
    assert http.post("/bucket", json=body).is_success

    assert expected == service.storage.get_bucket(name).file_size_limit


def test_buckets_are_listed(http: httpx.Client, service: Client, name: str) -> None:
    """The query sets order, offset and limit; only the list tells the bucket's type."""
    for suffix in ("c", "a", "b"):
        service.storage.create_bucket(f"{name}-{suffix}")

    query = {"search": name.upper(), "sortColumn": "name", "sortOrder": "desc"}
    listed = http.get("/bucket", params={**query, "limit": 2, "offset": 1}).json()
    assert [f"{name}-b", f"{name}-a"] == [bucket["id"] for bucket in listed]
    assert {"STANDARD"} == {bucket["type"] for bucket in listed}
    assert {f"{name}-a", "listing-photos"} <= {b.id for b in service.storage.list_buckets()}


def test_bucket_is_changed_in_part(http: httpx.Client, service: Client, name: str) -> None:
    """An update keeps the settings that it leaves out, and removes a limit by null."""
    service.storage.create_bucket(name, options={"public": False, "file_size_limit": 1000})

    answer = service.storage.update_bucket(name, {"public": True})
    assert {"message": "Successfully updated"} == answer
    changed = service.storage.get_bucket(name)
    assert (True, 1000) == (changed.public, changed.file_size_limit)

    body = {"file_size_limit": None, "allowed_mime_types": ["text/plain"]}
    assert http.put(f"/bucket/{name}", json=body).is_success
    changed = service.storage.get_bucket(name)
    assert (True, None) == (changed.public, changed.file_size_limit)
    assert ["text/plain"] == changed.allowed_mime_types


def test_bucket_is_emptied_then_deleted(service: Client, name: str) -> None:
    """Storage refuses to delete a bucket with objects."""
    service.storage.create_bucket(name)
    service.storage.from_(name).upload("a/b.txt", b"x")

    with pytest.raises(StorageApiError) as caught:
        service.storage.delete_bucket(name)
    assert ("409", "ResourceNotEmpty") == client_error(caught)
    assert "The bucket you tried to delete is not empty" == caught.value.message

    message = "Empty bucket has been queued. Completion may take up to an hour."
    assert {"message": message} == service.storage.empty_bucket(name)
    assert [] == service.storage.from_(name).list()
    assert {"message": "Successfully deleted"} == service.storage.delete_bucket(name)
    with pytest.raises(StorageApiError) as caught:
        service.storage.get_bucket(name)
    assert ("404", "Bucket not found") == client_error(caught)


def test_emptying_is_for_the_service(service: Client, user: Client, name: str) -> None:
    """Only the service may empty a bucket; this refusal has its status in HTTP too, as hosted."""
    service.storage.create_bucket(name)

    with pytest.raises(StorageApiError) as caught:
        user.storage.empty_bucket(name)
    assert ("403", "Unauthorized") == client_error(caught)
    assert "Access denied: Invalid role" == caught.value.message


def test_name_is_taken_once(http: httpx.Client, service: Client, name: str) -> None:
    """Storage refuses a second bucket of the same name."""
    service.storage.create_bucket(name)

    answer = http.post("/bucket", json={"name": name})
    assert ("409", "Duplicate", "BucketAlreadyExists") == refusal(answer)


def test_user_makes_the_buckets_that_policies_allow(
    client_for: ClientFor, user: Client, user_id: str, name: str, owner: psycopg.Connection
) -> None:
    """A policy lets a user make a private bucket, which other users do not see."""
    user.storage.create_bucket(name)

    assert user_id == user.storage.get_bucket(name).owner
    assert [name] == [bucket.id for bucket in user.storage.list_buckets()]
    query = "select owner::text, owner_id from storage.buckets where id = %s"
    assert [(user_id, user_id)] == owner.execute(query, [name]).fetchall()
    other = client_for(str(uuid.uuid4()))
    assert [] == other.storage.list_buckets()
    with pytest.raises(StorageApiError) as caught:
        other.storage.get_bucket(name)
    assert ("404", "Bucket not found") == client_error(caught)
    with pytest.raises(StorageApiError) as caught:
        user.storage.create_bucket(f"{name}-2", options={"public": True})
    assert ("403", "Unauthorized") == client_error(caught)
    assert "new row violates row-level security policy" == caught.value.message


@pytest.mark.parametrize("method", ["update", "delete"])
def test_bucket_of_others_is_not_found(
    user: Client, service: Client, name: str, method: str
) -> None:
    """Storage hides a bucket from a user who may not change it, and changes nothing."""
    service.storage.create_bucket(name)

    change = {
        "update": lambda: user.storage.update_bucket(name, {"public": True}),
        "delete": lambda: user.storage.delete_bucket(name),
    }
    with pytest.raises(StorageApiError) as caught:
        change[method]()
    assert ("404", "Bucket not found") == client_error(caught)
    assert not service.storage.get_bucket(name).public


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "a/b"}, ("400", "Invalid Input", "InvalidBucketName")),
        ({"name": ""}, ("400", "Invalid Input", "InvalidBucketName")),
        ({"name": " padded"}, ("400", "Invalid Input", "InvalidBucketName")),
        ({"name": "x" * 101}, ("400", "Invalid Input", "InvalidBucketName")),
        ({"name": "café"}, ("400", "Invalid Input", "InvalidBucketName")),
        ({"name": "x", "id": "a/b"}, ("400", "Invalid Input", "InvalidBucketName")),
        (
            {"name": "x", "file_size_limit": "20 apples"},
            ("400", "InvalidRequest", "InvalidRequest"),
        ),
        ({"name": "x", "file_size_limit": "51GB"}, TOO_LARGE),
        ({"name": "x", "file_size_limit": -1}, ("400", "Error", "InvalidRequest")),
        ({"name": "x", "allowed_mime_types": ["apples"]}, WRONG_TYPE),
        ({"name": "x", "allowed_mime_types": "image/png"}, ("400", "Error", "InvalidRequest")),
        ({"name": "x", "public": "perhaps"}, ("400", "Error", "InvalidRequest")),
        ({}, ("400", "Error", "InvalidRequest")),
    ],
    ids=str,
)
def test_odd_bucket_is_refused(
    http: httpx.Client, body: dict[str, object], expected: tuple[str, str, str]
) -> None:
    """Storage checks names, sizes and types before it writes a row."""
    assert expected == refusal(http.post("/bucket", json=body))


def test_missing_name_has_fastifys_error(http: httpx.Client) -> None:
    """A missing name has the error of Fastify's validator, as on hosted Storage."""
    assert "body must have required property 'name'" == http.post("/bucket").json()["message"]


def test_other_kinds_of_bucket_are_not_served(http: httpx.Client) -> None:
    """Storage refuses an analytics bucket by name."""
    answer = http.post("/bucket", json={"name": "x", "type": "ANALYTICS"})

    assert 501 == answer.status_code
    assert "ANALYTICS" in answer.json()["message"]


def test_request_needs_a_token_or_a_key(
    keyless_http: httpx.Client, gateway: Gateway, user_id: str
) -> None:
    """A user's token is enough; an API key that is no token needs its own header."""
    user = {"Authorization": f"Bearer {gateway.token(user_id)}"}
    new_key = {"Authorization": f"Bearer {gateway.keys.secret_key}"}
    legacy_key = {"Authorization": f"Bearer {gateway.keys.service_role_jwt}"}
    both = {**new_key, "apikey": gateway.keys.secret_key}

    nothing = keyless_http.get("/bucket")
    assert ("400", "Error", "InvalidRequest") == refusal(nothing)
    assert "headers must have required property 'authorization'" == nothing.json()["message"]
    assert keyless_http.get("/bucket", headers=user).is_success
    assert keyless_http.get("/bucket", headers=legacy_key).is_success
    assert keyless_http.get("/bucket", headers=both).is_success
    assert DENIED == refusal(keyless_http.get("/bucket", headers=new_key))
    assert 401 == keyless_http.get("/bucket", headers={"apikey": "sb_secret_other"}).status_code


def test_token_has_to_be_good(keyless_http: httpx.Client, gateway: Gateway, user_id: str) -> None:
    """A bad token has the error of hosted Storage's JWT library."""
    expired = gateway.token(user_id, life_s=-60)
    swapped = ".".join([*expired.split(".")[:2], gateway.token(user_id).split(".")[2]])
    reasons = {
        expired: '"exp" claim timestamp check failed',
        swapped: "signature verification failed",
        ProjectKeys.generate(issuer="x").service_role_jwt: "signature verification failed",
        "nonsense": "Invalid Compact JWS",
    }

    for token, reason in reasons.items():
        answer = keyless_http.get("/bucket", headers={"Authorization": f"Bearer {token}"})
        assert DENIED == refusal(answer)
        assert reason == answer.json()["message"]


def test_unknown_bucket_is_not_found(http: httpx.Client) -> None:
    """Each request on an unknown bucket says that the bucket is missing."""
    assert NO_BUCKET == refusal(http.get("/bucket/nowhere"))
    assert NO_BUCKET == refusal(http.put("/bucket/nowhere", json={"public": True}))
    assert NO_BUCKET == refusal(http.delete("/bucket/nowhere"))
    assert NO_BUCKET == refusal(http.post("/bucket/nowhere/empty"))
    assert NO_BUCKET == refusal(http.post("/object/nowhere/a.txt", content=b"x"))
    assert NO_BUCKET == refusal(http.get("/object/nowhere/a.txt"))
