"""`market.files.documents`: PDFs that are stored as they are, and those that are refused."""

import zlib

import pytest

from market.errors import RejectedError
from market.files.documents import is_pdf, prepare
from tests.pictures import pdf


def packed(body: bytes, extra: bytes = b"") -> bytes:
    data = zlib.compress(body)
    head = b"5 0 obj <</Type/ObjStm/Filter/FlateDecode/Length %d" % len(data) + extra
    return head + b">>stream\n" + data + b"\nendstream endobj"


def test_pdf_is_kept_as_it_is() -> None:
    """Its bytes do not change."""
    data = pdf(b"1 0 obj <</Type/Catalog/OpenAction[2 0 R /Fit]>> endobj", packed(b"<</A 1>>"))

    assert is_pdf(data)
    file = prepare(data)
    assert (data, "application/pdf", ".pdf", None) == (
        file.data, file.media_type, file.extension, file.hash
    )  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        b"/JS", b"/JavaScript", b"/Launch", b"/EmbeddedFile", b"/EmbeddedFiles", b"/RichMedia",
        b"/XFA", b"/SubmitForm", b"/Encrypt", b"/J#53", b"/#4aava#53cript",
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_packed", [False, True])
def test_active_pdf_is_refused(name: bytes, is_packed: bool) -> None:  # noqa: FBT001 - by name
    """No script, program or file is accepted, even with an escaped name or in a packed object."""
    active = b"<</S" + name + b" (app.alert(1))>>"

    with pytest.raises(RejectedError, match="VALIDATION_ERROR"):
        prepare(pdf(packed(active) if is_packed else b"2 0 obj " + active + b" endobj"))


def test_bytes_of_a_page_are_no_names() -> None:
    """A compressed picture may contain any bytes by chance."""
    data = pdf(b"3 0 obj <<>>stream\n\x01/JS (x)\x02\nendstream endobj")

    assert data == prepare(data).data


@pytest.mark.parametrize(
    "data",
    [
        pdf() + b"PK\x03\x04 second file",
        pdf()[:-7],
        pdf() + b"<script>alert(1)</script>",
        pdf(b"5 0 obj <</Type/ObjStm>>stream\nnot packed\nendstream endobj"),
        pdf(b"5 0 obj <</Type/ObjStm>>stream \x01endstream endobj"),
        pdf(packed(b"<<>>").replace(b"\nendstream", b"")),
        pdf(packed(b"<<>>", b"/DecodeParms<</Predictor 12>>")),
        pdf(packed(b"<<>>", b"/Other/ObjStm")),
        pdf(packed(b"<</A 1>>" * 999).replace(b"\nendstream", b"endstream")[:-30] + b"endstream"),
    ],
)
def test_pdf_with_another_end_is_refused(data: bytes) -> None:
    """A second file would hide behind the end."""
    with pytest.raises(RejectedError, match="VALIDATION_ERROR"):
        prepare(data)


def test_packed_bomb_is_refused() -> None:
    """A few kilobytes would unpack to gigabytes."""
    with pytest.raises(RejectedError, match="VALIDATION_ERROR"):
        prepare(pdf(packed(b" " * (17 * 1024 * 1024))))


def test_time_is_linear() -> None:
    """A stream without an end is not searched again from each beginning."""
    data = pdf(b"stream\n" * 150_000, b"/#" * 150_000)

    assert data == prepare(data).data


@pytest.mark.parametrize("data", [b"", b" %PDF-1.4", b"<html>%PDF-1.4", b"%PDF-3.0", b"%!PS"])
def test_type_is_told_by_the_first_bytes(data: bytes) -> None:
    """A header later in the file is another file's."""
    assert not is_pdf(data)
