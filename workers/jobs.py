"""All jobs: the work of each, the tables that wake it up, and its poll interval."""

import functools
from collections.abc import Callable, Mapping
from typing import TypeAlias

from market import alerts, inbox, outbox, stripe_events
from market.auctions import closing, countdown, repository
from market.database import Database
from market.payments import refunds
from market.stripe_api import StripeApi
from workers.runner import Job


Build: TypeAlias = Callable[[Database, StripeApi], Job]


def build_closer(database: Database, _stripe_api: StripeApi) -> Job:
    """Build the job that activates scheduled auctions and closes those that are over."""
    return Job(
        name="closer",
        tables=("auctions",),
        work=lambda limit: closing.close_due(database, limit=limit),
        batch_size=100,
        poll_interval_s=1.0,
        # The timer guarantees punctuality; a wake-up only reschedules it.
        wake_up_gap_s=0.2,
        wait_s=functools.partial(closing.wait_s, database),
    )


def build_countdown(database: Database, _stripe_api: StripeApi) -> Job:
    """Build the job that broadcasts the time remaining of auctions."""
    return Job(
        name="countdown",
        tables=("auctions",),
        work=lambda limit: repository.broadcast_time_remaining(database, limit=limit),
        batch_size=100,
        poll_interval_s=1.0,
        wake_up_gap_s=0.05,
        wait_s=functools.partial(countdown.wait_s, database),
    )


def build_inbox(database: Database, stripe_api: StripeApi) -> Job:
    """Build the job that processes stored Stripe events that no request has finished."""
    handlers = stripe_events.handlers(stripe_api, database)

    def work(limit: int) -> int:
        alerts.raise_unconfirmed(database, limit=limit)
        return inbox.drain(database, handlers, limit=limit)

    return Job(
        name="inbox",
        tables=("webhook_events",),
        work=work,
        # A batch must end soon after SIGTERM, and an event may take several calls to Stripe.
        batch_size=20,
        poll_interval_s=1.0,
        wake_up_gap_s=0.1,
    )


def build_outbox(database: Database, stripe_api: StripeApi) -> Job:
    """Build the job that sends refunds and cancellations to Stripe."""
    senders = refunds.outbox_senders(stripe_api)
    return Job(
        name="outbox",
        tables=("outbox",),
        work=lambda limit: outbox.drain(database, senders, limit=limit),
        # A batch must end soon after SIGTERM, and each row takes several calls to Stripe.
        batch_size=5,
        poll_interval_s=1.0,
        wake_up_gap_s=0.05,
    )


#: The jobs by their names on the command line.
JOBS: Mapping[str, Build] = {
    "closer": build_closer,
    "countdown": build_countdown,
    "inbox": build_inbox,
    "outbox": build_outbox,
}
