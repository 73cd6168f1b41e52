"""Payloads of uploads: a raw body or a multipart form, with metadata and contents.

In a form only the fields before the file count. The file is passed on as it arrives.
"""

import base64
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from devstack.gateway.storage.errors import invalid_request, too_large
from devstack.gateway.storage.limits import MAX_FIELD_BYTES, MAX_FORM_FIELDS, check_header


NO_CACHE = "no-cache"
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)
#: The media type of a form's file that names none.
_DEFAULT_TYPE = "text/plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """An upload whose contents have not been read yet."""

    media_type: str
    cache_control: str
    user_metadata: dict[str, Any] | None
    #: The Content-Length header; for a form it is greater than the file's size.
    content_length: int | None
    pieces: AsyncIterator[bytes]


async def read_payload(request: Request, limit: int) -> Payload:
    """Read the part of an upload before its contents. Raises: StorageError 400, 413."""
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
        content_length=_content_length(request.headers),
        pieces=form.pieces(),
    )


def _raw(request: Request, limit: int) -> Payload:
    headers = request.headers
    length = _content_length(headers)
    if length is not None and length > limit:
        raise too_large()
    return Payload(
        media_type=headers.get("content-type") or "application/octet-stream",
        cache_control=headers.get("cache-control", NO_CACHE),
        user_metadata=metadata_header(headers),
        content_length=length,
        pieces=request.stream(),
    )


def metadata_header(headers: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the user metadata in the x-metadata header.

    Like hosted Storage, it ignores a header that it cannot read.
    """
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


def _content_length(headers: Mapping[str, str]) -> int | None:
    length = headers.get("content-length", "")
    return int(length) if _LENGTH.fullmatch(length) else None


class Form:
    """Reads a multipart form from a stream. The first part with a file name is the file."""

    def __init__(self, content_type: str, stream: AsyncIterator[bytes]) -> None:
        self.fields: dict[str, str] = {}
        self.file_type: str | None = None
        self._stream = stream
        self._pieces: list[bytes] = []
        self._headers: dict[bytes, bytes] = {}
        self._name, self._value = b"", b""
        #: The name of the field that is being read, or None within a file.
        self._field: str | None = None
        self._text = bytearray()
        self._field_count = 0
        self._is_file = False
        self._is_ended = False
        self._parser = self._create_parser(content_type)

    async def read_head(self) -> None:
        """Read the fields before the file. Raises: StorageError 400 if there is no file, 413."""
        while self.file_type is None:
            if not await self._advance():
                raise invalid_request("No content provided")

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the file, and read the form to its end. Raises: StorageError 400 if it is cut."""
        while True:
            for piece in self._pieces:
                yield piece
            self._pieces.clear()
            if not await self._advance():
                break
        if not self._is_ended:
            raise invalid_request("Unexpected end of form")

    async def _advance(self) -> bool:
        """Parse the next piece of the stream; return false at its end."""
        piece = await anext(self._stream, None)
        if piece is None:
            return False
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise invalid_request(f"Malformed form: {error}") from error
        return True

    def _create_parser(self, content_type: str) -> MultipartParser:
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not boundary:
            raise invalid_request("Multipart: Boundary not found")
        try:
            return MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": self._take_name,
                    "on_header_value": self._take_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._begin_content,
                    "on_part_data": self._take_content,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise invalid_request(f"Malformed form: {error}") from error

    def _begin_part(self) -> None:
        self._headers, self._text = {}, bytearray()
        self._field, self._is_file = None, False

    def _take_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name, self._value = b"", b""

    def _begin_content(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if b"filename" not in options:
            self._field = options.get(b"name", b"").decode(errors="replace")
            self._field_count += 1
            if self._field_count > MAX_FORM_FIELDS:
                raise invalid_request("reach fields limit")
        elif self.file_type is None:
            self._is_file = True
            stated = self._headers.get(b"content-type", b"").decode("latin-1").strip()
            self.file_type = stated or _DEFAULT_TYPE

    def _take_content(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._pieces.append(data[start:end])
        elif self._field is not None:
            self._text += data[start:end]
            if len(self._text) > MAX_FIELD_BYTES:
                raise too_large("user_metadata")

    def _end_part(self) -> None:
        if self._field is not None:
            self.fields[self._field] = self._text.decode(errors="replace")

    def _end(self) -> None:
        self._is_ended = True
