"""`workers.runner`: the start of each round, and the end of a job."""

import asyncio
import threading
import time
import uuid
from collections.abc import Callable

import pytest
import structlog

from market.errors import MarketError, TransientError
from tests.support.metrics import count_of, sample
from workers.runner import Job, run


HOUR_S = 3600.0


def run_through(
    outcomes: list[int | Exception],
    *,
    is_awake: bool = False,
    poll_interval_s: float = HOUR_S,
    wake_up_gap_s: float = 0.0,
    wait_s: Callable[[], float] | None = None,
    name: str = "t",
) -> int:
    """Run a job with these outcomes; return the number of rounds."""

    async def scenario() -> int:
        loop, round_count = asyncio.get_running_loop(), 0
        wake_up, stopping = asyncio.Event(), asyncio.Event()

        def work(_limit: int) -> int:
            nonlocal round_count
            outcome = outcomes[round_count]
            round_count += 1
            is_last = round_count == len(outcomes)
            if is_last:
                loop.call_soon_threadsafe(stopping.set)
            if is_last or is_awake:
                loop.call_soon_threadsafe(wake_up.set)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        job = Job(
            name=name,
            tables=("t",),
            work=work,
            batch_size=2,
            poll_interval_s=poll_interval_s,
            wake_up_gap_s=wake_up_gap_s,
            wait_s=wait_s,
        )
        await asyncio.wait_for(run(job, wake_up, stopping), timeout=10)
        return round_count

    return asyncio.run(scenario())


def test_full_batch_runs_again_at_once() -> None:
    """After a full batch the next round starts at once."""
    assert 3 == run_through([2, 2, 0])


def test_wake_up_ends_the_wait() -> None:
    """A wake-up starts the next round before the poll interval is over, after a failure too."""
    assert 3 == run_through([0, TransientError("DATABASE_BUSY"), 0], is_awake=True)


def test_poll_interval_ends_the_wait() -> None:
    """Without a wake-up the next round comes after the interval, after a failure too."""
    assert 3 == run_through([0, TransientError("DATABASE_BUSY"), 0], poll_interval_s=0.001)


def test_deadline_ends_the_wait() -> None:
    """A job that knows its deadline does not wait for the poll interval."""
    assert 3 == run_through([0, 1, 0], wait_s=lambda: 0.001)


def test_wake_ups_are_gathered() -> None:
    """Many wake-ups start rounds that lie apart; only a full batch goes on at once."""
    began = time.monotonic()

    run_through([0, 0, 2, 0, 0], is_awake=True, wake_up_gap_s=0.05)

    assert time.monotonic() - began >= 3 * 0.05


def test_deadline_does_not_wait_for_wake_ups_to_be_gathered() -> None:
    """An end is on time, however many wake-ups came before it."""
    assert 3 == run_through([0, 0, 0], is_awake=True, wake_up_gap_s=HOUR_S, wait_s=lambda: 0.001)


def test_full_batch_reads_no_deadline() -> None:
    """There may be more work, so reading the deadline would only cost time."""
    assert 2 == run_through([2, 2], wait_s=lambda: pytest.fail("read"))


def test_failed_read_of_the_deadline_falls_back_to_the_poll_interval() -> None:
    """When the database does not answer the deadline, the poll interval decides."""

    def fail() -> float:
        raise TransientError("DATABASE_BUSY")

    assert 3 == run_through([0, 0, 0], wait_s=fail, poll_interval_s=0.001)


@pytest.mark.parametrize("error", [KeyError("auction_id"), MarketError("DATABASE_ERROR")])
def test_bug_ends_the_run(error: Exception) -> None:
    """An unknown error ends the run, and the supervisor restarts the process."""
    with pytest.raises(type(error)):
        run_through([error, 0], is_awake=True)


def test_job_does_not_start_once_it_is_to_stop() -> None:
    """A job that was stopped before its first round does not start."""

    async def scenario() -> None:
        stopping = asyncio.Event()
        stopping.set()
        job = Job(
            name="t",
            tables=(),
            work=lambda _limit: pytest.fail("worked"),
            batch_size=1,
            poll_interval_s=HOUR_S,
            wake_up_gap_s=0.0,
        )
        await asyncio.wait_for(run(job, asyncio.Event(), stopping), timeout=10)

    asyncio.run(scenario())


def test_round_under_way_ends_before_the_run() -> None:
    """A stopped job finishes its round first."""
    finished = []

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        wake_up, stopping, began = asyncio.Event(), asyncio.Event(), asyncio.Event()
        may_end = threading.Event()

        def work(_limit: int) -> int:
            loop.call_soon_threadsafe(began.set)
            assert may_end.wait(timeout=10)
            finished.append(1)
            return 0

        job = Job(
            name="t", tables=(), work=work, batch_size=2, poll_interval_s=HOUR_S, wake_up_gap_s=0.0
        )
        running = asyncio.create_task(run(job, wake_up, stopping))
        await asyncio.wait_for(began.wait(), timeout=10)
        stopping.set()
        wake_up.set()
        for _ in range(100):  # turns of the loop, in which the run could end
            await asyncio.sleep(0)
        assert not running.done()
        may_end.set()
        await asyncio.wait_for(running, timeout=10)

    asyncio.run(scenario())

    assert [1] == finished


@pytest.mark.parametrize(("is_awake", "missed_count"), [(False, 1), (True, 0)])
def test_work_without_a_wake_up_is_a_missed_one(*, is_awake: bool, missed_count: int) -> None:
    """Work that was found without a wake-up counts as a missed one."""
    name = uuid.uuid4().hex

    run_through([0, 1, 0], is_awake=is_awake, poll_interval_s=0.001, name=name)

    assert missed_count == count_of("wake_ups_missed", job=name)


def test_work_at_a_deadline_is_no_missed_wake_up() -> None:
    """Work at a deadline is no missed wake-up."""
    name = uuid.uuid4().hex

    run_through([0, 1, 0], wait_s=lambda: 0.001, name=name)

    assert 0 == count_of("wake_ups_missed", job=name)


def test_interrupted_job_is_named_in_the_log() -> None:
    """The log of a failed round names the job and the error."""
    with structlog.testing.capture_logs(
        processors=[structlog.contextvars.merge_contextvars]
    ) as logs:
        run_through([TransientError("DATABASE_BUSY", "f"), 0], is_awake=True)

    assert [
        {
            "event": "job_interrupted",
            "job": "t",
            "code": "DATABASE_BUSY",
            "detail": "f",
            "log_level": "warning",
        }
    ] == logs


def test_rounds_items_and_wake_ups_are_counted() -> None:
    """Rounds, items and wake-ups are counted, with the time of the last success."""
    name = uuid.uuid4().hex
    began_at = time.time()

    run_through([2, TransientError("DATABASE_BUSY"), 1, 0], is_awake=True, name=name)

    rounds = {
        result: sample("job_round_duration_seconds_count", job=name, result=result)
        for result in ("done", "failed")
    }
    assert {"done": 3, "failed": 1} == rounds
    assert 3 == count_of("job_items", job=name)
    assert 2 <= count_of("wake_ups", job=name)
    assert began_at <= sample("job_last_success_timestamp_seconds", job=name)


def test_job_that_fails_has_no_success() -> None:
    """A failed round does not update the time of the last success."""
    name = uuid.uuid4().hex

    run_through(
        [TransientError("DATABASE_BUSY"), TransientError("DATABASE_BUSY")], name=name, is_awake=True
    )

    assert 0 == sample("job_last_success_timestamp_seconds", job=name)
