"""Start and close what is due, and say when to look again."""

import structlog

from market import log as logs
from market.auctions import repository, types
from market.database import Database


log = structlog.get_logger(__name__)

#: From here on the next end is near: a late bid may move it, a lost ring must not hide it.
_NEAR_S = 60.0
_REST_WHILE_NEAR_S = 1.0


def close_due(database: Database, *, limit: int) -> int:
    """Activate and close at most `limit` auctions each; return the larger count."""
    activated_count = repository.activate_due_auctions(database, limit=limit)
    closing = repository.end_expired_auctions(database, limit=limit)
    if closing.failed_count:
        # SQL backs them off; what holds them up needs a person.
        logs.alert("auctions_not_closed", count=closing.failed_count)
    if activated_count:
        log.info("auctions_activated", count=activated_count)
    for auction in closing.closed:
        log.info(
            "auction_closed",
            auction_id=auction.auction_id,
            status=auction.status,
            order_id=auction.order_id,
        )
    return max(activated_count, len(closing.closed))


def rest_s(database: Database) -> float:
    """Return how long nothing will be due, by the database's clock, as far as it is known now."""
    until_s = repository.next_deadlines(database).until_next_s()
    is_near = until_s is not None and until_s <= _NEAR_S
    return types.rest_s(until_s, longest_s=_REST_WHILE_NEAR_S if is_near else types.LONGEST_REST_S)
