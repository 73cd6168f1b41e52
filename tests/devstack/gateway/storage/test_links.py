"""Signed links, for reads and for uploads.

https://supabase.com/docs/reference/python/storage-from-createsignedurl and after; what a token
says is supabase/storage's `src/storage/object.ts`.
"""

import time
import uuid
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest
from storage3.exceptions import StorageApiError
from supabase import Client

from tests.devstack.gateway.storage.clients import (
    DUPLICATE,
    NOT_FOUND,
    TOO_LARGE,
    WRONG_TYPE,
    client_error,
    refusal,
)
from tests.support.gateways import Gateway


INVALID_JWT = ("400", "InvalidJWT", "InvalidJWT")
INVALID_SIGNATURE = ("400", "InvalidSignature", "InvalidSignature")


@pytest.fixture
def key(service: Client, user_id: str) -> str:
    """Upload a note of the user; return its name."""
    key = f"{user_id}/{uuid.uuid4()}.txt"
    service.storage.from_("notes").upload(key, b"contents", {"content-type": "text/plain"})
    return key


def signed(client: Client, key: str, seconds: int = 60) -> str:
    link = client.storage.from_("notes").create_signed_url(key, seconds)["signedUrl"]
    assert link is not None
    return link


def test_link_reads_without_a_key(user: Client, key: str, transport: httpx.Client) -> None:
    """A signed link needs no key, and its end limits the caching."""
    answer = transport.get(signed(user, key, 3600))

    assert b"contents" == answer.content
    assert "cache-control" not in answer.headers
    assert answer.headers["expires"].endswith("GMT")


def test_link_downloads_under_a_name(user: Client, key: str, transport: httpx.Client) -> None:
    """The client adds the file name to the link, outside the signature."""
    bucket = user.storage.from_("notes")
    named = bucket.create_signed_url(key, 60, {"download": "my note.txt"})["signedUrl"]
    plain = bucket.create_signed_url(key, 60, {"download": True})["signedUrl"]

    assert named
    assert plain
    expected = "attachment; filename=my%20note.txt; filename*=UTF-8''my%20note.txt;"
    assert expected == transport.get(named).headers["content-disposition"]
    assert "attachment;" == transport.get(plain).headers["content-disposition"]


def test_links_are_made_in_bulk(user: Client, key: str, transport: httpx.Client) -> None:
    """The links are in the order of the paths, and a missing object has an error."""
    first, second = user.storage.from_("notes").create_signed_urls([f"{key}x", key], 60)

    assert (f"{key}x", None) == (first["path"], first["signedURL"])
    assert "Either the object does not exist or you do not have access to it" == first["error"]
    assert (key, None) == (second["path"], second["error"])
    assert second["signedURL"]
    assert b"contents" == transport.get(second["signedURL"]).content


def test_link_leads_to_the_present_contents(
    user: Client, service: Client, key: str, transport: httpx.Client
) -> None:
    """A link leads to the name: to replaced contents, and to nothing after a removal."""
    link = signed(user, key)

    service.storage.from_("notes").update(key, b"new")
    assert b"new" == transport.get(link).content
    service.storage.from_("notes").remove([key])
    assert NOT_FOUND == refusal(transport.get(link))


def test_link_ends(keyless_http: httpx.Client, gateway: Gateway, key: str) -> None:
    """Storage refuses a link after its end."""
    now = int(time.time())
    claims = {"url": f"notes/{key}", "scope": "download", "iat": now - 60, "exp": now - 1}
    token = gateway.tokens.sign(claims)

    answer = keyless_http.get(f"/object/sign/notes/{key}", params={"token": token})
    assert INVALID_JWT == refusal(answer)
    assert '"exp" claim timestamp check failed' == answer.json()["message"]


def test_link_is_for_one_object_and_one_purpose(
    user: Client, gateway: Gateway, user_id: str, keyless_http: httpx.Client, key: str
) -> None:
    """A link opens one object for one purpose, and no other kind of token does."""
    download = parse_qs(urlsplit(signed(user, key)).query)["token"][0]
    upload = user.storage.from_("notes").create_signed_upload_url(f"{key}.new")["token"]
    place = f"/object/sign/notes/{key}"

    assert INVALID_SIGNATURE == refusal(keyless_http.get(f"{place}x", params={"token": download}))
    assert INVALID_SIGNATURE == refusal(keyless_http.get(place, params={"token": upload}))
    session = gateway.token(user_id)
    assert INVALID_SIGNATURE == refusal(keyless_http.get(place, params={"token": session}))
    assert INVALID_JWT == refusal(keyless_http.get(place, params={"token": f"{download}x"}))
    assert INVALID_JWT == refusal(keyless_http.get(place, params={"token": "nonsense"}))
    missing = keyless_http.get(place)
    assert "querystring must have required property 'token'" == missing.json()["message"]
    target = f"/object/upload/sign/notes/{key}.new"
    swapped = keyless_http.put(target, params={"token": download}, content=b"x")
    assert INVALID_SIGNATURE == refusal(swapped)


@pytest.mark.parametrize("seconds", [0, -1, "soon", 10**12])
def test_odd_life_is_refused(http: httpx.Client, key: str, seconds: object) -> None:
    """A link's life is a positive number of seconds."""
    for path, more in ((f"notes/{key}", {}), ("notes", {"paths": [key]})):
        answer = http.post(f"/object/sign/{path}", json={"expiresIn": seconds, **more})
        assert ("400", "Error", "InvalidRequest") == refusal(answer)


def test_upload_by_link_is_its_makers(
    user: Client, user_id: str, keyless_http: httpx.Client, owner: psycopg.Connection
) -> None:
    """Anyone with an upload link may upload, and its maker owns the object."""
    key = f"{user_id}/{uuid.uuid4()}.txt"
    link = user.storage.from_("notes").create_signed_upload_url(key)

    answer = keyless_http.put(
        link["signed_url"], content=b"x", headers={"content-type": "text/csv"}
    )
    assert {"Key": f"notes/{key}"} == answer.json()
    query = "select owner_id, metadata ->> 'mimetype' from storage.objects where name = %s"
    assert [(user_id, "text/csv")] == owner.execute(query, [key]).fetchall()


def test_client_uploads_by_token(user: Client, user_id: str) -> None:
    """The official client uploads a form by the token, once."""
    key = f"{user_id}/{uuid.uuid4()}.txt"
    bucket = user.storage.from_("notes")
    token = bucket.create_signed_upload_url(key)["token"]

    answer = bucket.upload_to_signed_url(key, token, b"one", {"metadata": {"n": 1}})
    assert f"notes/{key}" == answer.full_path
    assert {"n": 1} == bucket.info(key)["metadata"]
    with pytest.raises(StorageApiError) as caught:
        bucket.upload_to_signed_url(key, token, b"two")
    assert ("409", "Duplicate") == client_error(caught)
    assert b"one" == bucket.download(key)


def test_link_may_replace_if_it_was_made_so(http: httpx.Client, key: str) -> None:
    """The link decides about replacing, and not the uploader."""
    path = f"/object/upload/sign/notes/{key}"
    assert DUPLICATE == refusal(http.post(path))
    token = http.post(path, headers={"x-upsert": "true"}).json()["token"]

    assert http.put(path, params={"token": token}, content=b"new").is_success
    assert b"new" == http.get(f"/object/notes/{key}").content


def test_link_is_made_for_uploaders(user: Client) -> None:
    """A user gets an upload link only where the policies allow the upload."""
    with pytest.raises(StorageApiError) as caught:
        user.storage.from_("notes").create_signed_upload_url(f"{uuid.uuid4()}/x.txt")
    assert ("403", "Unauthorized") == client_error(caught)


def test_limits_hold_for_links(http: httpx.Client) -> None:
    """The bucket's size and types limit an upload by link."""
    name = str(uuid.uuid4())
    tiny = http.post(f"/object/upload/sign/tiny/{name}").json()
    photos = http.post(f"/object/upload/sign/listing-photos/{name}").json()

    assert TOO_LARGE == refusal(http.put(tiny["url"], content=b"x" * 11))
    answer = http.put(photos["url"], content=b"x", headers={"content-type": "text/csv"})
    assert WRONG_TYPE == refusal(answer)
