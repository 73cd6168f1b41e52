"""Find events that Stripe made and never delivered, and bring them into the inbox."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import structlog

from market import inbox, metrics, stripe_lists
from market.database import Database
from market.stripe_api import StripeApi
from market.stripe_lists import Window
from market.stripe_webhook import StripeEvent, listed_event


log = structlog.get_logger(__name__)

#: Stripe takes no more types in one call.
_MOST_TYPES = 20


def feed(stripe_api: StripeApi, database: Database, handlers: inbox.Handlers) -> int:
    """Store and process each event of a handled type that the inbox does not hold.

    Return the number of events. The list holds 30 days, without events of connected accounts.
    """
    count, gap_s = 0, 0

    def read(window: Window) -> int:
        nonlocal count, gap_s
        missed, page_count = _missed(stripe_api, database, list(handlers), window)
        # Events that come after their predecessors need not wait for them.
        for event in sorted(missed, key=lambda event: event.created):
            _feed_one(database, event, handlers)
            gap_s = max(gap_s, window.now - event.created)
        count += len(missed)
        return page_count

    stripe_lists.read_on(database, "events", read)
    metrics.set_figure("webhook_gap_seconds", gap_s)
    return count


def _missed(
    stripe_api: StripeApi, database: Database, types: Sequence[str], window: Window
) -> tuple[list[StripeEvent], int]:
    """Return the events of a window that the inbox does not hold, and the number of pages."""
    missed: list[StripeEvent] = []
    page_count = 0
    for first in range(0, len(types), _MOST_TYPES):
        batch = types[first : first + _MOST_TYPES]
        for page in stripe_api.list_events(batch, since=window.since, until=window.until):
            page_count += 1
            missed += _unknown(database, page)
    # The list begins with the newest event. Events of one second keep their order.
    return missed[::-1], page_count


def _unknown(database: Database, page: Sequence[Mapping[str, Any]]) -> Iterator[StripeEvent]:
    if not page:
        return
    unknown = set(database.call("unknown_event_ids", ids=[item["id"] for item in page]))
    for item in page:
        event = listed_event(item) if item["id"] in unknown else None
        if event is not None:
            yield event


def _feed_one(database: Database, event: StripeEvent, handlers: inbox.Handlers) -> None:
    is_identity = event.type.startswith("identity.")
    source = inbox.Source.STRIPE_IDENTITY if is_identity else inbox.Source.STRIPE
    outcome = inbox.receive(database, event, source=source, handlers=handlers)
    log.warning("missed_event_found", event_id=event.id, type=event.type, outcome=outcome)
