"""Read Stripe's lists in parts, from a position that the database keeps.

The position is restored with the database. So a restored database reads the lost hours again.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from market.database import Database


#: A part grows while parts hold little, so that a long pause takes few calls.
_SPAN_S = 600
_MOST_PARTS = 50
#: Stripe has this long to deliver an event before we look for it.
_DELAY_S = 10

Page: TypeAlias = Sequence[Mapping[str, Any]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A part of a list: objects that were created between two times, in Unix seconds.

    `now` is the time of the database. Parts overlap, so a reader must expect known objects.
    """

    since: int
    until: int
    now: int


def read_on(database: Database, name: str, read: Callable[[Window], int]) -> None:
    """Let `read` read the next parts of the list `name`, and record the new position.

    `read` returns the number of pages of a part. If it fails, the next run reads the part again.
    Two workers may read the same parts at once.
    """
    span_s = _SPAN_S
    for _ in range(_MOST_PARTS):
        answer = database.call("reading_window", list=name, span_s=span_s, delay_s=_DELAY_S)
        window = Window(since=answer["since"], until=answer["until"], now=answer["now"])
        page_count = read(window)
        database.call("advance_reading", list=name, until=window.until)
        if answer["is_newest"]:
            return
        span_s = 2 * span_s if page_count <= 1 else _SPAN_S


def read_pages_on(
    database: Database,
    name: str,
    pages_of: Callable[[Window], Iterable[Page]],
    record: Callable[[Page], int],
) -> int:
    """Let `record` have each page of the next parts of the list `name`; return its sum."""
    count = 0

    def read(window: Window) -> int:
        nonlocal count
        page_count = 0
        for page in pages_of(window):
            page_count += 1
            count += record(page)
        return page_count

    read_on(database, name, read)
    return count
