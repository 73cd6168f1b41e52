"""`python -m workers closer|countdown|inbox|outbox|all`: run jobs until a signal comes."""

import argparse
import asyncio
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence

import structlog

from market import database, log, realtime, stripe_api, stripe_events
from market.errors import SettingsError
from market.payments import refunds
from market.realtime import Realtime
from market.settings import Settings
from workers import watch
from workers.closer import closer_job
from workers.countdown import countdown_job
from workers.inbox import inbox_job
from workers.outbox import outbox_job
from workers.runner import Job, run


_log = structlog.get_logger(__name__)

#: Whoever stops us kills us soon after. What a call still under way changes is safe: its lease
#: lapses, and another worker finds the row.
_STOP_WITHIN_S = 4.5
_EXIT_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job that the command line names; return the exit status."""
    name = _parser().parse_args(arguments).job
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        sys.stderr.write(f"workers: {error.detail}\n")
        return _EXIT_USAGE

    log.set_up(level=settings.log_level, is_json=settings.is_log_json)
    jobs = build_jobs(settings)
    chosen = list(jobs.values()) if name == "all" else [jobs[name]]
    with watch.serving(settings.metrics_port):
        asyncio.run(run_all(chosen, realtime.connect(settings)))
    return 0


def build_jobs(settings: Settings) -> Mapping[str, Job]:
    """Build the doors and, with them, every job by its name."""
    postgres = database.connect(settings, database.WORKER_PATIENCE)
    stripe = stripe_api.connect(settings, stripe_api.WORKER_TIMEOUT_S)
    jobs = (
        closer_job(postgres),
        countdown_job(postgres),
        inbox_job(postgres, stripe_events.handlers(stripe, postgres)),
        outbox_job(postgres, refunds.outbox_senders(stripe)),
    )
    return {job.name: job for job in jobs}


async def run_all(jobs: Sequence[Job], doorbells: Realtime) -> None:
    """Run jobs side by side, each in a thread of its own and with a bell of its own.

    SIGTERM and SIGINT let every round under way end. A bug in one job ends all, so that the
    supervisor starts the process again.
    """
    stopping = asyncio.Event()
    bells = [asyncio.Event() for _ in jobs]
    _stop_on_signals(stopping, bells)
    _log.info("workers_started", jobs=[job.name for job in jobs])
    async with asyncio.TaskGroup() as group:
        subscriptions = [
            group.create_task(doorbells.subscribe(job.tables, bell))
            for job, bell in zip(jobs, bells, strict=True)
        ]
        runs = [
            group.create_task(run(job, bell, stopping))
            for job, bell in zip(jobs, bells, strict=True)
        ]
        await asyncio.wait(runs, return_when=asyncio.ALL_COMPLETED)
        for subscription in subscriptions:
            subscription.cancel()
    _log.info("workers_stopped")


def _stop_on_signals(stopping: asyncio.Event, bells: Sequence[asyncio.Event]) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if not stopping.is_set():
            timer = threading.Timer(_STOP_WITHIN_S, os._exit, (0,))
            timer.daemon = True
            timer.start()
        stopping.set()
        for bell in bells:
            bell.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m workers",
        description="Run one job, or all of them in one process, until SIGTERM. "
        "Any number of workers may run at once. Settings come from the environment; "
        ".env.example documents them.",
    )
    parser.add_argument(
        "job",
        choices=["closer", "countdown", "inbox", "outbox", "all"],
        help="closer: start and close auctions; countdown: broadcast the time remaining; "
        "inbox: re-drive webhook events; outbox: refunds and cancels at Stripe",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
