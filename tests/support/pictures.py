"""Pictures and documents as people upload them, and as attackers do."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

from pikepdf import ObjectStreamMode, Pdf
from PIL import Image, ImageDraw


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


def surfboard() -> Image.Image:
    """Draw a board on a beach, for pages that people look at."""
    picture = Image.new("RGB", (1200, 900), "#7fb8c9")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 600, 1200, 900), fill="#e7d8b1")
    draw.ellipse((420, 120, 780, 860), fill="#f4efe2", outline="#b4532a", width=14)
    draw.line((600, 140, 600, 840), fill="#b4532a", width=10)
    return picture


def opened(data: bytes) -> Image.Image:
    """Open the bytes of a file as a picture."""
    return Image.open(io.BytesIO(data))


def png_that_announces(
    width: int, height: int, *, depth: int = 8, pixels: bytes = bytes(100)
) -> bytes:
    """Make a PNG of three colours whose header announces a size. By default it has few pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def webp_that_announces(width: int, height: int) -> bytes:
    """Make a WebP of a few bytes whose header announces a canvas."""
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + (10).to_bytes(4, "little") + bytes(4) + canvas
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def pdf(change: Callable[[Pdf], None] = lambda _: None, *, is_packed: bool = True) -> bytes:
    """Make a PDF of one page. The service stores the bytes of an unchanged, packed one as they are.

    `change` adds something. The objects of a packed one are compressed into streams.
    """
    buffer = io.BytesIO()
    with Pdf.new() as document:
        page = document.add_blank_page(page_size=(200, 200))
        page.Contents = document.make_stream(b"0 0 100 100 re f\n")
        change(document)
        mode = ObjectStreamMode.generate if is_packed else ObjectStreamMode.disable
        document.save(
            buffer, object_stream_mode=mode, compress_streams=False, deterministic_id=True
        )
    return buffer.getvalue()


def raw_pdf(*objects: bytes, catalog: bytes = b"") -> bytes:
    """Make a PDF of one page by hand, with more entries of its catalog and more objects."""
    parts = (
        b"%PDF-1.7",
        b"1 0 obj <</Type/Catalog/Pages 2 0 R " + catalog + b">> endobj",
        b"2 0 obj <</Type/Pages/Kids[3 0 R]/Count 1>> endobj",
        b"3 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>> endobj",
        *objects,
        b"trailer <</Root 1 0 R>>",
        b"%%EOF\n",
    )
    return b"\n".join(parts)
