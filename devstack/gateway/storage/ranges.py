"""Byte ranges of a download: one range is served, anything else gets the whole object."""

import re
from dataclasses import dataclass

from devstack.gateway.storage.errors import unsatisfiable_range


#: More digits than any file has bytes are no range either.
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part of a file; `end` is behind its last byte."""

    start: int
    end: int
    total: int

    @property
    def length(self) -> int:
        """Return how many bytes it has."""
        return self.end - self.start

    @property
    def content_range(self) -> str:
        """Return how the answer's head names it."""
        return f"bytes {self.start}-{self.end - 1}/{self.total}"


def span_of(header: str | None, total: int) -> Span | None:
    """Return the part of `total` bytes that a Range header asks for; None is all of them.

    As S3 does, a header that is no single range is passed over. Raises: StorageError 416.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match[1] == match[2] == "":
        return None
    first, last = match[1], match[2]
    if first == "":
        start, end = max(0, total - int(last)), total
    else:
        start, end = int(first), min(total, int(last) + 1) if last else total
        if last and int(last) < start:
            return None
    if start >= end:
        raise unsatisfiable_range()
    return Span(start=start, end=end, total=total)
