"""Downloads of objects: contents, whole or in part, and `info`.

Every caller may read the objects of a public bucket, by any of the paths. Other objects are read
under the policies or by a signed URL.
"""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import BinaryIO
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from devstack.gateway.caller import Caller, GatewayError
from devstack.gateway.storage import bucket_rows, object_rows, response
from devstack.gateway.storage.caller import SERVICE, required_caller
from devstack.gateway.storage.context import StorageContext
from devstack.gateway.storage.errors import (
    StorageError,
    no_such_bucket,
    no_such_key,
    unsatisfiable_range,
)
from devstack.gateway.storage.limits import check_header, check_key
from devstack.gateway.storage.object_rows import StoredObject
from devstack.gateway.storage.signed_urls import DOWNLOAD, verify


Find = Callable[[StorageContext, Request], Awaitable[StoredObject]]
PIECE_BYTES = 64 * 1024
NOT_MODIFIED = 304
PARTIAL_CONTENT = 206
OK = 200
#: A number of more digits is greater than any file, so such a header counts as no range.
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)


async def download_public(context: StorageContext, request: Request) -> Response:
    """GET and HEAD /object/public/{bucket}/{key}: download from a public bucket."""
    return await _download(context, request, _find_public)


async def download_authenticated(context: StorageContext, request: Request) -> Response:
    """GET and HEAD /object/authenticated/{bucket}/{key}: download with a token."""
    return await _download(context, request, _find_authenticated)


async def download(context: StorageContext, request: Request) -> Response:
    """GET and HEAD /object/{bucket}/{key}: download; only a public bucket needs no token."""
    return await _download(context, request, _find_readable)


async def download_signed(context: StorageContext, request: Request) -> Response:
    """GET /object/sign/{bucket}/{key}: download by a signed URL."""
    claims = verify(request, context.keys, DOWNLOAD)
    return await _download(context, request, _find_as_service, expires_at=claims["exp"])


async def info_public(context: StorageContext, request: Request) -> Response:
    """GET /object/info/public/{bucket}/{key}: describe an object of a public bucket."""
    return _info(await _find_public(context, request))


async def info_authenticated(context: StorageContext, request: Request) -> Response:
    """GET /object/info/authenticated/{bucket}/{key}: describe an object, with a token."""
    return _info(await _find_authenticated(context, request))


async def info(context: StorageContext, request: Request) -> Response:
    """GET /object/info/{bucket}/{key}: describe an object; only a public bucket needs no token."""
    return _info(await _find_readable(context, request))


def _info(stored: StoredObject) -> Response:
    return response.ok(response.info_json(stored), _object_headers(stored))


async def _download(
    context: StorageContext, request: Request, find: Find, *, expires_at: float | None = None
) -> Response:
    stored, file = await _open(context, request, find)
    try:
        return _file_response(request, stored, file, expires_at)
    except BaseException:
        file.close()
        raise


async def _open(
    context: StorageContext, request: Request, find: Find
) -> tuple[StoredObject, BinaryIO]:
    """Return an object and its open file.

    Another request may replace the object after its row was read. Then the row is read once more.
    """
    for _ in range(2):
        stored = await find(context, request)
        try:
            return stored, context.files.open(stored.version)
        except FileNotFoundError:
            continue
    raise no_such_key()


async def _find_public(context: StorageContext, request: Request) -> StoredObject:
    if not await _is_public(context, request):
        raise no_such_bucket()
    return await _find_as_service(context, request)


async def _find_authenticated(context: StorageContext, request: Request) -> StoredObject:
    required_caller(request, context.keys)
    return await _find_readable(context, request)


async def _find_readable(context: StorageContext, request: Request) -> StoredObject:
    if await _is_public(context, request):
        return await _find_as_service(context, request)
    try:
        caller = required_caller(request, context.keys)
    except (StorageError, GatewayError) as error:
        raise no_such_bucket() from error
    return await _find(context, request, caller)


async def _find_as_service(context: StorageContext, request: Request) -> StoredObject:
    return await _find(context, request, SERVICE)


async def _find(context: StorageContext, request: Request, caller: Caller) -> StoredObject:
    bucket_id, key = request.path_params["bucket"], request.path_params["key"]
    check_key(key)
    async with context.transaction(request, caller) as cursor:
        return await object_rows.find(cursor, bucket_id, key)


async def _is_public(context: StorageContext, request: Request) -> bool:
    async with context.transaction(request) as cursor:
        bucket = await bucket_rows.find(cursor, request.path_params["bucket"])
    return bool(bucket.public)


def _object_headers(stored: StoredObject) -> dict[str, str]:
    """Return the headers that depend on the object alone. Raises: StorageError 400."""
    metadata = stored.file_metadata
    headers = {
        "ETag": str(metadata.get("eTag", "")),
        "Last-Modified": format_datetime(_modified(stored), usegmt=True),
        "Cache-Control": str(metadata.get("cacheControl", "no-cache")),
    }
    for name, value in headers.items():
        check_header(name, value)
    return headers


def _file_response(
    request: Request, stored: StoredObject, file: BinaryIO, expires_at: float | None
) -> Response:
    """Return a response with the file's contents, which closes the file when it ends.

    A download by a signed URL gets the URL's expiry instead of the object's Cache-Control.

    Raises: StorageError 416.
    """
    headers = _object_headers(stored)
    if _is_not_modified(request.headers, headers["ETag"], _modified(stored)):
        file.close()
        return Response(status_code=NOT_MODIFIED)
    total = file.seek(0, 2)
    part = read_range(request.headers.get("range"), total) if request.method == "GET" else None
    start, length = (0, total) if part is None else (part.start, part.length)
    headers |= {"Content-Type": _content_type(stored), "Content-Length": str(length)}
    headers |= {"Accept-Ranges": "bytes", **_content_disposition(request)}
    if part is not None:
        headers["Content-Range"] = part.content_range
    if expires_at is not None:
        del headers["Cache-Control"]
        headers["Expires"] = format_datetime(datetime.fromtimestamp(expires_at, UTC), usegmt=True)
    if request.method == "HEAD":
        file.close()
        return Response(status_code=OK, headers=headers)
    status = OK if part is None else PARTIAL_CONTENT
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


def _modified(stored: StoredObject) -> datetime:
    """Return the time of the upload. A move changes the row's time, but not this one."""
    try:
        modified = datetime.fromisoformat(str(stored.file_metadata["lastModified"]))
    except (KeyError, ValueError, OverflowError):
        modified = stored.updated_at or datetime.fromtimestamp(0, UTC)
    return modified.astimezone(UTC).replace(microsecond=0)


def _content_type(stored: StoredObject) -> str:
    """Return the media type. HTML is sent as text, so that nobody publishes web pages here."""
    media_type = str(stored.file_metadata.get("mimetype", "application/octet-stream"))
    check_header("Content-Type", media_type)
    return "text/plain" if "text/html" in media_type else media_type


def _content_disposition(request: Request) -> dict[str, str]:
    """Return the header that makes a browser save the file, under the name in the query."""
    name = request.query_params.get("download")
    if name is None:
        return {}
    if not name:
        return {"Content-Disposition": "attachment;"}
    quoted = quote(name, safe="!'()*-._~")
    disposition = f"attachment; filename={quoted}; filename*=UTF-8''{quoted};"
    return {"Content-Disposition": disposition}


def _is_not_modified(headers: Mapping[str, str], etag: str, modified: datetime) -> bool:
    """Return true if the client already has these contents."""
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
class ByteRange:
    """A part of a file; `end` is the position after its last byte."""

    start: int
    end: int
    total: int

    @property
    def length(self) -> int:
        """Return the number of bytes."""
        return self.end - self.start

    @property
    def content_range(self) -> str:
        """Return the value of the Content-Range header."""
        return f"bytes {self.start}-{self.end - 1}/{self.total}"


def read_range(header: str | None, total: int) -> ByteRange | None:
    """Return the part of `total` bytes that a Range header names, or None for all of them.

    Like S3, it ignores a header that is not one range. Raises: StorageError 416.
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
    return ByteRange(start=start, end=end, total=total)
