"""Tells those who watch an auction how long it still lasts."""

import functools

from market.auctions import countdown
from market.database import Database
from workers.runner import Job


def countdown_job(database: Database) -> Job:
    """Broadcast at each change of an auction, which rings, and at the marks before its end."""
    return Job(
        name="countdown",
        tables=("auctions",),
        work=lambda limit: countdown.broadcast_due(database, limit=limit),
        batch_size=100,
        interval_s=1.0,
        quiet_s=0.05,
        rest_s=functools.partial(countdown.rest_s, database),
    )
