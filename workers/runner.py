"""The one loop that every worker runs in."""

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable

import structlog

from market import counters
from market import log as logs
from market.errors import TransientError


log = structlog.get_logger(__name__)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A piece of work that can be repeated until nothing is left to do.

    `interval_s` is the poll floor. A job that knows when it will have work next says so by
    `rest_s`; what it answers takes the floor's place. Rings start rounds at least `quiet_s` apart,
    so that a hundred bids in a second, each of which rings, do not cost a hundred rounds.
    """

    name: str
    tables: tuple[str, ...]  # a change of these rings
    work: Callable[[int], int]  # takes the most items to do, returns how many it did
    batch_size: int
    interval_s: float
    quiet_s: float
    rest_s: Callable[[], float] | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round has done, and how long the loop may rest after it."""

    done_count: int
    rest_s: float


async def run(job: Job, doorbell: asyncio.Event, stopping: asyncio.Event) -> None:
    """Do `job` whenever the doorbell rings, when it is due, and at least each poll floor.

    Realtime only rings: what to do is always read from the database. A ring that gets lost
    therefore costs one interval at most, never an auction. To stop, set `stopping`, then ring.
    """
    was_rung, clock = True, asyncio.get_running_loop().time
    while not stopping.is_set():
        doorbell.clear()
        may_ring_at = clock() + job.quiet_s
        done = await asyncio.to_thread(_do_round, job)
        if done.done_count > 0 and not was_rung and job.rest_s is None:
            # The floor has found what no ring told of, or what was backed off until now.
            counters.increment("rings_missed", job=job.name)
        # A full batch: there may be more, so there is no rest.
        was_rung = done.rest_s <= 0
        if not was_rung:
            due_at = clock() + done.rest_s
            was_rung = await _rest(doorbell, due_at=due_at, may_ring_at=min(may_ring_at, due_at))


def _do_round(job: Job) -> Round:
    with logs.bound(job=job.name):
        try:
            done_count = job.work(job.batch_size)
            if done_count >= job.batch_size:
                return Round(done_count=done_count, rest_s=0)
            rest_s = job.interval_s if job.rest_s is None else job.rest_s()
        except TransientError as error:  # any other error is a bug: let the supervisor restart us
            log.warning("job_interrupted", code=error.code, detail=error.detail)
            return Round(done_count=0, rest_s=job.interval_s)
        return Round(done_count=done_count, rest_s=rest_s)


async def _rest(doorbell: asyncio.Event, *, due_at: float, may_ring_at: float) -> bool:
    """Wait until the bell rings, at most until `due_at`; return whether it rang.

    A ring before `may_ring_at` waits until then, and with it all that come in between.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(due_at):
            await doorbell.wait()
    was_rung = doorbell.is_set()
    if was_rung:
        await asyncio.sleep(may_ring_at - asyncio.get_running_loop().time())
    return was_rung
