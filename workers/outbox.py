"""Has done at Stripe what SQL has decided."""

from market import outbox
from market.database import Database
from workers.runner import Job


def outbox_job(database: Database, senders: outbox.Senders) -> Job:
    """Drain the outbox, five rows at a time, at least every second."""
    return Job(
        name="outbox",
        tables=("outbox",),
        work=lambda limit: outbox.drain(database, senders, limit=limit),
        # A batch has to end soon after SIGTERM, and each row takes some calls to Stripe.
        batch_size=5,
        interval_s=1.0,
        quiet_s=0.05,
    )
