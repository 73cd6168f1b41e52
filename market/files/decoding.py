"""Decode files of users in processes of their own.

A file may make a decoder slow, large, or crash. So the process has limits of memory and time, and
no secrets; and the threads of the service run on meanwhile.
"""

import enum
import json
import subprocess
import sys
from pathlib import Path

from market.errors import MarketError, RejectedError, TransientError
from market.files.types import Prepared


_ROOT = Path(__file__).parents[2]
#: -B: write no bytecode. -E and -s: neither a variable nor a home folder adds code.
_COMMAND = (sys.executable, "-B", "-E", "-s", "-m", "market.files.decoder")
_PDF_STARTS = (b"%PDF-1.", b"%PDF-2.")
#: The limit of the processor's time is lower, so only a busy machine lets a process run so long.
_TIMEOUT_S = 8.0


class Kind(enum.StrEnum):
    """The form into which a file is brought."""

    PHOTO = "photo"
    AVATAR = "avatar"
    DOCUMENT = "document"


def is_pdf(data: bytes) -> bool:
    """Return true if the content begins as a PDF does."""
    return data.startswith(_PDF_STARTS)


def decode(data: bytes, kind: Kind) -> Prepared:
    """Return a file as it is stored. It takes up to 768 MB, so callers decode one at a time.

    Raises:
        RejectedError: `VALIDATION_ERROR` if the file is not acceptable, or exceeds the limits.
        TransientError: `TIMEOUT`.

    """
    try:
        decoder = subprocess.run(  # noqa: S603 - our own program
            [*_COMMAND, kind],
            cwd=_ROOT,
            env={},
            input=data,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TransientError("TIMEOUT", "decoder") from error
    if decoder.returncode < 0:
        # The system ends a process that exceeds its limits by a signal. A crash is one, too.
        detail = f"decoder: signal {-decoder.returncode}"
        raise RejectedError("VALIDATION_ERROR", detail, text="The file is malformed")
    if decoder.returncode != 0:
        raise MarketError("INTERNAL_ERROR", decoder.stderr.decode(errors="replace")[-500:])
    return _read(decoder.stdout)


def _read(output: bytes) -> Prepared:
    line, _, data = output.partition(b"\n")
    head = json.loads(line)
    if "refusal" in head:
        raise RejectedError("VALIDATION_ERROR", head["detail"], text=head["refusal"])
    return Prepared(data=data, **head)
