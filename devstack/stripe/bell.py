"""A bell that wakes all who wait for it."""

import asyncio


class Bell:
    """Rung when something has changed; who hears it looks for himself.

    Between looking and waiting there must be no await, or a ring in between is missed.
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake everybody who waits now."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, timeout_s: float | None) -> bool:
        """Wait for the next ring; return whether it came in time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return False
        return True
