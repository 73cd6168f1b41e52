"""Check a PDF that is stored as it is.

Every pass over the content takes linear time, whatever it holds.
"""

import re
import zlib
from collections.abc import Iterator

from market.errors import RejectedError
from market.files.types import Prepared


_START = re.compile(rb"%PDF-[12]\.[0-9]")
#: Readers accept other bytes behind the end. A second file hides there.
_END = re.compile(rb"%%EOF\s*\Z")
_STREAM = re.compile(rb"stream(?:\r\n|\n|\r)")
_STREAM_END = b"endstream"
#: Names that make a reader act: scripts, programs, other files, forms that send data.
_ACTIVE = re.compile(
    rb"/(?:JS|JavaScript|Launch|EmbeddedFiles?|RichMedia|XFA|ImportData|SubmitForm|Encrypt)"
    rb"(?![A-Za-z0-9])"
)
#: A name with a letter or digit as an escape: `/J#53` means `/JS`. Only an attacker writes that.
_HIDDEN = re.compile(rb"/[^\s/()<>\[\]{}%]*#(?:3[0-9]|4[1-9A-Fa-f]|5[0-9Aa]|6[1-9A-Fa-f]|7[0-9Aa])")
_PACKED = b"ObjStm"
#: Streams that hold objects are unpacked up to this size together.
_MOST_UNPACKED = 16 * 1024 * 1024


def is_pdf(data: bytes) -> bool:
    """Return true if the content begins as a PDF does."""
    return _START.match(data) is not None


def prepare(data: bytes) -> Prepared:
    """Return a PDF unchanged.

    Raises:
        RejectedError: `VALIDATION_ERROR` if it is encrypted, holds a script, a program or a file,
            or other bytes follow its end.

    """
    if _END.search(data[-1024:]) is None:
        raise _refusal("The PDF is malformed")
    for part in _readable_parts(data):
        if _ACTIVE.search(part) or _HIDDEN.search(part):
            raise _refusal("A PDF with scripts, other files or a password is not accepted")
    return Prepared(data=data, media_type="application/pdf", extension=".pdf")


def _refusal(text: str) -> RejectedError:
    return RejectedError("VALIDATION_ERROR", text=text)


def _readable_parts(data: bytes) -> Iterator[bytes]:
    """Yield all that is outside of streams, and the objects that are packed into streams.

    Other streams hold pages and pictures. Compressed data may contain any bytes by chance.
    """
    place, room = 0, _MOST_UNPACKED
    while (begin := _STREAM.search(data, place)) is not None:
        end = data.find(_STREAM_END, begin.end())
        if end < 0:
            break
        outside = data[place : begin.start()]
        yield outside
        if _PACKED in outside:
            unpacked = _unpacked(outside, data[begin.end() : end], room)
            room -= len(unpacked)
            yield unpacked
        place = end + len(_STREAM_END)
    rest = data[place:]
    if _PACKED in rest:
        raise _refusal("The PDF is malformed")
    yield rest


def _unpacked(head: bytes, body: bytes, room: int) -> bytes:
    """Return the objects of a stream.

    A filter on top of the compression, or an end before that of the compressed data, would show us
    other objects than a reader.
    """
    unpacker = zlib.decompressobj()
    try:
        objects = unpacker.decompress(body, max(room, 1))
    except zlib.error as error:
        raise _refusal("The PDF is malformed") from error
    if not unpacker.eof or head.count(_PACKED) > 1 or b"/DecodeParms" in head:
        raise _refusal("The PDF is malformed")
    return objects
