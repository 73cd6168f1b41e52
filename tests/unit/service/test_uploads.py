"""`service.uploads`: the two routes of files, from the request to Storage and back."""

import base64
import io
import json
import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from werkzeug.test import TestResponse

from market.errors import MarketError, RejectedError, TransientError
from market.files import decoding
from tests.support.factories import BUYER_ID
from tests.support.pictures import encoded, halves, opened, pdf, raw_pdf
from tests.unit.service.adapters import Service, make_service, make_token


UPLOAD = "/api/storage/upload"
DELETE = "/api/storage/delete"
LISTING_ID = "11111111-1111-4111-8111-111111111111"
DISPUTE_ID = "22222222-2222-4222-8222-222222222222"
LIVE = {"is_live": True, "is_suspended": False, "role": "seller"}
MIB = 1024 * 1024
PHOTO = {"type": "listing_photo", "listingId": LISTING_ID}
REFUSED = {"success": False, "code": "FORBIDDEN", "error": "no"}


@pytest.fixture
def answers() -> dict[str, Any]:
    """Return the answers of the SQL functions; a test changes one."""
    return {
        "session_is_live": LIVE,
        "rate_limit_hit": {"allowed": True, "retry_after_ms": 0},
        "check_upload": {"success": True},
        "check_image_duplicate": {"similar_count": 2},
        "remove_file": {"success": True, "object": "the/path.jpg"},
    }


@pytest.fixture
def service(answers: dict[str, Any]) -> Service:
    service = make_service()

    def call(function: str, **arguments: Any) -> Any:
        if function == "record_file" and function not in answers:
            return {"success": True, "id": "row-1", "path": arguments["path"], "displaced": []}
        answer = answers[function]
        if isinstance(answer, Exception):
            raise answer
        return answer

    service.database.call.side_effect = call
    service.storage.public_link.side_effect = lambda bucket, path: f"public:{bucket}/{path}"
    service.storage.private_link.side_effect = lambda bucket, path: f"private:{bucket}/{path}"
    service.storage.sign.side_effect = lambda *_, download_as: f"signed:{download_as}"
    return service


def bearer() -> dict[str, str]:
    return {"Authorization": f"Bearer {make_token()}"}


def send(
    service: Service,
    data: bytes | None = None,
    name: str = "my photo.png",
    *,
    headers: dict[str, str] | None = None,
    fields: Mapping[str, str] = PHOTO,
) -> TestResponse:
    parts = [(f'name="{field}"', value.encode()) for field, value in fields.items()]
    parts.append((f'name="file"; filename="{name}"', encoded(halves()) if data is None else data))
    # The test client would make a temporary file of a large body.
    body = b"".join(
        f"--limit\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + value + b"\r\n"
        for head, value in parts
    )
    answer: TestResponse = service.client.post(
        UPLOAD,
        data=body + b"--limit--\r\n",
        headers=bearer() if headers is None else headers,
        content_type="multipart/form-data; boundary=limit",
    )
    return answer


def put(service: Service) -> tuple[str, str, bytes, str]:
    [call] = service.storage.put.call_args_list
    bucket, path, data, media_type = call.args
    return bucket, path, data, media_type


def arguments_of(service: Service, function: str) -> dict[str, Any]:
    [call] = [c for c in service.database.call.call_args_list if c.args[0] == function]
    return dict(call.kwargs)


def code_of(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def test_photo_is_stored(service: Service) -> None:
    """The object comes first and then the row; the answer is the web app's."""
    answer = send(service, fields=PHOTO | {"orderIndex": "3"})

    bucket, path, data, media_type = put(service)
    folder, _, name = path.partition("/")
    assert ("listing-photos", "image/jpeg", LISTING_ID) == (bucket, media_type, folder)
    assert name.startswith("3_")
    assert str(uuid.UUID(name[2:-4])) + ".jpg" == name[2:]
    row = arguments_of(service, "record_file")
    assert (BUYER_ID, path, 3, len(data)) == (
        row["user_id"], row["path"], row["order_idx"], row["file"]["size"]
    )  # fmt: skip
    assert 200 == answer.status_code
    assert {
        "success": True,
        "url": f"public:listing-photos/{path}",
        "path": path,
        "hash": row["file"]["hash"],
        "metadata": {
            "id": "row-1",
            "size": len(data),
            "mimeType": "image/jpeg",
            "width": 200,
            "height": 100,
            "isDuplicate": True,
            "similarCount": 2,
        },
    } == answer.get_json()
    assert [
        "session_is_live", "rate_limit_hit", "rate_limit_hit", "check_upload", "record_file",
        "check_image_duplicate",
    ] == service.called  # fmt: skip


def test_avatar_is_small(service: Service) -> None:
    """An avatar fits into 400 by 400 pixels."""
    answer = send(service, encoded(halves(1000, 500)), fields={"type": "profile_avatar"})

    bucket, path, data, _ = put(service)
    assert ("profile-avatars", (400, 200)) == (bucket, opened(data).size)
    assert path.startswith(f"{BUYER_ID}/avatar_")
    assert f"public:profile-avatars/{path}" == answer.get_json()["url"]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd.jpg"),
        ("..\\..\\a.exe", "a.jpg"),
        ("a b<c>&?#%.pdf", "a_b_c.jpg"),
        (".htaccess", "htaccess.jpg"),
        ("...", "file.jpg"),
        ("Ünï/日本.pdf", "file.jpg"),
        ("x" * 300 + ".pdf", "x" * 60 + ".jpg"),
        ("a.php.pdf", "a.php.jpg"),
        ("bill\u202egpj.exe", "bill_gpj.jpg"),
        ("%2e%2e%2fa;x='1'.pdf", "2e_2e_2fa_x_1.jpg"),
    ],
)
def test_name_of_evidence_is_sanitised(service: Service, name: str, safe: str) -> None:
    """No character of a name changes the path; the extension follows from the content."""
    send(service, name=name, fields={"type": "evidence_file", "disputeId": DISPUTE_ID})

    bucket, path, _, media_type = put(service)
    assert ("evidence-uploads", "image/jpeg") == (bucket, media_type)
    folder, _, rest = path.partition("/")
    assert (DISPUTE_ID, BUYER_ID) == (folder, rest[:36])
    assert f"_{safe}" == rest[36 + 1 + 36 :]
    assert safe == arguments_of(service, "record_file")["title"]


@pytest.mark.parametrize(("data", "end"), [(pdf(), ".pdf"), (encoded(halves()), ".jpg")])
def test_private_file_has_a_signed_link(service: Service, data: bytes, end: str) -> None:
    """The answer has a signed link, and the row the address without one."""
    answer = send(service, data, "bill.png", fields={"type": "address_proof"})

    _, path, _, _ = put(service)
    assert path.startswith(f"{BUYER_ID}/poa_")
    assert path.endswith(end)
    assert f"signed:bill{end}" == answer.get_json()["url"]
    assert f"private:address-proofs/{path}" == arguments_of(service, "record_file")["url"]


@pytest.mark.parametrize("error", [RejectedError("CONFLICT"), MarketError("DATABASE_ERROR")])
def test_failed_row_removes_the_object(
    service: Service, answers: dict[str, Any], error: Exception
) -> None:
    """A refused row fails the upload and removes the object (A17)."""
    answers["record_file"] = error

    answer = send(service)

    bucket, path, _, _ = put(service)
    assert answer.status_code in {409, 500}
    service.storage.delete.assert_called_once_with(bucket, [path])


def test_unknown_row_keeps_the_object(service: Service, answers: dict[str, Any]) -> None:
    """An object stays if its row may have been committed."""
    answers["record_file"] = TransientError("DATABASE_UNREACHABLE")

    assert (503, "DATABASE_UNREACHABLE") == code_of(send(service))
    service.storage.delete.assert_not_called()


def test_refusal_stands_when_the_object_cannot_be_removed(
    service: Service, answers: dict[str, Any]
) -> None:
    """An object that cannot be removed is left to the reconcile job."""
    answers["record_file"] = REFUSED
    service.storage.delete.side_effect = TransientError("STORAGE_UNREACHABLE")

    assert (403, "FORBIDDEN") == code_of(send(service))


def test_repeat_answers_the_first_row(service: Service, answers: dict[str, Any]) -> None:
    """A repeated upload returns the first row and removes the second object."""
    row = {"success": True, "id": "row-0", "path": f"{LISTING_ID}/0_first.jpg", "displaced": []}
    answers["record_file"] = row

    answer = send(service)

    bucket, path, _, _ = put(service)
    service.storage.delete.assert_called_once_with(bucket, [path])
    assert f"{LISTING_ID}/0_first.jpg" == answer.get_json()["path"]
    assert f"public:listing-photos/{LISTING_ID}/0_first.jpg" == answer.get_json()["url"]


@pytest.mark.parametrize("error", [None, TransientError("STORAGE_UNREACHABLE")])
def test_object_of_a_replaced_file_is_removed(
    service: Service, answers: dict[str, Any], error: Exception | None
) -> None:
    """The old object is removed after the new row; a failure of that changes nothing."""
    answers["record_file"] = {
        "success": True, "id": None, "path": "new.jpg", "displaced": ["old.jpg", "older.jpg"]
    }  # fmt: skip
    service.storage.delete.side_effect = error

    answer = send(service, fields={"type": "profile_avatar"})

    _, path, _, _ = put(service)
    assert 200 == answer.status_code
    service.storage.delete.assert_called_once_with(
        "profile-avatars", ["old.jpg", "older.jpg", path]
    )


@pytest.mark.parametrize("code", ["FORBIDDEN", "RESOURCE_NOT_FOUND", "CONFLICT", "USER_SUSPENDED"])
def test_refused_user_stores_nothing(service: Service, answers: dict[str, Any], code: str) -> None:
    """A user is refused before the file is decoded."""
    answers["check_upload"] = REFUSED | {"code": code}

    assert code == send(service, b"not even a picture").get_json()["code"]
    service.storage.put.assert_not_called()


@pytest.mark.parametrize(
    ("error", "status"),
    [(TransientError("STORAGE_UNREACHABLE"), 503), (MarketError("STORAGE_ERROR"), 502)],
)
def test_failed_object_has_no_row(service: Service, error: Exception, status: int) -> None:
    """An object that could not be stored gets no row."""
    service.storage.put.side_effect = error

    assert status == send(service).status_code
    assert "record_file" not in service.called


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "invoice"},
        {"type": ""},
        {"type": "listing_photo"},
        {"type": "listing_photo", "listingId": ""},
        {"type": "listing_photo", "listingId": "../x"},
        {"type": "evidence_file", "listingId": LISTING_ID},
        {"type": "listing_photo", "listingId": LISTING_ID, "orderIndex": "101"},
        {"type": "listing_photo", "listingId": LISTING_ID, "orderIndex": "-1"},
        {"type": "listing_photo", "listingId": LISTING_ID, "orderIndex": "one"},
        {"type": "listing_photo", "listingId": LISTING_ID + "\0"},
    ],
)
def test_bad_field_is_refused(service: Service, fields: dict[str, str]) -> None:
    """The type of a file decides which ids it needs."""
    assert (400, "VALIDATION_ERROR") == code_of(send(service, fields=fields))
    assert ["session_is_live", "rate_limit_hit"] == service.called


@pytest.mark.parametrize(
    "body",
    [
        PHOTO,
        PHOTO | {"other": (io.BytesIO(b"x"), "a.jpg")},
        PHOTO | {"file": [(io.BytesIO(b"x"), "a.jpg"), (io.BytesIO(b"y"), "b.jpg")]},
        PHOTO | {"file": "text"},
    ],
    ids=["none", "another name", "two", "text"],
)
def test_request_needs_one_file(service: Service, body: dict[str, Any]) -> None:
    """A form needs one part named `file`."""
    answer = service.client.post(
        UPLOAD, data=body, headers=bearer(), content_type="multipart/form-data"
    )

    assert (400, "VALIDATION_ERROR") == code_of(answer)


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"{}", "application/json", 400),
        (b"x", "image/jpeg", 415),
        (b"x", "multipart/form-data", 400),
        (b"--b\r\nbroken", "multipart/form-data; boundary=b", 400),
    ],
)
def test_other_body_is_refused(service: Service, body: bytes, media_type: str, status: int) -> None:
    """A body that is no multipart form is refused."""
    answer = service.client.post(UPLOAD, data=body, headers=bearer(), content_type=media_type)

    assert status == answer.status_code


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        (b"<svg onload='alert(1)'/>", PHOTO),
        (b"<html>", PHOTO),
        (pdf(), PHOTO),
        (pdf(), {"type": "profile_avatar"}),
        (raw_pdf(catalog=b"/OpenAction<</S/Launch>>"), {"type": "address_proof"}),
        (b"MZ\x90", {"type": "address_proof"}),
    ],
)
def test_content_decides_about_the_type(
    service: Service, data: bytes, fields: dict[str, str]
) -> None:
    """The content decides the type, and not its name or its part's header."""
    assert (400, "VALIDATION_ERROR") == code_of(send(service, data, "a.png", fields=fields))
    service.storage.put.assert_not_called()


@pytest.mark.parametrize(
    ("size", "fields"), [(10 * MIB + 1, PHOTO), (5 * MIB + 1, {"type": "profile_avatar"})]
)
def test_large_file_is_refused(service: Service, size: int, fields: dict[str, str]) -> None:
    """A photo has at most ten megabytes, and an avatar five."""
    assert (413, "PAYLOAD_TOO_LARGE") == code_of(send(service, b"x" * size, fields=fields))


@pytest.mark.parametrize("name", ["a.jpg", "a.pdf"])
def test_empty_file_is_refused(service: Service, name: str) -> None:
    """An empty file is refused."""
    answer = send(service, b"", name, fields={"type": "address_proof"})

    assert (400, "VALIDATION_ERROR") == code_of(answer)
    service.storage.put.assert_not_called()


def test_body_above_the_routes_limit_is_refused(service: Service) -> None:
    """A body above the route's own limit is refused unread."""
    assert (413, "PAYLOAD_TOO_LARGE") == code_of(send(service, b"x" * (11 * MIB)))
    assert [] == service.called
    other = service.client.delete(DELETE, data=b"x" * (64 * 1024 + 1), headers=bearer())
    assert (413, "PAYLOAD_TOO_LARGE") == code_of(other)


def test_file_is_removed(service: Service) -> None:
    """The row is removed first, and then its object."""
    answer = service.client.delete(
        DELETE,
        json={"bucket": "listing-photos", "path": "p#x", "photoId": LISTING_ID},
        headers=bearer(),
    )

    assert (200, {"success": True}) == (answer.status_code, answer.get_json())
    assert {
        "user_id": BUYER_ID, "bucket": "listing-photos", "path": "p#x", "photo_id": LISTING_ID,
        "listing_id": None,
    } == arguments_of(service, "remove_file")  # fmt: skip
    service.storage.delete.assert_called_once_with("listing-photos", ["the/path.jpg"])


def test_shared_object_is_kept(service: Service, answers: dict[str, Any]) -> None:
    """An object that another listing shows is kept."""
    answers["remove_file"] = {"success": True, "object": None}

    answer = service.client.delete(
        DELETE, json={"bucket": "listing-photos", "path": "p"}, headers=bearer()
    )

    assert 200 == answer.status_code
    service.storage.delete.assert_not_called()


@pytest.mark.parametrize("code", ["FORBIDDEN", "RESOURCE_NOT_FOUND", "CONFLICT"])
def test_refused_removal_touches_no_object(
    service: Service, answers: dict[str, Any], code: str
) -> None:
    """A refused removal keeps the object."""
    answers["remove_file"] = REFUSED | {"code": code}

    answer = service.client.delete(
        DELETE, json={"bucket": "address-proofs", "path": "p"}, headers=bearer()
    )

    assert code == answer.get_json()["code"]
    service.storage.delete.assert_not_called()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TransientError("STORAGE_UNREACHABLE"), (503, "STORAGE_UNREACHABLE")),
        (MarketError("STORAGE_ERROR"), (502, "STORAGE_ERROR")),
    ],
)
def test_failed_removal_is_answered(
    service: Service, answers: dict[str, Any], error: Exception, expected: tuple[int, str]
) -> None:
    """A failed removal of the object is an error."""
    answers["remove_file"] = {"success": True, "object": "p"}
    service.storage.delete.side_effect = error

    assert expected == code_of(ask(service, DELETE, bearer()))


def test_payment_in_a_title_is_answered(service: Service, answers: dict[str, Any]) -> None:
    """A title with a payment detail is refused."""
    answers["record_file"] = REFUSED | {"code": "PAYMENT_IN_TEXT"}

    assert (400, "PAYMENT_IN_TEXT") == code_of(send(service))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"bucket": "other", "path": "p"},
        {"bucket": "listing-photos"},
        {"bucket": "listing-photos", "path": ""},
        {"bucket": "listing-photos", "path": "x" * 501},
        {"bucket": "listing-photos", "path": "a\0b"},
        {"bucket": "listing-photos", "path": ["p"]},
        {"bucket": "listing-photos", "path": "p", "photoId": "1"},
    ],
)
def test_bad_removal_is_refused(service: Service, body: dict[str, Any]) -> None:
    """Only files of our buckets are removed."""
    answer = service.client.delete(DELETE, json=body, headers=bearer())

    assert (400, "VALIDATION_ERROR") == code_of(answer)


def ask(service: Service, route: str, headers: dict[str, str]) -> TestResponse:
    if route == UPLOAD:
        return send(service, headers=headers)
    answer: TestResponse = service.client.delete(
        DELETE, json={"bucket": "listing-photos", "path": "p"}, headers=headers
    )
    return answer


@pytest.mark.parametrize("route", [UPLOAD, DELETE])
def test_request_without_a_token_is_refused(service: Service, route: str) -> None:
    """A request without a session calls no other system."""
    assert (401, "UNAUTHORIZED") == code_of(ask(service, route, {}))
    assert [] == service.called


@pytest.mark.parametrize("route", [UPLOAD, DELETE])
@pytest.mark.parametrize(
    ("state", "code"),
    [({"is_live": False}, "UNAUTHORIZED"), ({"is_suspended": True}, "USER_SUSPENDED")],
)
def test_excluded_user_is_refused(
    service: Service, answers: dict[str, Any], route: str, state: dict[str, bool], code: str
) -> None:
    """An ended session and a suspended user are refused."""
    answers["session_is_live"] = LIVE | state

    assert code == ask(service, route, bearer()).get_json()["code"]
    service.storage.put.assert_not_called()


@pytest.mark.parametrize("route", [UPLOAD, DELETE])
@pytest.mark.parametrize(("origin", "status"), [({}, 403), ({"Origin": "https://evil.test"}, 403)])
def test_cookie_needs_the_sites_origin(
    service: Service, route: str, origin: dict[str, str], status: int
) -> None:
    """A cookie with another site's origin is refused."""
    value = "base64-" + base64.urlsafe_b64encode(
        json.dumps({"access_token": make_token()}).encode()
    ).decode().rstrip("=")
    service.client.set_cookie("sb-project-auth-token", value)
    headers = origin

    answer = ask(service, route, headers)

    assert (status, "CSRF_INVALID") == code_of(answer)
    assert [] == service.called


@pytest.mark.parametrize(
    ("fields", "action"),
    [
        (PHOTO, "upload_shared_file"),
        ({"type": "evidence_file", "disputeId": DISPUTE_ID}, "upload_shared_file"),
        ({"type": "profile_avatar"}, "upload_personal_file"),
        ({"type": "address_proof"}, "upload_personal_file"),
    ],
)
def test_file_counts_before_it_is_decoded(
    service: Service, fields: dict[str, str], action: str
) -> None:
    """A file counts towards the limit before it is decoded."""
    refused = send(service, b"x", fields=fields)

    assert (400, "VALIDATION_ERROR") == code_of(refused)
    calls = service.database.call.call_args_list
    assert ["upload_file", action] == [
        c.kwargs["action"] for c in calls if c.args[0] == "rate_limit_hit"
    ]


@pytest.mark.parametrize("fields", [PHOTO, {"type": "profile_avatar"}])
def test_file_beyond_the_hourly_limit_is_not_decoded(
    service: Service, monkeypatch: pytest.MonkeyPatch, fields: dict[str, str]
) -> None:
    """A file beyond the hourly limit is not decoded."""
    monkeypatch.setattr(decoding, "decode", lambda *_: pytest.fail("decoded"))
    call = service.database.call.side_effect

    def limited(function: str, **arguments: Any) -> Any:
        if function == "rate_limit_hit" and arguments["action"] != "upload_file":
            return {"allowed": False, "retry_after_ms": 1500}
        return call(function, **arguments)

    service.database.call.side_effect = limited

    answer = send(service, fields=fields)

    assert (429, "RATE_LIMITED") == code_of(answer)
    assert "check_upload" not in service.called


@pytest.mark.parametrize(("route", "action"), [(UPLOAD, "upload_file"), (DELETE, "delete_file")])
def test_route_has_its_limit(
    service: Service, answers: dict[str, Any], route: str, action: str
) -> None:
    """A request beyond the limit is refused unread."""
    answers["rate_limit_hit"] = {"allowed": False, "retry_after_ms": 1500}

    answer = ask(service, route, bearer())

    assert (429, "2") == (answer.status_code, answer.headers["Retry-After"])
    assert {"action": action, "key": BUYER_ID} == arguments_of(service, "rate_limit_hit")
    service.storage.put.assert_not_called()
