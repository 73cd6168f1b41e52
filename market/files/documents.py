"""Check a PDF and write it anew, in a process of its own.

A file from another user may make a parser slow, large, or crash. So the process has limits of
memory and time, and no secrets. The stored file is the parsed one: a reader finds no object that
the check has not seen, and nothing is hidden before, between or behind the objects.
"""

import subprocess
import sys

from market.errors import MarketError, RejectedError, TransientError
from market.files import pdf_writing
from market.files.types import Prepared


_STARTS = (b"%PDF-1.", b"%PDF-2.")
_END = b"%%EOF"
_BLANKS = b"\0\t\n\f\r "
#: The process needs a second at most, so it has longer on a busy machine.
_PATIENCE_S = 8.0
_CRASHED = 1
_MALFORMED = "The PDF is malformed"
_REASONS = {
    pdf_writing.TOO_LARGE: "The PDF has too many pages or objects",
    pdf_writing.ACTIVE: "A PDF with scripts, other files or a password is not accepted",
}


def is_pdf(data: bytes) -> bool:
    """Return true if the content begins as a PDF does."""
    return data.startswith(_STARTS)


def prepare(data: bytes) -> Prepared:
    """Return a PDF with the same pages, written anew. The same file gives the same bytes.

    Raises:
        RejectedError: `VALIDATION_ERROR` if it is encrypted, holds a script, a program or a file,
            is malformed or too large, or other bytes follow its end.
        TransientError: `TIMEOUT`.

    """
    if not data.rstrip(_BLANKS).endswith(_END):
        raise RejectedError("VALIDATION_ERROR", text=_MALFORMED)
    try:
        writing = subprocess.run(  # noqa: S603 - our own program, without arguments
            # Isolated, so that neither a variable nor a folder adds code.
            [sys.executable, "-I", pdf_writing.__file__],
            input=data,
            capture_output=True,
            env={},
            timeout=_PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        # The limit of the processor's time is lower, so the machine is busy.
        raise TransientError("TIMEOUT", "pdf") from error
    if writing.returncode == _CRASHED:
        raise MarketError("INTERNAL_ERROR", writing.stderr.decode(errors="replace")[-500:])
    if writing.returncode != 0:
        # A signal, which is negative, ends a process that exceeds its limits.
        text = _REASONS.get(writing.returncode, _MALFORMED)
        raise RejectedError("VALIDATION_ERROR", f"pdf: {writing.returncode}", text=text)
    return Prepared(data=writing.stdout, media_type="application/pdf", extension=".pdf")
