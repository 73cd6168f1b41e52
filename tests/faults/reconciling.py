"""The reconcile job of a stack without workers: a test runs it in its own process."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from market import stripe_lists
from market.adapters import Adapters, connect
from market.database import WORKER_TIMEOUTS
from market.settings import Settings
from market.stripe_api import WORKER_TIMEOUT_S
from workers.jobs import JOBS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """Runs each job of a worker once, over adapters of its own."""

    adapters: Adapters

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Reconciler":
        """Build the adapters as a worker does."""
        settings = Settings.from_environment(environment)
        return cls(adapters=connect(settings, WORKER_TIMEOUTS, stripe_timeout_s=WORKER_TIMEOUT_S))

    def close(self) -> None:
        """Close the connections."""
        database = self.adapters.database
        database._client.postgrest.session.close()  # noqa: SLF001 - a worker never closes it
        self.adapters.storage._client.close()  # noqa: SLF001 - see above
        self.adapters.auth_api._client.close()  # noqa: SLF001 - see above

    def run(self) -> None:
        """Run the reconcile job once."""
        job = JOBS["reconcile"](self.adapters)
        job.work(job.batch_size)

    def work_off(self) -> None:
        """Process inbox and outbox until no row is due."""
        queues = [JOBS[name](self.adapters) for name in ("inbox", "outbox")]
        while any(job.work(job.batch_size) for job in queues):
            pass


def look_at_once(monkeypatch: Any) -> None:
    """Read Stripe's lists without the delay for deliveries, because tests drop deliveries."""
    monkeypatch.setattr(stripe_lists, "_DELAY_S", 0)
