"""Decode one file of a user: the program of the process that `decoding` starts.

It reads the file from its standard input. It writes a line of JSON and the new file, or a refusal.
"""

import dataclasses
import json
import resource
import sys
from typing import Any

from market.errors import RejectedError
from market.files.types import Prepared


_MIB = 1024 * 1024
#: A picture of 25 million pixels needs half a gigabyte, and less than a second.
_MEMORY_LIMIT = 768 * _MIB
_PROCESSOR_LIMIT_S = 3


def main() -> None:
    """Decode the file as the kind that the argument names."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_LIMIT, _MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR_LIMIT_S, _PROCESSOR_LIMIT_S + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    [_, kind] = sys.argv
    sys.stdout.buffer.write(answer_to(kind, sys.stdin.buffer.read()))


def answer_to(kind: str, data: bytes) -> bytes:
    """Return what the process writes about a file."""
    head: dict[str, Any]
    try:
        file = _decoded(kind, data)
    except RejectedError as refusal:
        body, head = b"", {"detail": refusal.detail, "refusal": refusal.text}
    else:
        head = dataclasses.asdict(file)
        body = head.pop("data")
    return json.dumps(head).encode() + b"\n" + body


def _decoded(kind: str, data: bytes) -> Prepared:
    # Import only the library that this file needs.
    if kind == "document":
        from market.files import documents  # noqa: PLC0415 - a picture needs no pikepdf

        return documents.prepare(data)
    from market.files import images  # noqa: PLC0415 - a document needs no Pillow

    return images.prepare(data, images.AVATAR_BOX if kind == "avatar" else images.PHOTO_BOX)


if __name__ == "__main__":
    main()
