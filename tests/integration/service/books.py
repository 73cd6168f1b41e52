"""Checks that hold after any fault: no row is lost, doubled or left open."""

from collections.abc import Collection, Mapping
from typing import Any, LiteralString

from psycopg import Connection

from devstack.supervisor.processes import wait_until
from tests.support.waits import ANSWER_S


#: Each query finds rows that must not exist.
_FAULTS: Mapping[str, LiteralString] = {
    "books and state disagree": "select * from public.ledger_drift()",
    "a posting that does not add up": """
      select txn_id, sum(amount_cents) from public.ledger_entries
      group by txn_id, currency having sum(amount_cents) <> 0
    """,
    "money booked more or less often than it came in": """
      select order_id, captures, captured from (
        select order_id, count(*) as captures from public.ledger_entries
        where entry_type = 'CAPTURE' and account = 'stripe_clearing' group by order_id
      ) as booked
      full join (
        select order_id, count(*) as captured from public.payments
        where private.is_captured(status) group by order_id
      ) as came using (order_id)
      where captures is distinct from captured
    """,
    "a sale without its order, or an order without its sale": """
      select a.id, a.status, o.id from public.auctions as a
      full join public.orders as o on o.auction_id = a.id
      where (a.status = 'finalized') is distinct from (o.id is not null)
    """,
    "an order at another price than the auction's": """
      select o.id from public.orders as o join public.auctions as a on a.id = o.auction_id
      where (o.amount_cents, o.buyer_id)
        is distinct from (a.current_price_cents, a.high_bidder_id)
    """,
    "a winner told twice or not at all": """
      select o.id from public.orders as o
      where 1 <> (
        select count(*) from public.notifications as n
        where n.type = 'auction_won' and n.user_id = o.buyer_id
          and n.metadata ->> 'order_id' = o.id::text
      )
    """,
    "an order that came twice into one state": """
      select order_id, to_state, count(*) from public.order_events
      -- A dispute may come again, and its end leads back.
      where 'disputed' not in (to_state, coalesce(from_state, to_state))
      group by order_id, to_state having count(*) > 1
    """,
}
#: Each query finds rows that must soon be gone: the workers may have stood still.
_LATE: Mapping[str, LiteralString] = {
    "an event that is neither settled nor waiting": """
      select event_id, status, error_code from public.webhook_events
      where status = 'dead' and event_id <> all(%(dead_events)s)
        or status in ('received', 'failed')
        and greatest(next_attempt_at, leased_until) < clock_timestamp() - interval '15 s'
    """,
    "work at Stripe that nobody does": """
      select id, kind, status, last_error from public.outbox
      where status = 'dead'
        or status in ('queued', 'leased')
        and greatest(next_attempt_at, leased_until) < clock_timestamp() - interval '15 s'
    """,
}


def check(owner: Connection, *, dead_events: Collection[str] = ()) -> None:
    """Fail if a query finds a row; `dead` events are expected by the test."""
    values = {"dead_events": list(dead_events)}

    def found(queries: Mapping[str, LiteralString]) -> dict[str, list[tuple[Any, ...]]]:
        rows = {fault: owner.execute(query, values).fetchall() for fault, query in queries.items()}
        return {fault: bad for fault, bad in rows.items() if bad}

    late: dict[str, list[tuple[Any, ...]]] = {}

    def is_done() -> bool:
        nonlocal late
        late = found(_LATE)
        return not late

    wait_until(is_done, ANSWER_S)
    assert {} == late | found(_FAULTS)
