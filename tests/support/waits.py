"""Time limits in seconds for a machine that is busy with other tests.

A test that passes rarely waits long, so a generous limit costs nothing.
"""

from collections.abc import Callable
from typing import TypeVar

from devstack.supervisor.processes import LOOK_S, wait_until


Found = TypeVar("Found")

#: For the start of a program, which imports for two seconds of a processor's time.
START_S = 120
#: For an answer, or for an effect that follows one.
ANSWER_S = 30


def awaited(
    find: Callable[[], Found | None], limit_s: float, what: str, look_s: float = LOOK_S
) -> Found:
    """Call `find` every `look_s` seconds until it returns something, and return that."""
    found: list[Found] = []

    def is_found() -> bool:
        one = find()
        if one is not None:
            found.append(one)
        return bool(found)

    assert wait_until(is_found, limit_s, look_s), f"{what} did not come in time"
    return found[0]
