"""The reconcile job of a stack without workers: a test runs it in its own process."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from market import auth_api, storage, stripe_api, stripe_lists
from market import database as postgres
from market.adapters import Adapters
from market.auth_api import AuthApi
from market.database import Database
from market.settings import Settings
from market.storage import Storage
from market.stripe_api import StripeApi
from workers.jobs import JOBS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """Runs each job of a worker once, over adapters of its own."""

    database: Database
    stripe_api: StripeApi
    auth_api: AuthApi
    storage: Storage

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Reconciler":
        """Build the adapters as a worker does."""
        settings = Settings.from_environment(environment)
        return cls(
            database=postgres.connect(settings, postgres.WORKER_TIMEOUTS),
            stripe_api=stripe_api.connect(settings, stripe_api.WORKER_TIMEOUT_S),
            auth_api=auth_api.connect(settings),
            storage=storage.connect(settings),
        )

    @property
    def adapters(self) -> Adapters:
        """Return the adapters as the jobs take them."""
        return Adapters(
            database=self.database,
            stripe_api=self.stripe_api,
            auth_api=self.auth_api,
            storage=self.storage,
        )

    def close(self) -> None:
        """Close the connections."""
        self.database._client.postgrest.session.close()  # noqa: SLF001 - a worker never closes it
        self.storage._client.close()  # noqa: SLF001 - see above

    def run(self) -> None:
        """Run the reconcile job once."""
        job = JOBS["reconcile"](self.adapters)
        job.work(job.batch_size)

    def work_off(self) -> None:
        """Run inbox and outbox until no row is due."""
        queues = [JOBS[name](self.adapters) for name in ("inbox", "outbox")]
        while any(job.work(job.batch_size) for job in queues):
            pass


def look_at_once(monkeypatch: Any) -> None:
    """Read Stripe's lists without the delay that leaves time for deliveries; tests drop those."""
    monkeypatch.setattr(stripe_lists, "_DELAY_S", 0)
