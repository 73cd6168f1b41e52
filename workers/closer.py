"""Starts and closes auctions when it is time."""

import functools

from market.auctions import closing
from market.database import Database
from workers.runner import Job


def closer_job(database: Database) -> Job:
    """Close what is due at its end, by a timer that the database sets; a ring is a moved end."""
    return Job(
        name="closer",
        tables=("auctions",),
        work=lambda limit: closing.close_due(database, limit=limit),
        batch_size=100,
        interval_s=1.0,
        # Whoever is late here is the timer's business; a ring only moves it.
        quiet_s=0.2,
        rest_s=functools.partial(closing.rest_s, database),
    )
