"""Refuse a file that is a file of another format, too, such as a picture that is a ZIP archive.

The check reads the bytes as they are, whichever part of the file holds them. The patterns are so
long that compressed pixels match one by chance in about one of 75,000 files of ten megabytes.
"""

import re

from market.errors import RejectedError


#: Most patterns begin with literal bytes, which the search finds fast.
_UNPACKS = (
    # A ZIP, and so a JAR, an APK or a document of an office: a file in it, or its end. The version,
    # the flags and the method of packing follow the first four bytes.
    rb"PK\x03\x04.{4}[\x00\x08\x09\x0c\x0e\x5d\x5f-\x63]\x00",
    rb"PK\x05\x06\x00{4}",
    rb"Rar!\x1a\x07[\x00\x01]",
    rb"7z\xbc\xaf\x27\x1c",
    rb"\xfd7zXZ\x00",
    rb"BZh[1-9]1AY&SY",
    rb"MSCF\x00{4}",
    rb"ustar(?:\x0000|  \x00)",
    rb"\x01CD001\x01",
)
_RUNS = (
    # A program of Windows, Linux or macOS, a class of Java, and WebAssembly.
    rb"PE\x00\x00(?:\x4c\x01|\x64\x86|\x64\xaa|\xc4\x01)",
    rb"\x7fELF[\x01\x02][\x01\x02]\x01",
    rb"[\xce\xcf]\xfa\xed\xfe[\x07\x0c]\x00\x00[\x00\x01]",
    rb"\xca\xfe\xba\xbe\x00[\x00-\x03]\x00[\x01-\x60]",
    rb"\x00asm\x01\x00\x00\x00",
    rb"#!/(?:usr/)?bin/",
    rb"__HALT_COMPILER",
)
_PRINTABLE = rb"[\t\n\r -~]"
_SHOWS = (
    rb"%PDF-[12]\.",
    rb"(?i:<script[\s/>])",
    rb"(?i:<html[\s>])",
    rb"(?i:<!doctype\s+html)",
    rb"(?i:<\?php\s)",
    rb"<\?=" + _PRINTABLE + rb"{12}",
    # Two opening brackets begin a dictionary of a PDF, and a comment may follow.
    rb"<%(?<!<<%)" + _PRINTABLE + rb"{20}",
    # An element that runs a script. Content credentials may hold an icon in SVG, which runs none.
    rb"(?i:<[a-z][\t\n\r -;=-~]{0,200}?\son[a-z]{3,20}\s{0,9}=)",
    rb"(?i:javascript:)",
)
_PATTERNS = tuple(re.compile(pattern, re.DOTALL) for pattern in (*_UNPACKS, *_RUNS, *_SHOWS))
#: A JPEG that is a script, too: the length of its first segment opens a comment. An honest segment
#: of this kind has sixteen bytes.
_SCRIPT = b"\xff\xd8\xff\xe0/*"


def refuse_other_formats(data: bytes) -> None:
    """Refuse a file that holds an archive, a program, a page with a script, or a second PDF.

    Pictures inside a picture are allowed, because phones add previews, depth maps and films.

    Raises:
        RejectedError: `VALIDATION_ERROR`.

    """
    # A PDF has its own header at the start.
    if data.startswith(_SCRIPT) or any(pattern.search(data, 1) for pattern in _PATTERNS):
        raise RejectedError(
            "VALIDATION_ERROR", "other format", text="The file holds a file of another format"
        )
