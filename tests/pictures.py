"""Pictures and documents as people upload them, and as attackers do."""

import io
import struct
import zlib
from typing import Any

from PIL import Image


def encoded(picture: Image.Image, form: str = "JPEG", **options: Any) -> bytes:
    """Return a picture as the bytes of a file."""
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def plain(
    width: int = 200, height: int = 150, *, mode: str = "RGB", colour: Any = None
) -> Image.Image:
    """Make a picture of one colour."""
    return Image.new(mode, (width, height), colour if colour is not None else 128)


def halves(width: int = 200, height: int = 100) -> Image.Image:
    """Make a picture whose left half is red, and whose right half is blue."""
    picture = Image.new("RGB", (width, height), "blue")
    picture.paste("red", (0, 0, width // 2, height))
    return picture


def opened(data: bytes) -> Image.Image:
    """Open the bytes of a file as a picture."""
    return Image.open(io.BytesIO(data))


def png_that_announces(width: int, height: int) -> bytes:
    """Make a PNG of a few bytes whose header announces a size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def webp_that_announces(width: int, height: int) -> bytes:
    """Make a WebP of a few bytes whose header announces a canvas."""
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + (10).to_bytes(4, "little") + bytes(4) + canvas
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def pdf(*objects: bytes) -> bytes:
    """Make a PDF of these objects."""
    return (
        b"%PDF-1.7\n" + b"\n".join(objects or (b"1 0 obj <</Type/Catalog>> endobj",)) + b"\n%%EOF\n"
    )
