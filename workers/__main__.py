"""`python -m workers JOB`: run one job, or `all` of them, until a signal comes."""

import signal


if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Without this line, Ctrl-C during the slow imports below prints a traceback. Once the jobs run,
    # the loop handles signals.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import asyncio
import concurrent.futures
import gc
import os
import sys
import threading
from collections.abc import Mapping, Sequence

import structlog

from market import log, metrics, realtime
from market.adapters import connect
from market.database import WORKER_TIMEOUTS
from market.errors import SettingsError
from market.realtime import Realtime
from market.settings import Settings
from market.stripe_api import WORKER_TIMEOUT_S
from workers.jobs import JOBS, build_heartbeat
from workers.runner import Job, run


_log = structlog.get_logger(__name__)

#: A supervisor kills this process soon after its signal. An interrupted call leaves no half change:
#: its lease lapses, and another worker finds the row.
_STOP_WITHIN_S = 4.5
_EXIT_USAGE = 2
_SPARE_THREADS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job that the command line names; return the exit status."""
    name = _parser().parse_args(arguments).job
    try:
        settings = Settings.from_environment()
        log.set_up(level=settings.log_level, is_json=settings.is_log_json)
        jobs = _jobs(name, settings)
        # No garbage collection need search what was built so far: it lives as long as the process.
        gc.freeze()
        with metrics.serving(settings.metrics_host, settings.metrics_port, settings.metrics_token):
            asyncio.run(run_all(jobs, realtime.connect(settings)))
    except SettingsError as error:
        sys.stderr.write(f"workers: {error.detail}\n")
        return _EXIT_USAGE
    return 0


def _jobs(name: str, settings: Settings) -> Sequence[Job]:
    adapters = connect(settings, WORKER_TIMEOUTS, stripe_timeout_s=WORKER_TIMEOUT_S)
    builds = JOBS.values() if name == "all" else [JOBS[name]]
    jobs = [build(adapters) for build in builds]
    # Every process has a heartbeat, so one that lives is enough to prove that no outage goes on.
    return [*jobs, build_heartbeat(adapters.database)]


async def run_all(jobs: Sequence[Job], wake_up_source: Realtime) -> None:
    """Run jobs side by side, each in its own thread; jobs of the same tables share a subscription.

    After SIGTERM or SIGINT each job ends its round. A bug in one job ends all of them, so that the
    supervisor starts the process again.
    """
    # By default a machine with one core has fewer threads than jobs, and a slow job would delay the
    # heartbeat. Realtime resolves names in these threads too.
    threads = concurrent.futures.ThreadPoolExecutor(max_workers=len(jobs) + _SPARE_THREADS)
    asyncio.get_running_loop().set_default_executor(threads)
    stopping = asyncio.Event()
    wake_ups = [asyncio.Event() for _ in jobs]
    _stop_on_signals(stopping, wake_ups)
    _log.info("workers_started", jobs=[job.name for job in jobs])
    async with asyncio.TaskGroup() as group:
        subscriptions = [
            group.create_task(_wake_up(wake_up_source, tables, shared_by))
            for tables, shared_by in _by_tables(jobs, wake_ups).items()
        ]
        runs = [
            group.create_task(run(job, wake_up, stopping))
            for job, wake_up in zip(jobs, wake_ups, strict=True)
        ]
        await asyncio.wait(runs, return_when=asyncio.ALL_COMPLETED)
        for subscription in subscriptions:
            subscription.cancel()
    _log.info("workers_stopped")


def _by_tables(
    jobs: Sequence[Job], wake_ups: Sequence[asyncio.Event]
) -> Mapping[tuple[str, ...], Sequence[asyncio.Event]]:
    """Return the wake-ups of the jobs that wait for the same tables."""
    found: dict[tuple[str, ...], list[asyncio.Event]] = {}
    for job, wake_up in zip(jobs, wake_ups, strict=True):
        if job.tables:
            found.setdefault(job.tables, []).append(wake_up)
    return found


async def _wake_up(
    source: Realtime, tables: Sequence[str], wake_ups: Sequence[asyncio.Event]
) -> None:
    """Set all `wake_ups` at each change of `tables`, through one subscription.

    A thousand auctions that end together are a thousand messages. To read one takes time from the
    jobs of this process, so each must come once, and not once for each job.
    """
    shared = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(source.subscribe(tables, shared))
        while True:
            await shared.wait()
            shared.clear()
            for wake_up in wake_ups:
                wake_up.set()


def _stop_on_signals(stopping: asyncio.Event, wake_ups: Sequence[asyncio.Event]) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if not stopping.is_set():
            timer = threading.Timer(_STOP_WITHIN_S, os._exit, (0,))
            timer.daemon = True
            timer.start()
        stopping.set()
        for wake_up in wake_ups:
            wake_up.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m workers",
        description="Run one job, or all of them in one process, until SIGTERM. "
        "Any number of workers may run at once. Settings come from the environment; "
        ".env.example documents them.",
        epilog="jobs: " + " ".join(f"{name}: {build.__doc__}" for name, build in JOBS.items()),
    )
    parser.add_argument("job", choices=[*JOBS, "all"])
    return parser


if __name__ == "__main__":
    sys.exit(main())
