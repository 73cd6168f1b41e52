"""The limits of a bucket: sizes, types and names.

The words are supabase/storage's `src/storage/limits.ts` and `src/internal/errors/codes.ts`.
"""

import uuid

import httpx
import pytest
from supabase import Client

from tests.devstack.gateway.storage.clients import (
    INVALID_KEY,
    TOO_LARGE,
    WRONG_TYPE,
    quoted,
    refusal,
)


CONTENTS = b"0123456789"


@pytest.mark.parametrize("is_form", [True, False])
@pytest.mark.parametrize("size", [10, 11])
def test_size_is_limited_by_the_bucket(http: httpx.Client, size: int, *, is_form: bool) -> None:
    """The limit counts the file alone, without a form's fields and frame."""
    path, content = f"/object/tiny/{uuid.uuid4()}", b"x" * size
    if is_form:
        answer = http.post(path, files={"file": ("x", content)})
    else:
        answer = http.post(path, content=content)

    if size == 10:
        assert answer.is_success
        return
    assert TOO_LARGE == refusal(answer)
    assert "The object exceeded the maximum allowed size" == answer.json()["message"]
    assert http.head(path).status_code == 400


def test_size_is_limited_without_a_length(http: httpx.Client) -> None:
    """Storage cuts a chunked body off at the limit."""
    pieces = (b"xxxx" for _ in range(3))

    assert TOO_LARGE == refusal(http.post(f"/object/tiny/{uuid.uuid4()}", content=pieces))


@pytest.mark.parametrize(
    ("bucket", "media_type", "is_taken"),
    [
        ("listing-photos", "image/png", True),
        ("listing-photos", "image/gif", False),
        ("listing-photos", "IMAGE/PNG; q=1", True),
        ("address-proofs", "image/heic", True),
        ("address-proofs", "application/pdf", True),
        ("address-proofs", "application/zip", False),
        ("address-proofs", "image", False),
    ],
)
def test_type_is_limited_by_the_bucket(
    http: httpx.Client, bucket: str, media_type: str, *, is_taken: bool
) -> None:
    """A bucket allows types by name or by their first half; RFC 6838 defines the names."""
    path = f"/object/{bucket}/{uuid.uuid4()}/x"
    raw = http.post(path, content=CONTENTS, headers={"content-type": media_type})
    form = http.post(f"{path}-2", files={"file": ("x", CONTENTS, media_type)})

    assert (is_taken, is_taken) == (raw.is_success, form.is_success)
    if not is_taken:
        assert [WRONG_TYPE, WRONG_TYPE] == [refusal(raw), refusal(form)]
        assert f"mime type {media_type} is not supported" == raw.json()["message"]


def test_form_may_name_the_type_apart(http: httpx.Client) -> None:
    """The field contentType wins over the part's own header."""
    path = f"/object/listing-photos/{uuid.uuid4()}/x"
    file = {"file": ("x", CONTENTS, "text/plain")}

    assert http.post(path, data={"contentType": "image/webp"}, files=file).is_success
    assert "image/webp" == http.head(path).headers["content-type"]


def test_placeholder_of_a_folder_is_empty(http: httpx.Client) -> None:
    """A folder's placeholder has no type and must be empty."""
    path = f"/object/listing-photos/{uuid.uuid4()}/.emptyFolderPlaceholder"

    assert TOO_LARGE == refusal(http.post(path, content=b"x"))
    assert http.post(path, content=b"").is_success


@pytest.mark.parametrize(
    "name",
    [
        "a/../b", "..", "./a", "a/.", "a\\b", "a#b", "a%b", "a[b]", "a{b}", "a^b", "a|b", "a<b>",
        'a"b', "a`b", "a~b", "a\tb", "a\x00b", "a\u200bb", "a\u202eb", "x" * 1025,
        "é", "ü/日本/😀.png", "a\u00a0b",
    ],
)  # fmt: skip
def test_odd_name_is_refused(http: httpx.Client, name: str) -> None:
    """supabase/storage's `src/storage/limits.ts` defines the names; no dots lead outside."""
    path = httpx.URL(f"{http.base_url}object/notes/").copy_with(
        raw_path=f"/storage/v1/object/notes/{quoted(name)}".encode()
    )
    answer = http.post(path, content=b"x")

    assert INVALID_KEY == refusal(answer)
    assert f"Invalid key: {name}" == answer.json()["message"]


@pytest.mark.parametrize(
    "name",
    ["a b", "a+b&c=d@e:f,g;h!i*j'k(l)m$n", "what?.txt", "...", "x" * 900],
)
def test_valid_name_is_kept(user: Client, user_id: str, name: str, transport: httpx.Client) -> None:
    """A valid name stays as it is, by every route."""
    bucket, key = user.storage.from_("notes"), f"{user_id}/{name}"
    bucket.upload(key, b"x")

    assert b"x" == bucket.download(key)
    assert key == bucket.info(key)["name"]
    link = bucket.create_signed_url(key, 60)["signedUrl"]
    assert link is not None
    assert b"x" == transport.get(link).content
    assert [key] == [gone["name"] for gone in bucket.remove([key])]
