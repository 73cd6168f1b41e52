"""All jobs: the work of each, the tables that wake it up, and its poll interval."""

import functools
from collections.abc import Callable, Mapping
from typing import TypeAlias

from market import alerts, duties, inbox, metrics, missed_events, outbox, stripe_events
from market.accounts import deletion
from market.adapters import Adapters
from market.auctions import closing, countdown, repository
from market.database import Database
from market.duties import Duty
from market.files import reconciliation as files
from market.kyc import reconciliation as kyc
from market.kyc import redaction
from market.orders import reconciliation as orders
from market.payments import reconciliation as payments
from market.payments import refunds
from market.payouts import reconciliation as payouts
from market.payouts import transfers
from workers.runner import Job


Build: TypeAlias = Callable[[Adapters], Job]


def build_closer(adapters: Adapters) -> Job:
    """Build the job that activates scheduled auctions and closes those that are over."""
    return Job(
        name="closer",
        tables=("auctions",),
        work=lambda limit: closing.close_due(adapters.database, limit=limit),
        batch_size=100,
        poll_interval_s=1.0,
        # The timer guarantees punctuality; a wake-up only reschedules it.
        wake_up_gap_s=0.2,
        wait_s=functools.partial(closing.wait_s, adapters.database),
    )


def build_countdown(adapters: Adapters) -> Job:
    """Build the job that broadcasts the time remaining of auctions."""
    return Job(
        name="countdown",
        tables=("auctions",),
        work=lambda limit: repository.broadcast_time_remaining(adapters.database, limit=limit),
        batch_size=100,
        poll_interval_s=1.0,
        wake_up_gap_s=0.05,
        wait_s=functools.partial(countdown.wait_s, adapters.database),
    )


def build_inbox(adapters: Adapters) -> Job:
    """Build the job that processes stored Stripe events that no request has finished."""
    handlers = stripe_events.handlers(adapters.stripe_api, adapters.database)

    def work(limit: int) -> int:
        alerts.raise_unconfirmed(adapters.database, limit=limit)
        return inbox.drain(adapters.database, handlers, limit=limit)

    return Job(
        name="inbox",
        tables=("webhook_events",),
        work=work,
        # A batch must end soon after SIGTERM, and an event may take several calls to Stripe.
        batch_size=20,
        poll_interval_s=1.0,
        wake_up_gap_s=0.1,
    )


def build_outbox(adapters: Adapters) -> Job:
    """Build the job that sends refunds, cancellations, transfers and redactions to Stripe."""
    senders = {
        **redaction.outbox_senders(adapters.stripe_api),
        **refunds.outbox_senders(adapters.stripe_api),
        **transfers.outbox_senders(adapters.stripe_api, adapters.database),
    }
    return Job(
        name="outbox",
        tables=("outbox",),
        work=lambda limit: outbox.drain(adapters.database, senders, limit=limit),
        # A batch must end soon after SIGTERM, and each row takes several calls to Stripe.
        batch_size=5,
        poll_interval_s=1.0,
        wake_up_gap_s=0.05,
    )


def build_reconcile(adapters: Adapters) -> Job:
    """Build the job that keeps deadlines, and applies what Stripe did without an event."""
    database, stripe_api = adapters.database, adapters.stripe_api
    handlers = stripe_events.handlers(stripe_api, database)
    parts = [
        # These need no answer of Stripe, so an outage of Stripe does not delay them.
        *orders.deadlines(database),
        duties.rpc(database, "requeue_found_events"),
        duties.rpc(database, "purge_old_rows"),
        *deletion.duties(database, adapters.auth_api),
        *files.duties(database, adapters.storage),
        Duty(name="figures", work=lambda _: _report_figures(database)),
        Duty(name="record_gauges", work=lambda _: int(database.call("record_gauges"))),
        Duty(name="measurements", work=lambda limit: _count_measurements(database, limit)),
        Duty(
            name="missed_events", work=lambda _: missed_events.feed(stripe_api, database, handlers)
        ),
        *payments.duties(stripe_api, database),
        *payouts.duties(stripe_api, database),
        *kyc.duties(stripe_api, database),
        Duty(name="check_orders", work=lambda limit: orders.check_orders(database, limit=limit)),
    ]

    def work(limit: int) -> int:
        duties.run(database, "reconcile", parts, limit=limit)
        return 0  # A duty that has more to do goes on after the poll interval.

    return Job(
        name="reconcile",
        tables=(),
        work=work,
        batch_size=100,
        poll_interval_s=60.0,
        wake_up_gap_s=0.0,
    )


def _report_figures(database: Database) -> int:
    for name, value in database.call("read_gauges").items():
        metrics.set_figure(name, value)
    return 0


def _count_measurements(database: Database, limit: int) -> int:
    """Count what no process of ours has seen: closes by pg_cron, and refused calls of RPCs."""
    taken = database.call("take_measurements", max_rows=limit)
    for lag_s in taken["close_lags_s"]:
        metrics.CLOSE_LAG.observe(lag_s)
    for action, count in taken["limit_refusals"].items():
        metrics.LIMIT_REFUSALS.labels(limit=action).inc(count)
    return len(taken["close_lags_s"])


def build_heartbeat(database: Database) -> Job:
    """Build the job that records that this process reaches the database."""

    def work(_limit: int) -> int:
        answer = database.call("record_heartbeat")
        alerts.raise_alerts(
            database, answer, subject=answer["subject"], outage_s=answer["outage_s"]
        )
        return 0

    return Job(
        name="heartbeat",
        tables=(),
        work=work,
        batch_size=1,
        poll_interval_s=5.0,
        wake_up_gap_s=0.0,
    )


#: The jobs by their names on the command line. Each process also runs the heartbeat.
JOBS: Mapping[str, Build] = {
    "closer": build_closer,
    "countdown": build_countdown,
    "inbox": build_inbox,
    "outbox": build_outbox,
    "reconcile": build_reconcile,
}
