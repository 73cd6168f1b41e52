"""Hands out the contents of an object: whole or a part, as a page or as a download."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, BinaryIO
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from devstack.gateway.storage.errors import unsatisfiable_range
from devstack.gateway.storage.media_types import check_header
from devstack.gateway.storage.object_rows import StoredObject


PIECE_BYTES = 64 * 1024
NOT_MODIFIED = 304
PARTIAL_CONTENT = 206
OK = 200
#: More digits than any file has bytes are no range either.
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)


def deliver(
    request: Request, stored: StoredObject, file: BinaryIO, *, expires_at: float | None = None
) -> Response:
    """Return the answer that carries an open file, which is closed with it.

    A signed link's answer says when the link ends, any other one how long it may be kept. Raises:
    StorageError 416.
    """
    try:
        return _answer(request, stored, file, expires_at)
    except BaseException:
        file.close()
        raise


def head(stored: StoredObject) -> dict[str, str]:
    """Return the headers that tell of an object itself."""
    metadata = _metadata(stored)
    headers = {
        "ETag": str(metadata.get("eTag", "")),
        "Last-Modified": format_datetime(_modified(stored), usegmt=True),
        "Cache-Control": str(metadata.get("cacheControl", "no-cache")),
    }
    for name, value in headers.items():
        check_header(name, value)
    return headers


def _answer(
    request: Request, stored: StoredObject, file: BinaryIO, expires_at: float | None
) -> Response:
    headers = head(stored)
    if _is_known(request.headers, headers["ETag"], _modified(stored)):
        file.close()
        return Response(status_code=NOT_MODIFIED)
    total = file.seek(0, 2)
    span = span_of(request.headers.get("range"), total) if request.method == "GET" else None
    start, length = (0, total) if span is None else (span.start, span.length)
    headers |= {"Content-Type": _shown_type(stored), "Content-Length": str(length)}
    headers |= {"Accept-Ranges": "bytes", **_download(request)}
    if span is not None:
        headers["Content-Range"] = span.content_range
    if expires_at is not None:
        del headers["Cache-Control"]
        headers["Expires"] = format_datetime(datetime.fromtimestamp(expires_at, UTC), usegmt=True)
    if request.method == "HEAD":
        file.close()
        return Response(status_code=OK, headers=headers)
    status = OK if span is None else PARTIAL_CONTENT
    return StreamingResponse(_pieces(file, start, length), status, headers)


def _pieces(file: BinaryIO, start: int, length: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        while length > 0:
            piece = file.read(min(PIECE_BYTES, length))
            if not piece:
                return
            length -= len(piece)
            yield piece


def _metadata(stored: StoredObject) -> dict[str, Any]:
    return stored.metadata if isinstance(stored.metadata, dict) else {}


def _modified(stored: StoredObject) -> datetime:
    """Return when the contents came: the row changes as well when it is only moved."""
    try:
        told = datetime.fromisoformat(str(_metadata(stored)["lastModified"]))
    except (KeyError, ValueError, OverflowError):
        told = stored.updated_at or datetime.fromtimestamp(0, UTC)
    return told.astimezone(UTC).replace(microsecond=0)


def _shown_type(stored: StoredObject) -> str:
    """Return the media type; a page is shown as text, so that nobody publishes one here."""
    media_type = str(_metadata(stored).get("mimetype", "application/octet-stream"))
    check_header("Content-Type", media_type)
    return "text/plain" if "text/html" in media_type else media_type


def _download(request: Request) -> dict[str, str]:
    """Return the header that makes a browser save the file, under a name if one was given."""
    name = request.query_params.get("download")
    if name is None:
        return {}
    if not name:
        return {"Content-Disposition": "attachment;"}
    quoted = quote(name, safe="!'()*-._~")
    disposition = f"attachment; filename={quoted}; filename*=UTF-8''{quoted};"
    return {"Content-Disposition": disposition}


def _is_known(headers: Mapping[str, str], etag: str, modified: datetime) -> bool:
    """Say whether the client has these contents already."""
    wanted = headers.get("if-none-match")
    if wanted is not None:
        return wanted == "*" or etag in (
            mark.strip().removeprefix("W/") for mark in wanted.split(",")
        )
    try:
        since = parsedate_to_datetime(headers.get("if-modified-since", ""))
    except ValueError:
        return False
    if since.tzinfo is None:
        since = since.replace(tzinfo=UTC)
    return modified <= since


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part of a file; `end` is behind its last byte."""

    start: int
    end: int
    total: int

    @property
    def length(self) -> int:
        """Return how many bytes it has."""
        return self.end - self.start

    @property
    def content_range(self) -> str:
        """Return how the answer's head names it."""
        return f"bytes {self.start}-{self.end - 1}/{self.total}"


def span_of(header: str | None, total: int) -> Span | None:
    """Return the part of `total` bytes that a Range header asks for; None is all of them.

    As S3 does, a header that is no single range is passed over. Raises: StorageError 416.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match[1] == match[2] == "":
        return None
    first, last = match[1], match[2]
    if first == "":
        start, end = max(0, total - int(last)), total
    else:
        start, end = int(first), min(total, int(last) + 1) if last else total
        if last and int(last) < start:
            return None
    if start >= end:
        raise unsatisfiable_range()
    return Span(start=start, end=end, total=total)
