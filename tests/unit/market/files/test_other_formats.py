"""`market.files.other_formats`: files that are two files at once, and harmless ones like them."""

import bz2
import io
import lzma
import random
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable

import pytest
from pikepdf import Dictionary, Name, Pdf, String
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from market.errors import RejectedError
from market.files import documents, images
from market.files.images import PHOTO_BOX
from tests.support.pictures import encoded, halves, opened, pdf, plain, raw_pdf


REFUSAL = "The file holds a file of another format"
FORMS = ("JPEG", "PNG", "WEBP")


def zipped(name: str = "META-INF/MANIFEST.MF") -> bytes:
    """Make a ZIP, which a JAR and a document of an office are, too."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, "Main-Class: Evil\n" * 9)
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("a.sh"))
    return buffer.getvalue()


def windows_program(machine: int = 0x8664) -> bytes:
    stub = b"MZ" + bytes(58) + struct.pack("<I", 64)
    return stub + b"PE\0\0" + struct.pack("<HH", machine, 1) + bytes(200)


PHP = b"<?php system($_GET['c']); ?>"
OTHERS = {
    "zip": zipped(),
    "end of a zip": zipped()[zipped().index(b"PK\1\2") :],
    "rar": b"Rar!\x1a\x07\x01\0" + bytes(40),
    "old rar": b"Rar!\x1a\x07\0" + bytes(40),
    "7z": b"7z\xbc\xaf\x27\x1c\0\x04" + bytes(40),
    "xz": lzma.compress(b"secret"),
    "bzip2": bz2.compress(b"secret"),
    "cab": b"MSCF" + bytes(40),
    "tar": tarred(),
    "posix tar": bytes(257) + b"ustar\x0000" + bytes(247),
    "iso": b"\1CD001\1" + bytes(40),
    "exe": windows_program(),
    "exe of 32 bits": windows_program(0x14C),
    "exe for arm": windows_program(0xAA64),
    "elf": b"\x7fELF\2\1\1" + bytes(50),
    "mach-o": struct.pack("<III", 0xFEEDFACF, 0x0100000C, 0) + bytes(40),
    "fat mach-o": struct.pack(">III", 0xCAFEBABE, 2, 0x01000007) + bytes(40),
    "class": struct.pack(">IHH", 0xCAFEBABE, 0, 61) + bytes(40),
    "wasm": b"\0asm\1\0\0\0" + bytes(40),
    "shell": b"#!/bin/sh\nrm -rf ~\n",
    "python": b"#!/usr/bin/env python3\n",
    "phar": b"<?=__HALT_COMPILER();",
    "pdf": raw_pdf(),
    "script": b"<ScRiPt>alert(1)</script>",
    "script with a source": b"<script src=//evil.test></script>",
    "html": b"<HTML><body>Sign in</body></html>",
    "doctype": b"<!DOCTYPE html><title>Sign in</title>",
    "php": PHP,
    "short php": b"<?=`$_GET[0]`;exit();?>",
    "asp": b'<%eval request("c") : response.end%>',
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload=alert(1)>",
    "handler": b"<img src=x\nonerror = alert(1)>",
    "address": b"<a href='JavaScript:alert(1)'>",
}


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def with_segment(marker: int, content: bytes) -> bytes:
    """Make a JPEG with one more segment before the others."""
    return b"\xff\xd8" + segment(marker, content) + encoded(halves())[2:]


def commented(form: str, content: bytes) -> bytes:
    """Make a picture with other bytes inside, where readers skip them."""
    if form == "JPEG":
        return with_segment(0xFE, content)
    if form == "WEBP":
        return encoded(halves(), "WEBP", xmp=content)
    chunks = PngInfo()
    chunks.add(b"teXt", content)
    return encoded(halves(), "PNG", pnginfo=chunks)


def refusal_of(prepare: Callable[[], object]) -> str | None:
    try:
        prepare()
    except RejectedError as refusal:
        return refusal.text
    return None


def photo_refusal(data: bytes) -> str | None:
    return refusal_of(lambda: images.prepare(data, PHOTO_BOX))


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("form", FORMS)
def test_file_behind_a_picture_is_refused(form: str, other: bytes) -> None:
    """A file after a picture is refused, because other programs would find it."""
    data = encoded(halves(), form) + other

    assert form == opened(data).format
    assert REFUSAL == photo_refusal(data)


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("form", FORMS)
def test_file_inside_a_picture_is_refused(form: str, other: bytes) -> None:
    """A file in a comment, a chunk or metadata is refused."""
    data = commented(form, b"\n" + other)

    assert form == opened(data).format
    assert REFUSAL == photo_refusal(data)


def test_metadata_with_a_program_is_refused() -> None:
    """A program in EXIF, colour profile or comment is refused."""
    exif = Image.Exif()
    exif[0x010E] = PHP.decode()

    assert REFUSAL == photo_refusal(encoded(halves(), exif=exif))
    assert REFUSAL == photo_refusal(encoded(halves(), icc_profile=PHP))
    assert REFUSAL == photo_refusal(encoded(halves(), comment=PHP))


def test_picture_that_unpacks_is_refused() -> None:
    """A picture that is also an archive is refused, also with offsets from the file's start."""
    buffer = io.BytesIO(encoded(halves()))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("Evil.class", b"x")
    data = buffer.getvalue()

    assert ["Evil.class"] == zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert REFUSAL == photo_refusal(data)


def test_picture_that_is_a_pdf_is_refused() -> None:
    """A picture with a PDF header in its first kilobyte is refused."""
    data = with_segment(0xFE, raw_pdf())

    with Pdf.open(io.BytesIO(data)) as document:
        assert 1 == len(document.pages)
    assert REFUSAL == photo_refusal(data)


def test_picture_that_is_a_script_is_refused() -> None:
    """A JPEG that is also JavaScript is refused."""
    body = b"*/=alert(1);/*".ljust(0x2F2A - 2, b"\0")
    data = b"\xff\xd8\xff\xe0/*" + body + encoded(halves())[2:]

    assert "JPEG" == opened(data).format
    assert REFUSAL == photo_refusal(data)


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 - no secret


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + name + content


def film() -> bytes:
    """Make what a phone records beside a photo: an MP4."""
    settings = b"x264 - core 164 - options: cabac=1 ref=3 http://www.videolan.org/x264.html"
    kinds = b"mp42\0\0\0\0isommp42"
    return box(b"ftyp", kinds) + box(b"moov", settings) + box(b"mdat", noise(500_000))


def xmp(attributes: str = "") -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        f'rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" {attributes}>'
        "<dc:title>Bike &lt;as new&gt;</dc:title></rdf:Description></rdf:RDF></x:xmpmeta>"
        '<?xpacket end="w"?>'
    ).encode()


def with_thumbnail() -> bytes:
    """Make a JPEG whose EXIF has the place, and a preview in a second directory."""
    preview = encoded(plain(160, 120))
    first = struct.pack("<HHHIII", 1, 0x0112, 3, 1, 1, 26)
    second = struct.pack(
        "<HHHIIHHIII", 2, 0x0201, 4, 1, 56, 0x0202, 4, 1, len(preview), 0
    )  # fmt: skip
    return with_segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0" + first + second + preview)


def samsung() -> bytes:
    """Make a photo with Samsung's trailer: blocks with names, and a directory at the end."""
    blocks = b"\0\0\x30\x0a\x10\0\0\0MotionPhoto_Data" + film()
    blocks += b"\0\0\x01\x0a\x0e\0\0\0Image_UTC_Data1733000000000"
    directory = b"SEFH" + struct.pack("<II", 107, 2) + bytes(24)
    end = struct.pack("<I", len(directory)) + b"SEFT"
    return encoded(halves()) + blocks + directory + end


def with_credentials() -> bytes:
    """Make a photo with content credentials, whose maker has an icon."""
    icon = (
        b'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "">'
        b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h9v9z"/></svg>'
    )
    content = box(b"jumb", box(b"jumd", b"c2pa\0\x11\0\x10") + box(b"bfdb", icon))
    return with_segment(0xEB, b"JP\0\1\0\0\0\1" + content)


def with_texts() -> bytes:
    texts = PngInfo()
    texts.add_text("Software", "Screenshot <1.0> 100% #!")
    texts.add_text("Comment", "Bike, like new " * 99, zip=True)
    texts.add_itxt("XML:com.adobe.xmp", xmp().decode())
    return encoded(halves(), "PNG", pnginfo=texts, icc_profile=profile())


def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


HONEST: dict[str, Callable[[], bytes]] = {
    "motion photo": lambda: encoded(halves(), xmp=xmp('GCamera:MotionPhoto="1"')) + film(),
    "several pictures": lambda: encoded(halves(), "MPO", save_all=True, append_images=[plain()]),
    "gain map": lambda: encoded(halves()) + encoded(plain(), xmp=xmp('hdrgm:Version="1"')),
    "depth map": lambda: encoded(halves()) + encoded(plain(), "PNG"),
    "samsung": samsung,
    "thumbnail": with_thumbnail,
    "credentials": with_credentials,
    "profile": lambda: encoded(halves(), icc_profile=profile()),
    "texts": with_texts,
    "webp": lambda: encoded(halves(), "WEBP", xmp=xmp(), icc_profile=profile()),
    "padding": lambda: encoded(halves()) + bytes(4096),
    "two letters": lambda: encoded(halves(), comment=b"PK MZ <% <?= PK\3\4 #! ") + b"PK\3\4MZ",
    "noise": lambda: encoded(Image.frombytes("RGB", (1500, 1500), noise(6_750_000)), "PNG"),
    "noisy photo": lambda: encoded(
        Image.frombytes("RGB", (1500, 1500), noise(6_750_000)), quality=95
    ),
}  # fmt: skip


@pytest.mark.parametrize("make", HONEST.values(), ids=HONEST)
def test_picture_of_a_phone_is_accepted(make: Callable[[], bytes]) -> None:
    """Previews, films, metadata and arbitrary pixels of phones are accepted."""
    assert None is photo_refusal(make())


def test_result_has_one_picture_and_no_place() -> None:
    """The result has neither film, preview, second picture nor place."""
    for name in ("motion photo", "several pictures", "samsung", "thumbnail"):
        data = images.prepare(HONEST[name](), PHOTO_BOX).data

        assert (1, 1) == (data.count(b"\xff\xd8\xff"), data.count(b"\xff\xd9")), name
        assert not opened(data).getexif(), name


def pdf_refusal(data: bytes) -> str | None:
    return refusal_of(lambda: documents.prepare(data))


def with_stream(content: bytes) -> bytes:
    """Make a PDF whose page draws a picture of these bytes, which the writer leaves as they are."""

    def change(document: Pdf) -> None:
        document.pages[0].Resources = Dictionary(
            XObject=Dictionary(X=document.make_stream(content, Subtype=Name.Image))
        )

    return pdf(change)


DOCUMENT_OTHERS = {name: other for name, other in OTHERS.items() if name != "address"}


@pytest.mark.parametrize("other", DOCUMENT_OTHERS.values(), ids=DOCUMENT_OTHERS)
def test_file_inside_a_pdf_is_refused(other: bytes) -> None:
    """A file in a PDF's picture stream is refused, because the writer keeps these bytes."""
    assert REFUSAL == pdf_refusal(with_stream(b"\n" + other))


@pytest.mark.parametrize("other", DOCUMENT_OTHERS.values(), ids=DOCUMENT_OTHERS)
def test_file_between_two_ends_of_a_pdf_is_refused(other: bytes) -> None:
    """A file before the last end of a PDF is refused."""
    assert None is not pdf_refusal(raw_pdf() + other + b"\n%%EOF\n")


@pytest.mark.parametrize(
    "other",
    [zipped(), windows_program(), PHP, encoded(halves())],
    ids=["zip", "exe", "php", "picture"],
)
def test_file_before_a_pdf_is_refused(other: bytes) -> None:
    """A file before a PDF's header is refused."""
    assert None is not photo_refusal(other + raw_pdf())


def test_pdf_that_unpacks_is_refused() -> None:
    """A PDF that is also an archive is refused."""
    data = with_stream(zipped())

    assert 1 == len(zipfile.ZipFile(io.BytesIO(data)).namelist())
    assert REFUSAL == pdf_refusal(data)


def test_packed_objects_of_a_pdf_are_looked_at() -> None:
    """Packed objects are checked too, because the writer unpacks them."""

    def change(document: Pdf) -> None:
        document.Root.Note = String("<script>alert(1)</script>")

    buffer = io.BytesIO()
    with Pdf.open(io.BytesIO(pdf(change))) as document:
        document.save(buffer, compress_streams=True)
    assert b"script" not in buffer.getvalue()

    assert REFUSAL == pdf_refusal(buffer.getvalue())


@pytest.mark.parametrize(
    "data",
    [
        pdf(),
        with_stream(noise(500_000)),
        with_stream(zlib.compress(zipped())),
        with_stream(encoded(halves(), icc_profile=profile(), xmp=xmp())),
        raw_pdf(b"9 0 obj <<% a comment behind the brackets of a dictionary\n>> endobj"),
        raw_pdf(b"9 0 obj (a revision) endobj\nstartxref\n0\n%%EOF\n"),
    ],
    ids=["plain", "noise", "packed", "photo", "comment", "revision"],
)
def test_honest_pdf_is_accepted(data: bytes) -> None:
    """Scans and PDFs with revisions are accepted."""
    assert None is pdf_refusal(data)
