"""Background tasks: a wake-up makes waiting tasks look for work, a failed task ends the process."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Coroutine, Iterable
from typing import Any


log = logging.getLogger(__name__)


class WakeUp:
    """Wakes the tasks that wait for a change. Each task then looks for work itself.

    A task must not await between its look and its wait, or it misses a wake-up in between.
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def wake_all(self) -> None:
        """Wake all tasks that wait now."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, timeout_s: float | None) -> bool:
        """Wait for the next wake-up; return false if the time is up first."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return False
        return True


@contextlib.asynccontextmanager
async def in_background(works: Iterable[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run `works`, which never end by themselves, until the block ends."""
    tasks = [asyncio.create_task(work) for work in works]
    for task in tasks:
        task.add_done_callback(_stop_if_failed)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _stop_if_failed(task: asyncio.Task[None]) -> None:
    """End the process after a bug, because a server without its tasks would look healthy."""
    if not task.cancelled() and task.exception() is not None:
        log.critical("background task failed", exc_info=task.exception())
        os.kill(os.getpid(), signal.SIGTERM)
