"""The reconcile job of a stack without workers: a test runs it in its own process."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from market import database as postgres
from market import stripe_api, stripe_lists
from market.database import Database
from market.settings import Settings
from market.stripe_api import StripeApi
from workers.jobs import JOBS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """A worker's adapters, and its jobs done once."""

    database: Database
    stripe_api: StripeApi

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Reconciler":
        """Build the adapters as a worker does."""
        settings = Settings.from_environment(environment)
        return cls(
            database=postgres.connect(settings, postgres.WORKER_TIMEOUTS),
            stripe_api=stripe_api.connect(settings, stripe_api.WORKER_TIMEOUT_S),
        )

    def close(self) -> None:
        """Give the connections back."""
        self.database._client.postgrest.session.close()  # noqa: SLF001 - a process keeps it for life

    def run(self) -> None:
        """Do one run; it finds what happened until now."""
        job = JOBS["reconcile"](self.database, self.stripe_api)
        job.work(job.batch_size)

    def work_off(self) -> None:
        """Do what the inbox and the outbox have to do now."""
        queues = [JOBS[name](self.database, self.stripe_api) for name in ("inbox", "outbox")]
        while any(job.work(job.batch_size) for job in queues):
            pass


def look_at_once(monkeypatch: Any) -> None:
    """Leave Stripe no time for its deliveries, which a test has dropped."""
    monkeypatch.setattr(stripe_lists, "_DELAY_S", 0)
