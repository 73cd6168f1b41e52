"""Multipart forms: the fields before the file, then the file, which is passed on as it comes."""

from collections.abc import AsyncIterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from devstack.gateway.storage.errors import no_content, too_large
from devstack.gateway.storage.limits import FORM_FIELDS, METADATA_BYTES


#: The media type of a part without one.
_DEFAULT_TYPE = "text/plain"


class Form:
    """A form of which one stream is read. The first part that has a file name is the file."""

    def __init__(self, content_type: str, stream: AsyncIterator[bytes]) -> None:
        self.fields: dict[str, str] = {}
        self.file_type: str | None = None
        self._stream = stream
        self._pieces: list[bytes] = []
        self._headers: dict[bytes, bytes] = {}
        self._name, self._value = b"", b""
        #: The field that is being read; None within a file.
        self._field: str | None = None
        self._text = bytearray()
        self._field_count = 0
        self._is_file = False
        self._is_ended = False
        self._parser = self._made(content_type)

    async def read_head(self) -> None:
        """Read up to the file. Raises: StorageError 400 when there is none, 413."""
        while self.file_type is None:
            if not await self._advance():
                raise no_content("No content provided")

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the file, and read the form to its end. Raises: StorageError 400 if it has none."""
        while True:
            for piece in self._pieces:
                yield piece
            self._pieces.clear()
            if not await self._advance():
                break
        if not self._is_ended:
            raise no_content("Unexpected end of form")

    async def _advance(self) -> bool:
        """Parse the next piece of the stream; return whether there was one."""
        piece = await anext(self._stream, None)
        if piece is None:
            return False
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise no_content(f"Malformed form: {error}") from error
        return True

    def _made(self, content_type: str) -> MultipartParser:
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not boundary:
            raise no_content("Multipart: Boundary not found")
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
            raise no_content(f"Malformed form: {error}") from error

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
            if self._field_count > FORM_FIELDS:
                raise no_content("reach fields limit")
        elif self.file_type is None:
            self._is_file = True
            stated = self._headers.get(b"content-type", b"").decode("latin-1").strip()
            self.file_type = stated or _DEFAULT_TYPE

    def _take_content(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._pieces.append(data[start:end])
        elif self._field is not None:
            self._text += data[start:end]
            if len(self._text) > METADATA_BYTES:
                raise too_large("user_metadata")

    def _end_part(self) -> None:
        if self._field is not None:
            self.fields[self._field] = self._text.decode(errors="replace")

    def _end(self) -> None:
        self._is_ended = True
