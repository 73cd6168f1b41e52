"""Downloads and details of objects: supabase/storage's `src/storage/renderer`.

https://supabase.com/docs/guides/storage/serving/downloads
"""

import uuid

import httpx
import psycopg
import pytest
from storage3.exceptions import StorageApiError
from supabase import Client

from tests.devstack.gateway.storage.clients import NO_BUCKET, NOT_FOUND, client_error, refusal
from tests.support.gateways import ClientFor


@pytest.fixture
def photo(http: httpx.Client) -> str:
    """Upload a photo to the public bucket; return its path."""
    place = f"listing-photos/{uuid.uuid4()}/0.png"
    headers = {"content-type": "image/png", "cache-control": "max-age=60"}
    http.post(f"/object/{place}", content=b"0123456789", headers=headers).raise_for_status()
    return place


@pytest.fixture
def note(http: httpx.Client, user_id: str) -> str:
    """Upload a note of the user to a private bucket; return its path."""
    place = f"notes/{user_id}/{uuid.uuid4()}.txt"
    http.post(f"/object/{place}", content=b"private").raise_for_status()
    return place


def test_public_object_is_everybodys(keyless_http: httpx.Client, photo: str) -> None:
    """A public object needs no key, and has the headers that a browser needs."""
    answer = keyless_http.get(f"/object/public/{photo}")

    assert b"0123456789" == answer.content
    expected = {
        "content-type": "image/png",
        "content-length": "10",
        "cache-control": "max-age=60",
        "accept-ranges": "bytes",
        "etag": '"781e5e245d69b566979b86e28d23f2c7"',
    }
    assert expected.items() <= dict(answer.headers).items()
    assert answer.headers["last-modified"].endswith("GMT")
    assert "content-disposition" not in answer.headers


def test_public_url_of_the_client_works(
    client_for: ClientFor, photo: str, transport: httpx.Client
) -> None:
    """The public URL that the client builds works."""
    bucket, _, key = photo.partition("/")
    url = client_for(None).storage.from_(bucket).get_public_url(key, {"download": "mine.png"})

    answer = transport.get(url)
    assert b"0123456789" == answer.content
    assert (
        "attachment; filename=mine.png; filename*=UTF-8''mine.png;"
        == (answer.headers["content-disposition"])
    )


def test_public_bucket_shows_its_objects_by_every_path(
    keyless_http: httpx.Client, photo: str
) -> None:
    """A public object needs no `public` in its path, and a bad token does not hide it."""
    bad = {"Authorization": "Bearer nonsense"}

    assert keyless_http.get(f"/object/{photo}").is_success
    assert keyless_http.get(f"/object/{photo}", headers=bad).is_success
    assert keyless_http.get(f"/object/info/{photo}").is_success
    assert keyless_http.get(f"/object/info/public/{photo}").is_success


def test_private_bucket_is_hidden(keyless_http: httpx.Client, note: str) -> None:
    """A caller without a token gets the error of a missing bucket."""
    bad = {"Authorization": "Bearer nonsense"}
    answers = [
        keyless_http.get(f"/object/public/{note}"),
        keyless_http.get(f"/object/{note}"),
        keyless_http.get(f"/object/{note}", headers=bad),
        keyless_http.get(f"/object/info/{note}"),
        keyless_http.get(f"/object/info/public/{note}"),
    ]

    assert [NO_BUCKET] * 5 == [refusal(answer) for answer in answers]


def test_owner_downloads_and_others_do_not(
    user: Client, client_for: ClientFor, note: str, keyless_http: httpx.Client
) -> None:
    """The select policy decides, and an object that it hides is not found."""
    _, _, key = note.partition("/")

    assert b"private" == user.storage.from_("notes").download(key)
    for other in (client_for(str(uuid.uuid4())), client_for(None)):
        bucket = other.storage.from_("notes")
        with pytest.raises(StorageApiError) as caught:
            bucket.download(key)
        assert ("404", "not_found") == client_error(caught)
        assert "Object not found" == caught.value.message
        assert not bucket.exists(key)
    missing = keyless_http.get(f"/object/authenticated/{note}")
    assert ("400", "Error", "InvalidRequest") == refusal(missing)


def test_info_tells_what_is_known(user: Client, note: str, owner: psycopg.Connection) -> None:
    """The details of an object come from its row, under names of their own."""
    _, _, key = note.partition("/")
    info = user.storage.from_("notes").info(key)

    query = "select id::text, version from storage.objects where name = %s"
    assert [(info["id"], info["version"])] == owner.execute(query, [key]).fetchall()
    assert ("notes", key, 7, '"2c17c6393771ee3048ae34d6b380c5ec"') == (
        info["bucket_id"],
        info["name"],
        info["size"],
        info["etag"],
    )
    assert info["created_at"] == info["last_modified"]
    assert user.storage.from_("notes").exists(key)


def test_head_is_a_get_without_contents(http: httpx.Client, note: str) -> None:
    """HEAD answers as GET without contents; the JavaScript client tests existence so."""
    head, get = http.head(f"/object/{note}"), http.get(f"/object/{note}")

    assert (200, b"") == (head.status_code, head.content)
    names = ("content-length", "content-type", "etag", "last-modified", "cache-control")
    assert [get.headers[name] for name in names] == [head.headers[name] for name in names]
    missing = http.head(f"/object/{note}x")
    assert (400, b"") == (missing.status_code, missing.content)


@pytest.mark.parametrize(
    ("wanted", "expected", "content_range"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=4-", b"456789", "bytes 4-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
    ],
)
def test_range_is_a_part(
    keyless_http: httpx.Client, photo: str, wanted: str, expected: bytes, content_range: str
) -> None:
    """A range answers a part, by RFC 9110, section 14; S3 serves one range."""
    answer = keyless_http.get(f"/object/public/{photo}", headers={"Range": wanted})

    assert (206, expected) == (answer.status_code, answer.content)
    assert (content_range, str(len(expected))) == (
        answer.headers["content-range"],
        answer.headers["content-length"],
    )


@pytest.mark.parametrize("wanted", ["bytes=0-1,3-4", "apples=0-1", "bytes=5-2", "bytes=-"])
def test_odd_range_is_passed_over(keyless_http: httpx.Client, photo: str, wanted: str) -> None:
    """Storage ignores any other range and sends the whole object."""
    answer = keyless_http.get(f"/object/public/{photo}", headers={"Range": wanted})

    assert (200, b"0123456789") == (answer.status_code, answer.content)


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_range_beyond_the_end_is_refused(
    keyless_http: httpx.Client, photo: str, wanted: str
) -> None:
    """Storage refuses a range beyond the end with InvalidRange, as S3 does."""
    answer = keyless_http.get(f"/object/public/{photo}", headers={"Range": wanted})

    assert ("416", "The requested range is not satisfiable", "S3Error") == refusal(answer)
    assert "InvalidRange" == answer.json()["message"]


def test_cached_contents_are_not_sent_again(keyless_http: httpx.Client, photo: str) -> None:
    """Storage does not resend contents that the browser has, by ETag or by time."""
    url = f"/object/public/{photo}"
    first = keyless_http.get(url)
    etag, modified = first.headers["etag"], first.headers["last-modified"]

    known = keyless_http.get(url, headers={"If-None-Match": f'"x", {etag}'})
    assert (304, b"") == (known.status_code, known.content)
    assert 304 == keyless_http.get(url, headers={"If-Modified-Since": modified}).status_code
    assert 200 == keyless_http.get(url, headers={"If-None-Match": '"other"'}).status_code
    long_ago = "Thu, 01 Jan 1970 00:00:00 GMT"
    assert 200 == keyless_http.get(url, headers={"If-Modified-Since": long_ago}).status_code
    assert 200 == keyless_http.get(url, headers={"If-Modified-Since": "yesterday"}).status_code


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?download", "attachment;"),
        ("?download=", "attachment;"),
        ("?download=a%20b.png", "attachment; filename=a%20b.png; filename*=UTF-8''a%20b.png;"),
        ('?download="%0aX:1', "attachment; filename=%22%0AX%3A1; filename*=UTF-8''%22%0AX%3A1;"),
    ],
)
def test_download_is_saved_under_a_name(
    keyless_http: httpx.Client, photo: str, query: str, expected: str
) -> None:
    """The download's name is quoted, so it cannot add a header."""
    answer = keyless_http.get(f"/object/public/{photo}{query}")

    assert expected == answer.headers["content-disposition"]
    assert "x" not in answer.headers


def test_page_is_shown_as_text(http: httpx.Client) -> None:
    """Storage serves HTML as text, so that nobody publishes pages there."""
    place = f"tiny/{uuid.uuid4()}"
    http.post(f"/object/{place}", content=b"<p>", headers={"content-type": "text/html; charset=x"})

    assert "text/plain" == http.get(f"/object/public/{place}").headers["content-type"]


def test_missing_object_is_not_found(http: httpx.Client) -> None:
    """Every path answers alike for a missing object."""
    name = f"{uuid.uuid4()}/none"
    places = [f"listing-photos/{name}", f"notes/{name}"]
    answers = [http.get(f"/object/{place}") for place in places]
    answers += [http.get(f"/object/authenticated/{place}") for place in places]
    answers += [http.get(f"/object/info/{place}") for place in places]

    assert [NOT_FOUND] * 6 == [refusal(answer) for answer in answers]


@pytest.mark.parametrize(
    "version", [None, "../../../etc/passwd", "7c9e6679-7425-40de-944b-e07fc1f90ae7"]
)
def test_row_without_a_file_is_not_found(
    http: httpx.Client, owner: psycopg.Connection, version: str | None
) -> None:
    """A row that SQL wrote has no file, so its object is not found."""
    name = str(uuid.uuid4())
    query = "insert into storage.objects (bucket_id, name, version) values ('notes', %s, %s)"
    owner.execute(query, [name, version])

    assert NOT_FOUND == refusal(http.get(f"/object/notes/{name}"))
    assert http.get(f"/object/info/notes/{name}").is_success
    copy = {"bucketId": "notes", "sourceKey": name, "destinationKey": f"{name}-2"}
    assert NOT_FOUND == refusal(http.post("/object/copy", json=copy))
    assert http.delete(f"/object/notes/{name}").is_success
