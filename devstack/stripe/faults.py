"""Trouble of the API on a test's command: an error, a lost connection, a slow answer."""

import dataclasses
import fnmatch
from enum import StrEnum

from devstack.stripe.bell import Bell


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
        if self.delay_s < 0 or self.times < 1:
            raise ValueError("delay_s must not be below 0, nor times below 1")
        if self.status is None and not self.reset and not self.delay_s:
            raise ValueError("a fault needs a status, a reset or a delay_s")

    def fits(self, method: str, path: str) -> bool:
        """Return whether the request is one of those that were meant."""
        return self.method in ("*", method) and fnmatch.fnmatchcase(path, self.path)


class Faults:
    """The faults still to come, the oldest first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._called_off = Bell()

    def add(self, fault: Fault) -> None:
        """Have a fault befall requests to come."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Let everything go well again; what is being delayed is delayed no longer."""
        self._faults.clear()
        self._called_off.ring()

    def pending(self) -> list[Fault]:
        """Return what has not struck yet."""
        return list(self._faults)

    async def delay(self, fault: Fault) -> bool:
        """Wait as long as the fault wants; return whether it was called off meanwhile."""
        return bool(fault.delay_s) and await self._called_off.wait(fault.delay_s)

    def strike(self, method: str, path: str) -> Fault | None:
        """Return the fault of this request, and count it."""
        for fault in self._faults:
            if fault.fits(method, path):
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
                return fault
        return None
