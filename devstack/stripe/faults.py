"""Trouble of the API on a test's command: an error, a lost connection, a slow answer."""

import dataclasses
import fnmatch
from enum import StrEnum


class When(StrEnum):
    """Whether a fault strikes before the request has any effect, or when all is done."""

    BEFORE = "before"
    AFTER = "after"


@dataclasses.dataclass(slots=True, kw_only=True)
class Fault:
    """What befalls the next `times` requests that fit `method` and `path` (a pattern).

    With a `status` it is the answer; `reset` breaks the connection instead; `delay_s` alone only
    slows the request down.
    """

    status: int | None = None
    reset: bool = False
    delay_s: float = 0.0
    when: When = When.BEFORE
    times: int = 1
    method: str = "*"
    path: str = "*"

    def __post_init__(self) -> None:
        self.when = When(self.when)
        if self.status is not None and not 400 <= self.status <= 599:  # noqa: PLR2004 - HTTP errors
            raise ValueError("status must be an HTTP error")

    def fits(self, method: str, path: str) -> bool:
        """Return whether the request is one of those that were meant."""
        return self.method in ("*", method) and fnmatch.fnmatchcase(path, self.path)


class Faults:
    """The faults still to come, the oldest first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Have a fault befall requests to come."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Let everything go well again."""
        self._faults.clear()

    def pending(self) -> list[Fault]:
        """Return what has not struck yet."""
        return list(self._faults)

    def strike(self, method: str, path: str) -> Fault | None:
        """Return the fault of this request, and count it."""
        for fault in self._faults:
            if fault.fits(method, path):
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
                return fault
        return None
