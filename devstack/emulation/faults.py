"""Faults that a test commands: an error status, a lost connection, a slow answer.

A fault applies to the next requests that match it; each server implements its effect.
"""

import asyncio
import dataclasses
import fnmatch
from collections.abc import Callable
from enum import StrEnum
from typing import ClassVar, Generic, TypeVar


class When(StrEnum):
    """The time of a fault: before the request has any effect, or after it has all of them."""

    BEFORE = "before"
    AFTER = "after"


@dataclasses.dataclass(slots=True, kw_only=True)
class Fault:
    """A fault applies to the next `times` requests that match `method` and the pattern `path`.

    `status` replaces the answer. `reset` breaks the connection instead of an answer. `delay_s`
    delays the request.
    """

    status: int | None = None
    reset: bool = False
    delay_s: float = 0.0
    when: When = When.BEFORE
    times: int = 1
    method: str = "*"
    path: str = "*"

    #: A fault without any of these would do nothing.
    EFFECTS: ClassVar[tuple[str, ...]] = ("status", "reset", "delay_s")

    def __post_init__(self) -> None:
        self.when, self.delay_s = When(self.when), float(self.delay_s)
        # The values come from JSON, so their types are unknown.
        for name, kind in (("times", int), ("method", str), ("path", str)):
            if not isinstance(getattr(self, name), kind):
                raise TypeError(f"{name} must be {kind.__name__}")
        if self.status is not None and self.status not in range(400, 600):
            raise ValueError("status must be an HTTP error")
        if self.delay_s < 0 or self.times < 1:
            raise ValueError("delay_s must not be below 0, nor times below 1")
        if not any(getattr(self, name) for name in self.EFFECTS):
            raise ValueError(f"a fault needs one of {', '.join(self.EFFECTS)}")

    def matches(self, method: str, path: str) -> bool:
        """Return true if the fault applies to the request."""
        return self.method in ("*", method) and fnmatch.fnmatchcase(path, self.path)


AnyFault = TypeVar("AnyFault", bound=Fault)


class Faults(Generic[AnyFault]):
    """The pending faults, oldest first."""

    def __init__(self) -> None:
        self._faults: list[AnyFault] = []
        self._cleared = asyncio.Event()

    def __bool__(self) -> bool:
        return bool(self._faults)

    def add(self, fault: AnyFault) -> None:
        """Add a fault for the next requests."""
        self._faults.append(fault)

    def clear(self) -> None:
        """End all faults, and the delays of running requests."""
        self._faults.clear()
        self._cleared.set()
        self._cleared = asyncio.Event()

    async def delay(self, seconds: float | None) -> bool:
        """Wait for `seconds`, or without limit for None; return true if `clear` ended the wait."""
        if seconds == 0:
            return False
        try:
            async with asyncio.timeout(seconds):
                await self._cleared.wait()
        except TimeoutError:
            return False
        return True

    def pending(self) -> list[AnyFault]:
        """Return the faults that still apply to some request."""
        return list(self._faults)

    def take(
        self, method: str, path: str, is_meant: Callable[[AnyFault], bool] = lambda _fault: True
    ) -> AnyFault | None:
        """Return the first fault that applies to this request, and count the use."""
        for fault in self._faults:
            if fault.matches(method, path) and is_meant(fault):
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
                return fault
        return None
