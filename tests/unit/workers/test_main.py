"""`workers.__main__`: the choice of jobs, their end, and errors at the start."""

import asyncio
import dataclasses
import os
import signal
import threading
from collections.abc import Collection
from typing import Any
from unittest.mock import create_autospec, patch

import pytest

from market.realtime import Realtime
from tests.support.factories import ENVIRONMENT
from workers import __main__ as command
from workers.jobs import JOBS
from workers.runner import Job


HOUR_S = 3600.0


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("market.log.set_up", lambda **_options: None)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the jobs that would run, and do not run them."""
    names: list[str] = []

    async def note(jobs: Collection[Job], _realtime: Realtime) -> None:
        names.extend(job.name for job in jobs)
        await asyncio.sleep(0)

    monkeypatch.setattr(command, "run_all", note)
    return names


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("argument", "names"),
    [*((name, [name, "heartbeat"]) for name in JOBS), ("all", [*JOBS, "heartbeat"])],
)
def test_named_jobs_run(ran: list[str], argument: str, names: list[str]) -> None:
    """One job or all of them run in one process, with its heartbeat."""
    assert 0 == command.main([argument])
    assert names == ran


@pytest.mark.parametrize("arguments", [[], ["refunds"], ["closer", "inbox"], ["--fast"], [""]])
def test_bad_command_line_is_told(
    capsys: pytest.CaptureFixture[str], ran: list[str], arguments: list[str]
) -> None:
    """An unknown job starts nothing, and the message names the known ones."""
    with pytest.raises(SystemExit) as caught:
        command.main(arguments)

    assert 2 == caught.value.code
    assert "closer" in capsys.readouterr().err
    assert [] == ran


def test_help_explains_each_job(capsys: pytest.CaptureFixture[str]) -> None:
    """The help lists each job with its work, and nothing starts."""
    with pytest.raises(SystemExit) as caught:
        command.main(["--help"])

    assert 0 == caught.value.code
    shown = " ".join(capsys.readouterr().out.split())
    assert all(f"{name}: {build.__doc__}" in shown for name, build in JOBS.items())


def test_bad_settings_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ran: list[str]
) -> None:
    """One sentence names the variable, and nothing starts."""
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)

    assert 2 == command.main(["all"])
    assert "workers: ENVIRONMENT is missing" in capsys.readouterr().err
    assert [] == ran


@pytest.mark.usefixtures("environment")
def test_metrics_that_cannot_be_served_stop_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ran: list[str]
) -> None:
    """One sentence names the variables, and nothing starts."""
    monkeypatch.setenv("METRICS_PORT", "9100")
    in_use = OSError(98, "Address already in use")

    with patch("market.metrics.ThreadingHTTPServer.__init__", autospec=True, side_effect=in_use):
        status = command.main(["all"])

    assert 2 == status
    assert (
        "workers: METRICS_HOST and METRICS_PORT: cannot listen on 127.0.0.1:9100: "
        "Address already in use.\n"
    ) == capsys.readouterr().err
    assert [] == ran


def job_that(work: Any, name: str = "t") -> Job:
    return Job(
        name=name,
        tables=(name,),
        work=work,
        batch_size=1,
        poll_interval_s=HOUR_S,
        wake_up_gap_s=0.0,
    )


class FakeRealtime:
    """A fake Realtime that records subscriptions and their ends."""

    def __init__(self) -> None:
        self.subscribed: list[tuple[str, ...]] = []
        self.ended: list[tuple[str, ...]] = []
        self.wake_ups: list[asyncio.Event] = []
        self.adapter: Any = create_autospec(Realtime, instance=True)
        self.adapter.subscribe.side_effect = self._subscribe

    async def _subscribe(self, tables: tuple[str, ...], wake_up: asyncio.Event) -> None:
        self.subscribed.append(tables)
        self.wake_ups.append(wake_up)
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.append(tables)


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Record the hard exit that a signal arms, and do not exit."""
    armed: list[Any] = []

    class Timer:
        daemon = False

        def __init__(self, *arguments: Any) -> None:
            armed.append(arguments)

        def start(self) -> None:
            """Never fire."""

    monkeypatch.setattr("threading.Timer", Timer)
    return armed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_all_jobs(exits: list[Any], number: signal.Signals) -> None:
    """A signal ends every round, then the subscriptions, then the process, with exit code 0."""
    fake, done = FakeRealtime(), []
    both_began = threading.Barrier(2, action=lambda: os.kill(os.getpid(), number))

    def work(_limit: int) -> int:
        both_began.wait(timeout=10)
        done.append(1)
        return 0

    async def scenario() -> None:
        jobs = [job_that(work, "a"), job_that(work, "b")]
        await asyncio.wait_for(command.run_all(jobs, fake.adapter), timeout=10)

    asyncio.run(scenario())

    assert [1, 1] == done
    assert {("a",), ("b",)} == set(fake.subscribed) == set(fake.ended)
    assert [(4.5, os._exit, (0,))] == exits


@pytest.mark.usefixtures("exits")
def test_job_without_tables_subscribes_to_nothing() -> None:
    """The heartbeat waits for the time alone, and costs no message."""
    fake = FakeRealtime()

    def work(_limit: int) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return 0

    job = dataclasses.replace(job_that(work), tables=())
    asyncio.run(asyncio.wait_for(command.run_all([job], fake.adapter), timeout=10))

    assert [] == fake.subscribed


@pytest.mark.usefixtures("exits")
def test_jobs_of_one_table_share_a_subscription() -> None:
    """One message wakes both, so a change costs this process one message and not two."""
    fake, rounds = FakeRealtime(), iter(range(1, 3))

    def change_a_row() -> None:
        fake.wake_ups[0].set()

    def after_each_round(loop: asyncio.AbstractEventLoop) -> None:
        if next(rounds) == 1:
            loop.call_soon_threadsafe(change_a_row)
        else:
            os.kill(os.getpid(), signal.SIGTERM)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        both_did = threading.Barrier(2, action=lambda: after_each_round(loop))

        def work(_limit: int) -> int:
            both_did.wait(timeout=10)
            return 0

        jobs = [job_that(work, "auctions"), job_that(work, "auctions")]
        await asyncio.wait_for(command.run_all(jobs, fake.adapter), timeout=10)

    asyncio.run(scenario())

    assert None is next(rounds, None)
    assert [("auctions",)] == fake.subscribed == fake.ended


def test_second_signal_changes_nothing(exits: list[Any]) -> None:
    """A second signal does not postpone the end."""
    fake = FakeRealtime()

    def work(_limit: int) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        return 0

    async def scenario() -> None:
        await asyncio.wait_for(command.run_all([job_that(work)], fake.adapter), timeout=10)

    asyncio.run(scenario())

    assert 1 == len(exits)


@pytest.mark.usefixtures("exits")
def test_bug_in_one_job_ends_all() -> None:
    """The process ends with the error, and the supervisor starts it again."""
    fake = FakeRealtime()

    def fail(_limit: int) -> int:
        raise KeyError("auction_id")

    async def scenario() -> None:
        jobs = [job_that(fail, "a"), job_that(lambda _limit: 0, "b")]
        await asyncio.wait_for(command.run_all(jobs, fake.adapter), timeout=10)

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(scenario())

    assert [KeyError] == [type(error) for error in caught.value.exceptions]
    assert set(fake.subscribed) == set(fake.ended)
