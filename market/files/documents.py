"""Check a PDF and write it anew, so that the stored file is the parsed one.

A reader then finds no object that the check has not seen, and nothing is hidden before, between or
behind the objects.
"""

import io
from collections.abc import Iterator

import pikepdf
from pikepdf import Array, Dictionary, Name, ObjectStreamMode, Pdf, Stream

from market.errors import RejectedError
from market.files.other_formats import refuse_other_formats
from market.files.types import Prepared


_MIB = 1024 * 1024
_MOST_BYTES = 10 * _MIB
_MOST_PAGES = 500
_MOST_OBJECTS = 50_000
#: The objects that are packed into one stream may have this size.
_MOST_UNPACKED = 64 * _MIB
_END = b"%%EOF"
_BLANKS = b"\0\t\n\f\r "
_TOO_LARGE = "The PDF has too many pages or objects"
_MALFORMED = "The PDF is malformed"
_ACTIVE = "A PDF with scripts, other files or a password is not accepted"

#: Errors that pikepdf raises about malformed files. It has no common class for them.
_MALFORMED_ERRORS = (
    pikepdf.PdfError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)

#: The keys under which a reader finds an action, and the actions that only show another place.
_ACTION_KEYS = frozenset({"/A", "/Next", "/OpenAction", "/PA"})
_HARMLESS_ACTIONS = frozenset({"/GoTo", "/Named", "/URI"})
_HARMLESS_ADDRESSES = ("http://", "https://", "mailto:", "tel:")
#: Keys that make a reader run a script, or open a file inside the document.
_ACTIVE_KEYS = frozenset(
    {
        "/AA",
        "/AF",
        "/Collection",
        "/EF",
        "/EmbeddedFiles",
        "/Encrypt",
        "/JS",
        "/JavaScript",
        "/Renditions",
        "/RichMediaContent",
        "/XFA",
    }
)
#: The types of annotations and actions that run a program, play media, or hold or send a file.
_ACTIVE_TYPES = frozenset(
    {
        "/3D",
        "/EmbeddedFile",
        "/FileAttachment",
        "/GoTo3DView",
        "/GoToDp",
        "/GoToE",
        "/GoToR",
        "/ImportData",
        "/JavaScript",
        "/Launch",
        "/Movie",
        "/Projection",
        "/Rendition",
        "/RichMedia",
        "/RichMediaExecute",
        "/Screen",
        "/Sound",
        "/SubmitForm",
    }
)
#: A stream with one of these keys takes its content from another file.
_OUTSIDE_KEYS = frozenset({"/F", "/FDecodeParms", "/FFilter", "/OPI", "/Ref"})


def prepare(data: bytes) -> Prepared:
    """Return a PDF with the objects that its pages use, and with nothing else.

    The same file gives the same bytes, and so does the result.

    Raises:
        RejectedError: `VALIDATION_ERROR` if it is encrypted, holds a script, a program or a file,
            is malformed or too large, other bytes follow its end, or it holds a file of another
            format.

    """
    if not data.rstrip(_BLANKS).endswith(_END):
        raise _refusal(_MALFORMED)
    pikepdf.settings.set_qpdf_limits(
        doc_max_warnings=100,
        flate_max_memory=_MOST_UNPACKED,
        png_max_memory=_MOST_UNPACKED,
        run_length_max_memory=_MOST_UNPACKED,
        tiff_max_memory=_MOST_UNPACKED,
    )
    try:
        with Pdf.open(io.BytesIO(data)) as pdf:
            _check_size(pdf)
            written = _written(pdf)
        # The check reads the file that is stored. It has to be whole, for another reader might
        # mend it in another way.
        with Pdf.open(io.BytesIO(written), attempt_recovery=False) as pdf:
            _check_content(pdf)
    except MemoryError as error:
        raise _refusal(_TOO_LARGE) from error
    except pikepdf.PasswordError as error:
        raise _refusal(_ACTIVE) from error
    except _MALFORMED_ERRORS as error:
        raise _refusal(_MALFORMED) from error
    refuse_other_formats(data)
    # Writing unpacks objects that the file has packed.
    refuse_other_formats(written)
    return Prepared(data=written, media_type="application/pdf", extension=".pdf")


def _refusal(text: str) -> RejectedError:
    return RejectedError("VALIDATION_ERROR", "pdf", text=text)


def _check_size(pdf: Pdf) -> None:
    if pdf.is_encrypted:
        raise _refusal(_ACTIVE)
    page_count = len(pdf.pages)
    if len(pdf.objects) > _MOST_OBJECTS or page_count > _MOST_PAGES:
        raise _refusal(_TOO_LARGE)
    if page_count == 0:
        raise _refusal(_MALFORMED)


def _check_content(pdf: Pdf) -> None:
    for thing in (pdf.trailer, *pdf.objects):
        for dictionary in _dictionaries_in(thing):
            if _is_active(dictionary):
                raise _refusal(_ACTIVE)


def _dictionaries_in(thing: object) -> Iterator[Dictionary | Stream]:
    """Yield the dictionaries of an object, without those of other objects that it refers to."""
    waiting = [thing]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Dictionary | Stream):
            yield value
            parts = [part for _, part in value.items()]
        elif isinstance(value, Array):
            parts = list(value)
        else:
            continue
        waiting += [part for part in parts if _is_container(part) and not part.is_indirect]


def _is_container(value: object) -> bool:
    return isinstance(value, Array | Dictionary | Stream)


def _is_active(dictionary: Dictionary | Stream) -> bool:
    keys = frozenset(dictionary.keys())
    if keys & _ACTIVE_KEYS or (isinstance(dictionary, Stream) and keys & _OUTSIDE_KEYS):
        return True
    if any(_name(dictionary.get(key)) in _ACTIVE_TYPES for key in ("/S", "/Subtype", "/Type")):
        return True
    return any(_is_active_action(dictionary[key]) for key in keys & _ACTION_KEYS)


def _is_active_action(value: object) -> bool:
    if isinstance(value, Array):
        # A destination is an array, too; it holds a page, a name and numbers.
        return any(_is_active_action(part) for part in value if isinstance(part, Dictionary))
    if not isinstance(value, Dictionary | Stream) or "/S" not in value:
        return False
    kind = _name(value["/S"])
    if kind == "/URI":
        return not str(value.get("/URI", "")).lower().startswith(_HARMLESS_ADDRESSES)
    return kind not in _HARMLESS_ACTIONS


def _name(value: object) -> str:
    return str(value) if isinstance(value, Name) else ""


def _written(pdf: Pdf) -> bytes:
    # The identifier follows from the content alone. The writer fills in the size.
    for key in frozenset(pdf.trailer.keys()) - {"/Root", "/Info"}:
        del pdf.trailer[key]
    pdf.trailer["/Size"] = 0
    buffer = io.BytesIO()
    pdf.save(
        buffer,
        object_stream_mode=ObjectStreamMode.generate,
        # Pages and pictures stay as they are: unpacking a bomb would cost time.
        compress_streams=False,
        deterministic_id=True,
        # This would parse the XML of the metadata.
        fix_metadata_version=False,
    )
    if buffer.tell() > _MOST_BYTES:
        raise _refusal(_TOO_LARGE)
    return buffer.getvalue()
