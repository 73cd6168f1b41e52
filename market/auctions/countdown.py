"""The next time at which the time remaining of an auction must be broadcast."""

from market.auctions import repository
from market.database import Database


_POLL_INTERVAL_S = 10.0


def wait_s(database: Database) -> float:
    """Return the seconds until the next mark, by the database's clock, at most a poll interval.

    A mark is a time before an auction's end at which the time remaining is broadcast. Between two
    marks watchers count down themselves. A change of an auction wakes the job earlier.
    """
    mark_s = repository.next_deadlines(database).mark_s
    return _POLL_INTERVAL_S if mark_s is None else min(mark_s, _POLL_INTERVAL_S)
