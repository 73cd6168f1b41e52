"""Write a PDF anew without trusting it: the program of the process that `documents` starts.

It reads the file from its standard input and writes the new one to its standard output. It imports
nothing of ours, so that the process starts fast and holds no secret.
"""

import io
import resource
import sys
from collections.abc import Iterator

import pikepdf
from pikepdf import Array, Dictionary, Name, ObjectStreamMode, Pdf, Stream


_MIB = 1024 * 1024
#: The process ends when it has used this much memory or time of the processor.
_MEMORY_LIMIT = 512 * _MIB
_PROCESSOR_LIMIT_S = 5
_MOST_BYTES = 10 * _MIB
_MOST_PAGES = 500
_MOST_OBJECTS = 50_000
#: The objects that are packed into one stream may have this size.
_MOST_UNPACKED = 64 * _MIB
#: The exit status of a refusal.
TOO_LARGE, MALFORMED, ACTIVE = 3, 4, 5

#: The keys under which a reader finds an action, and the actions that only show another place.
_ACTION_KEYS = frozenset({"/A", "/Next", "/OpenAction", "/PA"})
_HARMLESS_ACTIONS = frozenset({"/GoTo", "/Named", "/URI"})
_HARMLESS_ADDRESSES = ("http://", "https://", "mailto:", "tel:")
#: Keys that make a reader run a script, or open a file inside the document.
_ACTIVE_KEYS = frozenset(
    {"/AA", "/AF", "/Collection", "/EF", "/EmbeddedFiles", "/Encrypt", "/JS", "/JavaScript",
     "/Renditions", "/RichMediaContent", "/XFA"}
)  # fmt: skip
#: The types of annotations and actions that run a program, play media, or hold or send a file.
_ACTIVE_TYPES = frozenset(
    {"/3D", "/EmbeddedFile", "/FileAttachment", "/GoTo3DView", "/GoToDp", "/GoToE", "/GoToR",
     "/ImportData", "/JavaScript", "/Launch", "/Movie", "/Projection", "/Rendition", "/RichMedia",
     "/RichMediaExecute", "/Screen", "/Sound", "/SubmitForm"}
)  # fmt: skip
#: A stream with one of these keys takes its content from another file.
_OUTSIDE_KEYS = frozenset({"/F", "/FDecodeParms", "/FFilter", "/OPI", "/Ref"})


class RefusedError(Exception):
    """The PDF is refused; `status` is the exit status that says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def main() -> int:
    """Rewrite the PDF of the standard input; return the exit status."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_LIMIT, _MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR_LIMIT_S, _PROCESSOR_LIMIT_S + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    try:
        sys.stdout.buffer.write(rewrite(sys.stdin.buffer.read()))
    except RefusedError as refusal:
        return refusal.status
    return 0


def rewrite(data: bytes) -> bytes:
    """Return the PDF with the objects that its pages use, and with nothing else.

    The same file gives the same bytes, and so does the result.

    Raises:
        RefusedError: it is encrypted, active, malformed, or too large.

    """
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
        raise RefusedError(TOO_LARGE) from error
    except pikepdf.PasswordError as error:
        raise RefusedError(ACTIVE) from error
    # The library has no common class for what a malformed file makes it raise.
    except (pikepdf.PdfError, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError,
            NotImplementedError, AttributeError) as error:  # fmt: skip
        raise RefusedError(MALFORMED) from error
    return written


def _check_size(pdf: Pdf) -> None:
    if pdf.is_encrypted:
        raise RefusedError(ACTIVE)
    page_count = len(pdf.pages)
    if len(pdf.objects) > _MOST_OBJECTS or page_count > _MOST_PAGES:
        raise RefusedError(TOO_LARGE)
    if page_count == 0:
        raise RefusedError(MALFORMED)


def _check_content(pdf: Pdf) -> None:
    for thing in (pdf.trailer, *pdf.objects):
        for dictionary in _dictionaries_in(thing):
            if _is_active(dictionary):
                raise RefusedError(ACTIVE)


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
        raise RefusedError(TOO_LARGE)
    return buffer.getvalue()


if __name__ == "__main__":
    sys.exit(main())
