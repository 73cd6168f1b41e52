"""Trouble on a test's command: an error, a lost connection, a slow answer.

What is commanded befalls the next requests that fit; a server says itself how they suffer it.
"""

import asyncio
import dataclasses
import fnmatch
from collections.abc import Callable
from enum import StrEnum
from typing import ClassVar, Generic, TypeVar


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

    #: A fault without any of these would do nothing.
    EFFECTS: ClassVar[tuple[str, ...]] = ("status", "reset", "delay_s")

    def __post_init__(self) -> None:
        self.when, self.delay_s = When(self.when), float(self.delay_s)
        # A test's JSON may say anything.
        for name, kind in (("times", int), ("method", str), ("path", str)):
            if not isinstance(getattr(self, name), kind):
                raise TypeError(f"{name} must be {kind.__name__}")
        if self.status is not None and self.status not in range(400, 600):
            raise ValueError("status must be an HTTP error")
        if self.delay_s < 0 or self.times < 1:
            raise ValueError("delay_s must not be below 0, nor times below 1")
        if not any(getattr(self, name) for name in self.EFFECTS):
            raise ValueError(f"a fault needs one of {', '.join(self.EFFECTS)}")

    def fits(self, method: str, path: str) -> bool:
        """Return whether the request is one of those that were meant."""
        return self.method in ("*", method) and fnmatch.fnmatchcase(path, self.path)


AnyFault = TypeVar("AnyFault", bound=Fault)


class Faults(Generic[AnyFault]):
    """The faults still to come, the oldest first."""

    def __init__(self) -> None:
        self._faults: list[AnyFault] = []
        self._called_off = asyncio.Event()

    def __bool__(self) -> bool:
        return bool(self._faults)

    def add(self, fault: AnyFault) -> None:
        """Have a fault befall requests to come."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Let everything go well again; what is being delayed is delayed no longer."""
        self._faults.clear()
        self._called_off.set()
        self._called_off = asyncio.Event()

    async def delay(self, seconds: float | None) -> bool:
        """Wait so long, or for ever; return whether it was called off meanwhile."""
        if seconds == 0:
            return False
        try:
            async with asyncio.timeout(seconds):
                await self._called_off.wait()
        except TimeoutError:
            return False
        return True

    def pending(self) -> list[AnyFault]:
        """Return what has not struck yet."""
        return list(self._faults)

    def strike(
        self, method: str, path: str, is_meant: Callable[[AnyFault], bool] = lambda _fault: True
    ) -> AnyFault | None:
        """Return the fault of this request, and count it."""
        for fault in self._faults:
            if fault.fits(method, path) and is_meant(fault):
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
                return fault
        return None
