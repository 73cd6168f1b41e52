"""Refusals of Storage, and functions that read them."""

import httpx
import pytest
from storage3.exceptions import StorageApiError


#: A refusal's status in the body, its `error` and its `code`.
Refusal = tuple[str, str, str]

NOT_FOUND: Refusal = ("404", "not_found", "NoSuchKey")
NO_BUCKET: Refusal = ("404", "Bucket not found", "NoSuchBucket")
DENIED: Refusal = ("403", "Unauthorized", "AccessDenied")
DUPLICATE: Refusal = ("409", "Duplicate", "KeyAlreadyExists")
TOO_LARGE: Refusal = ("413", "Payload too large", "EntityTooLarge")
WRONG_TYPE: Refusal = ("415", "invalid_mime_type", "InvalidMimeType")
INVALID_KEY: Refusal = ("400", "InvalidKey", "InvalidKey")


def refusal(answer: httpx.Response) -> Refusal:
    """Return the body of a refusal; its HTTP status is always 400."""
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert set(body) == {"statusCode", "error", "message", "code"}
    return body["statusCode"], body["error"], body["code"]


def client_error(caught: pytest.ExceptionInfo[StorageApiError]) -> tuple[str, str]:
    """Return the status and error that the official client raises."""
    return str(caught.value.status), caught.value.code


def assert_clear(answer: httpx.Response) -> None:
    """Check that the answer is a success, or a refusal with a message."""
    assert answer.is_success or 400 <= answer.status_code < 500, answer.text
    if not answer.is_success and answer.request.method != "HEAD":
        assert answer.json()["message"]


def quoted(text: str) -> str:
    """Quote every byte, so that no client normalizes the path."""
    return "".join(f"%{byte:02X}" for byte in text.encode(errors="surrogatepass"))
