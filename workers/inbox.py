"""Re-drives the webhook events that no request has finished."""

from market import inbox
from market.database import Database
from workers.runner import Job


def inbox_job(database: Database, handlers: inbox.Handlers) -> Job:
    """Drain the webhook inbox, twenty events at a time, at least every second."""
    return Job(
        name="inbox",
        tables=("webhook_events",),
        work=lambda limit: inbox.drain(database, handlers, limit=limit),
        # A batch has to end soon after SIGTERM, and an event may take some calls to Stripe.
        batch_size=20,
        interval_s=1.0,
        quiet_s=0.1,
    )
