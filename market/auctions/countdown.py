"""Have the time remaining recomputed and broadcast, at each change and at the marks."""

from market.auctions import repository, types
from market.database import Database


def broadcast_due(database: Database, *, limit: int) -> int:
    """Tell the watchers of at most `limit` auctions; return of how many."""
    return repository.broadcast_time_remaining(database, limit=limit)


def rest_s(database: Database) -> float:
    """Return how long until the next mark, by the database's clock; a ring comes before it."""
    until_s = repository.next_deadlines(database).until_mark_s()
    return types.rest_s(until_s, longest_s=types.LONGEST_REST_S)
