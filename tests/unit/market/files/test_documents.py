"""`market.files.documents`: PDFs are parsed and rewritten, and harmful ones refused."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, Pdf, String

from market.errors import RejectedError
from market.files import documents
from market.files.documents import prepare
from tests.support.pictures import pdf, raw_pdf


Change = Callable[[Pdf], None]
SCRIPT = Dictionary(S=Name.JavaScript, JS=String("app.alert(1)"))


ACTIVE = "A PDF with scripts, other files or a password is not accepted"
MALFORMED = "The PDF is malformed"
TOO_LARGE = "The PDF has too many pages or objects"


def refusal_of(data: bytes) -> str | None:
    """Return the reason why a PDF is refused, or None for an accepted one."""
    try:
        prepare(data)
    except RejectedError as refusal:
        return refusal.text
    return None


def opened(action: Any) -> Change:
    """Return the change that makes a reader do something when it opens the document."""

    def change(document: Pdf) -> None:
        document.Root.OpenAction = action

    return change


def annotated(**fields: Any) -> Change:
    """Return the change that puts an annotation on the page."""

    def change(document: Pdf) -> None:
        annotation = Dictionary(Type=Name.Annot, Rect=[0, 0, 9, 9], **fields)
        document.pages[0].Annots = Array([document.make_indirect(annotation)])

    return change


def in_catalog(key: str, value: Any) -> Change:
    """Return the change that adds an entry to the catalog."""

    def change(document: Pdf) -> None:
        document.Root[key] = value

    return change


def attached(document: Pdf) -> None:
    document.attachments["a.exe"] = pikepdf.AttachedFileSpec(document, b"MZ", filename="a.exe")


def drawn_from_outside(document: Pdf) -> None:
    document.pages[0].Contents = document.make_stream(b"", F=String("/etc/passwd"))


def indirect_action(document: Pdf) -> None:
    action = document.make_indirect(
        Dictionary(S=document.make_indirect(Name.Launch), F=String("calc.exe"))
    )
    document.Root.OpenAction = document.make_indirect(action)


def bookmarked(document: Pdf) -> None:
    item = document.make_indirect(Dictionary(Title=String("x"), A=SCRIPT))
    document.Root.Outlines = document.make_indirect(Dictionary(First=item, Last=item, Count=1))


def submitted(document: Pdf) -> None:
    action = Dictionary(S=Name.SubmitForm, F=String("https://evil.test"))
    field = Dictionary(FT=Name.Btn, T=String("b"), A=action)
    document.Root.AcroForm = Dictionary(Fields=Array([document.make_indirect(field)]))


def filled(document: Pdf) -> None:
    field = Dictionary(FT=Name.Tx, T=String("name"), V=String("value"))
    document.Root.AcroForm = Dictionary(Fields=Array([document.make_indirect(field)]))


def link(address: str) -> Change:
    return annotated(Subtype=Name.Link, A=Dictionary(S=Name.URI, URI=String(address)))


ACTIVE_CHANGES: dict[str, Change] = {
    "script": opened(SCRIPT),
    "script of the catalog": in_catalog(
        "/Names", Dictionary(JavaScript=Dictionary(Names=Array([String("x"), SCRIPT])))
    ),
    "program": opened(Dictionary(S=Name.Launch, F=String("calc.exe"))),
    "indirect program": indirect_action,
    "second action": opened(Dictionary(S=Name.GoTo, Next=Dictionary(S=Name.GoToR, F=String("x")))),
    "one of the next actions": opened(
        Dictionary(S=Name.GoTo, Next=Array([Dictionary(S=Name.GoTo), Dictionary(S=Name.Hide)]))
    ),
    "action of a bookmark": bookmarked,
    "action of a form": submitted,
    "unknown action": annotated(Subtype=Name.Link, A=Dictionary(S=Name.Unknown)),
    "action without a name": annotated(Subtype=Name.Link, A=Dictionary(S=String("JavaScript"))),
    "action at an event": annotated(Subtype=Name.Link, AA=Dictionary(E=SCRIPT)),
    "other document": annotated(Subtype=Name.Link, A=Dictionary(S=Name.GoToR, F=String("x"))),
    "address of a script": link("javascript:alert(1)"),
    "address of a file": link("file:///etc/passwd"),
    "address without a scheme": link("\\\\server\\share"),
    "attachment": attached,
    "attachment on a page": annotated(Subtype=Name.FileAttachment),
    "film": annotated(Subtype=Name.Screen),
    "program inside": annotated(Subtype=Name.RichMedia),
    "model": annotated(Subtype=Name("/3D")),
    "form of XML": in_catalog("/AcroForm", Dictionary(XFA=String("<xdp/>"))),
    "portfolio": in_catalog("/Collection", Dictionary()),
    "associated file": in_catalog("/AF", Array([])),
    "content of another file": drawn_from_outside,
}


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize("name", ACTIVE_CHANGES)
def test_active_pdf_is_refused(name: str, is_packed: bool) -> None:  # noqa: FBT001 - by name
    """No script, program, file or form that sends data is accepted, wherever it is."""
    assert ACTIVE == refusal_of(pdf(ACTIVE_CHANGES[name], is_packed=is_packed))


@pytest.mark.parametrize(
    "data",
    [
        raw_pdf(b"9 0 obj <</S/J#61vaScript/J#53(x)>> endobj", catalog=b"/OpenAction 9 0 R"),
        raw_pdf(b"% stream\n9 0 obj <</S/Launch>> endobj\n%endstream", catalog=b"/X 9 0 R"),
        raw_pdf(b"(stream\n)\n9 0 obj <</S/Launch>> endobj\n(endstream)", catalog=b"/X 9 0 R"),
        raw_pdf(b"9 0 obj <</S/Launch>> endobj", catalog=b"/OpenAction%\n9%\n0 R"),
        raw_pdf(b"9 0 obj [[<</A<</B[<</JS 1>>]>>>>]] endobj", catalog=b"/X 9 0 R"),
        raw_pdf(catalog=b"/OpenAction[3 0 R/Fit]/OpenAction<</S/Launch>>"),
        pdf(ACTIVE_CHANGES["script"]).replace(b"<< /Type /ObjStm ", b"<</Type/Obj#53tm "),
    ],
    ids=["escape", "comment", "text", "blank", "depth", "repeated key", "packed"],
)
def test_form_of_writing_hides_nothing(data: bytes) -> None:
    """No way of writing an object hides it from the parser."""
    assert ACTIVE == refusal_of(data)


def pdf_of(data: bytes) -> bytes:
    """Return a PDF with nothing compressed."""
    buffer = io.BytesIO()
    with Pdf.open(io.BytesIO(data)) as document:
        document.save(buffer, qdf=True)
    return buffer.getvalue()


@pytest.mark.parametrize("password", ["", "secret"])
def test_encrypted_pdf_is_refused(password: str) -> None:
    """An encrypted PDF is refused, also without a password for reading."""
    buffer = io.BytesIO()
    with Pdf.open(io.BytesIO(pdf())) as document:
        document.save(buffer, encryption=pikepdf.Encryption(owner="owner", user=password))

    assert ACTIVE == refusal_of(buffer.getvalue())


@pytest.mark.parametrize(
    "change",
    [
        link("https://shop.test/receipt"),
        link("MAILTO:a@shop.test"),
        annotated(Subtype=Name.Link, A=Dictionary(S=Name.GoTo, D=Array([0, Name.Fit]))),
        filled,
        opened(Array([0, Name.Fit])),
        opened(Dictionary(S=Name.Named, N=Name.NextPage)),
        in_catalog("/StructTreeRoot", Dictionary(K=Dictionary(S=Name.P, A=Dictionary(O=Name.X)))),
    ],
)
def test_harmless_pdf_is_accepted(change: Change) -> None:
    """Bills have links to their shop, contents, filled forms and tags."""
    assert refusal_of(pdf(change)) is None


def test_pdf_is_written_anew() -> None:
    """The pages are the same, and so are the bytes of a repeat and of an upload of the result."""
    data = raw_pdf(b"%" + b"x" * 9999)

    file = prepare(data)

    assert ("application/pdf", ".pdf", None) == (file.media_type, file.extension, file.hash)
    with Pdf.open(io.BytesIO(file.data)) as document:
        assert [0, 0, 9, 9] == [int(side) for side in document.pages[0].MediaBox]
    assert file.data == prepare(data).data == prepare(file.data).data
    assert pdf() == prepare(pdf()).data


@pytest.mark.parametrize(
    "data",
    [
        raw_pdf(b"9 0 obj (secret) endobj"),
        raw_pdf(b"secret text"),
        raw_pdf(b"% PK\x03\x04 secret"),
        b"%PDF-1.4 secret" + raw_pdf()[8:],
        raw_pdf(b"9 0 obj (secret) endobj\n%%EOF\n", b"% the next revision"),
        raw_pdf().replace(b"/Root 1 0 R", b"/Root 1 0 R/ID[(secret)(secret)]/Other(secret)"),
    ],
    ids=["unused object", "between objects", "comment", "first line", "revision", "trailer"],
)
def test_bytes_of_no_page_are_gone(data: bytes) -> None:
    """Unused bytes, such as an earlier revision's text, are not in the result."""
    assert b"secret" in data
    assert b"secret" not in pdf_of(prepare(data).data)


@pytest.mark.parametrize(
    "data",
    [
        pdf() + b"PK\x03\x04 second file",
        pdf()[:-7],
        pdf() + b"<script>alert(1)</script>",
        pdf() + b"\n%",
    ],
)
def test_bytes_behind_the_end_are_refused(data: bytes) -> None:
    """Bytes after the end are refused, because a second file could begin there."""
    with pytest.raises(RejectedError, match="VALIDATION_ERROR"):
        prepare(data)


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7\n%%EOF",
        b"%PDF-1.7\n1 0 obj <</Type/Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF",
        b"%PDF-1.7\n1 0 obj <</Type/Catalog/Pages 1 0 R>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF",
        b"%PDF-1.7\n" + b"[" * 100_000 + b"\n%%EOF",
        raw_pdf().replace(b"/Kids[3 0 R]", b"/Kids[2 0 R]"),
        raw_pdf().replace(b"/Kids[3 0 R]", b"/Kids 7"),
    ],
    ids=["nothing", "no pages", "catalog as pages", "depth", "loop", "no list"],
)
def test_malformed_pdf_is_refused(data: bytes) -> None:
    """A malformed PDF and one without a page are refused."""
    assert MALFORMED == refusal_of(data)


def test_pdf_of_many_pages_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A PDF with too many pages is refused."""
    monkeypatch.setattr(documents, "_MOST_PAGES", 1)
    assert refusal_of(pdf()) is None

    assert TOO_LARGE == refusal_of(pdf(lambda document: document.pages.append(document.pages[0])))


def test_pdf_of_many_objects_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A PDF with too many objects is refused, unused ones included."""
    monkeypatch.setattr(documents, "_MOST_OBJECTS", 10)
    assert refusal_of(raw_pdf()) is None

    assert TOO_LARGE == refusal_of(raw_pdf(*(b"%d 0 obj 1 endobj" % each for each in range(9, 29))))


def test_result_has_the_size_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A result that is larger than the bucket's limit is refused."""
    monkeypatch.setattr(documents, "_MOST_BYTES", 100)

    assert TOO_LARGE == refusal_of(pdf())


def packed_pdf(body: bytes, filters: bytes) -> bytes:
    """Make a PDF with one packed object, the action that its catalog names."""
    stream = b"<</Type/ObjStm/N 1/First 4/Filter[%s]/Length %d>>stream\n%s\nendstream"
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R/OpenAction 9 0 R>>",
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
        4: stream % (filters, len(body), body),
    }
    data, table = b"%PDF-1.7\n", {9: struct.pack(">BIH", 2, 4, 0)}
    for number, text in objects.items():
        table[number] = struct.pack(">BIH", 1, len(data), 0)
        data += b"%d 0 obj %s endobj\n" % (number, text)
    table[5] = struct.pack(">BIH", 1, len(data), 0)
    rows = b"".join(table.get(number, bytes(7)) for number in range(10))
    head = b"5 0 obj <</Type/XRef/Root 1 0 R/Size 10/W[1 4 2]/Length %d>>stream\n" % len(rows)
    end = b"\nendstream endobj\nstartxref\n%d\n%%%%EOF\n" % len(data)
    return data + head + rows + end


def test_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object that would unpack to gigabytes counts as missing."""
    monkeypatch.setattr(documents, "_MOST_UNPACKED", 1024 * 1024)
    script = b"9 0 <</S/JavaScript/JS(x)>>"
    small, bomb = (
        packed_pdf(zlib.compress(zlib.compress(script + b" " * size)), b"/FlateDecode/FlateDecode")
        for size in (0, 2 * 1024 * 1024)
    )

    assert ACTIVE == refusal_of(small)
    assert len(bomb) < 10_000
    assert b"JavaScript" not in pdf_of(prepare(bomb).data)
