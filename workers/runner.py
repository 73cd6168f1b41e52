"""The one loop in which every job runs."""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Callable

import structlog

from market import log as logs
from market import metrics
from market.errors import TransientError


log = structlog.get_logger(__name__)

#: The shortest wait for a deadline; it leaves the database time for other work.
_SHORTEST_WAIT_S = 0.02


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work that can be repeated until nothing is left to do.

    After a round the loop waits for `poll_interval_s`, or for as long as `wait_s` returns if the
    job knows its next deadline. Wake-ups start rounds at least `wake_up_gap_s` apart: each of a
    hundred bids in a second is a wake-up, and must not cost a round.
    """

    name: str
    tables: tuple[str, ...]  # a change of these is a wake-up; without any, only the time is
    work: Callable[[int], int]  # takes the most items to do, returns the number done
    batch_size: int
    poll_interval_s: float
    wake_up_gap_s: float
    wait_s: Callable[[], float] | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """The number of items that one round did, and the wait after it; None if there may be more."""

    done_count: int
    wait_s: float | None
    was_interrupted: bool = False


async def run(job: Job, wake_up: asyncio.Event, stopping: asyncio.Event) -> None:
    """Do `job` at each wake-up, at each deadline, and at least once in a poll interval.

    A wake-up says nothing about the work, which is always read from the database. So a lost one
    costs at most one poll interval. To stop the loop, set `stopping`, then `wake_up`.
    """
    for counter in (metrics.JOB_ITEMS, metrics.WAKE_UPS, metrics.WAKE_UPS_MISSED):
        counter.labels(job=job.name)  # A job that never counted still shows a zero.
    is_expected, clock = True, asyncio.get_running_loop().time
    while not stopping.is_set():
        wake_up.clear()
        next_round_at = clock() + job.wake_up_gap_s
        done = await asyncio.to_thread(_measure_round, job)
        if done.done_count > 0 and not is_expected and job.wait_s is None:
            # No wake-up announced this work, or its back-off has just ended.
            metrics.WAKE_UPS_MISSED.labels(job=job.name).inc()
        is_expected = done.wait_s is None
        if done.wait_s is not None:
            due_at = clock() + done.wait_s
            is_expected = await _wait(wake_up, due_at, min(next_round_at, due_at))
            metrics.WAKE_UPS.labels(job=job.name).inc(int(is_expected))


def _measure_round(job: Job) -> Round:
    started_s = time.perf_counter()
    done = _do_round(job)
    metrics.JOB_ROUNDS.labels(
        job=job.name, result="failed" if done.was_interrupted else "done"
    ).observe(time.perf_counter() - started_s)
    metrics.JOB_ITEMS.labels(job=job.name).inc(done.done_count)
    if not done.was_interrupted:
        metrics.JOB_LAST_SUCCESS.labels(job=job.name).set_to_current_time()
    return done


def _do_round(job: Job) -> Round:
    with logs.bound(job=job.name):
        try:
            done_count = job.work(job.batch_size)
            if done_count >= job.batch_size:
                return Round(done_count=done_count, wait_s=None)
            wait_s = job.poll_interval_s if job.wait_s is None else job.wait_s()
        except TransientError as error:
            # Any other error is a bug. It ends the process, and the supervisor starts a new one.
            log.warning("job_interrupted", code=error.code, detail=error.detail)
            return Round(done_count=0, wait_s=job.poll_interval_s, was_interrupted=True)
        return Round(done_count=done_count, wait_s=max(wait_s, _SHORTEST_WAIT_S))


async def _wait(wake_up: asyncio.Event, due_at: float, next_round_at: float) -> bool:
    """Wait for a wake-up, at most until `due_at`; return true if one came.

    An early wake-up waits until `next_round_at`, so that one round serves all that come before it.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(due_at):
            await wake_up.wait()
    is_awake = wake_up.is_set()
    if is_awake:
        await asyncio.sleep(next_round_at - asyncio.get_running_loop().time())
    return is_awake
