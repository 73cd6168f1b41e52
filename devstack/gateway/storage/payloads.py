"""The payload of an upload: a raw body or a form, with its metadata and its contents."""

import base64
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from devstack.gateway.storage.errors import too_large
from devstack.gateway.storage.forms import Form
from devstack.gateway.storage.media_types import check_header


NO_CACHE = "no-cache"
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """An upload whose contents are still to be read."""

    media_type: str
    cache_control: str
    user_metadata: dict[str, Any] | None
    #: The Content-Length; that of a form is greater than its file's size.
    announced_size: int | None
    pieces: AsyncIterator[bytes]


async def read_payload(request: Request, limit: int) -> Payload:
    """Read as much of an upload as comes before its contents. Raises: StorageError 400, 413."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        payload = await _form(request)
    else:
        payload = _raw(request, limit)
    check_header("cache-control", payload.cache_control)
    return payload


async def _form(request: Request) -> Payload:
    form = Form(request.headers["content-type"], request.stream())
    await form.read_head()
    fields = form.fields
    age = fields.get("cacheControl")
    return Payload(
        media_type=fields.get("contentType") or form.file_type or "",
        cache_control=f"max-age={age}" if age else NO_CACHE,
        user_metadata=_object(fields.get("metadata", fields.get("userMetadata"))),
        announced_size=_announced(request.headers),
        pieces=form.pieces(),
    )


def _raw(request: Request, limit: int) -> Payload:
    headers = request.headers
    announced = _announced(headers)
    if announced is not None and announced > limit:
        raise too_large()
    return Payload(
        media_type=headers.get("content-type") or "application/octet-stream",
        cache_control=headers.get("cache-control", NO_CACHE),
        user_metadata=metadata_header(headers),
        announced_size=announced,
        pieces=request.stream(),
    )


def metadata_header(headers: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the user's metadata of a header; what is none is passed over, as hosted does."""
    encoded = headers.get("x-metadata")
    if encoded is None:
        return None
    try:
        return _object(base64.b64decode(encoded))
    except ValueError:
        return None


def _object(text: str | bytes | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _announced(headers: Mapping[str, str]) -> int | None:
    length = headers.get("content-length", "")
    return int(length) if _LENGTH.fullmatch(length) else None
