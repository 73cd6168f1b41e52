"""The facts about a finished market: all rows of its auctions, and all objects at Stripe."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import stripe
from psycopg.rows import dict_row

from devstack.supervisor.programs import MONEY_EVENTS
from tests.proof.chaos.bidding import AnsweredBid
from tests.proof.chaos.plan import Ending
from tests.proof.stripe_comparison import StripeObjects


Row = Mapping[str, Any]

#: Each query reads the rows of the auctions whose ids are given.
_QUERIES: Mapping[str, LiteralString] = {
    "auctions": """
      select a.*, l.seller_id, l.start_cents, l.status::text as listing_status,
        l.end_at as listing_end_at, l.current_bid_cents, l.bid_count as listing_bid_count,
        p.reserve_cents
      from public.auctions as a
      join public.listings as l on l.id = a.listing_id
      join private.listing_private as p on p.listing_id = l.id
      where a.id = any(%(auctions)s)
    """,
    "bids": "select * from public.bids where auction_id = any(%(auctions)s) order by seq",
    "maxima": "select * from private.proxy_bids where auction_id = any(%(auctions)s)",
    "receipts": "select * from private.bid_receipts where auction_id = any(%(auctions)s)",
    "orders": "select *, state::text from public.orders where auction_id = any(%(auctions)s)",
    "order_events": """
      select e.order_id, e.from_state::text, e.to_state::text from public.order_events as e
      join public.orders as o on o.id = e.order_id where o.auction_id = any(%(auctions)s)
      order by e.id
    """,
    "payments": """
      select p.*, p.status::text from public.payments as p
      join public.orders as o on o.id = p.order_id where o.auction_id = any(%(auctions)s)
    """,
    "refunds": """
      select r.*, r.status::text from public.refunds as r
      join public.orders as o on o.id = r.order_id where o.auction_id = any(%(auctions)s)
    """,
    "payouts": """
      select p.*, p.status::text, u.stripe_connect_account_id from public.payouts as p
      join public.users as u on u.id = p.seller_id
      join public.orders as o on o.id = p.order_id where o.auction_id = any(%(auctions)s)
    """,
    "accounts": """
      select e.order_id, e.account::text, sum(e.amount_cents)::bigint as cents
      from public.ledger_entries as e
      join public.orders as o on o.id = e.order_id where o.auction_id = any(%(auctions)s)
      group by e.order_id, e.account having sum(e.amount_cents) <> 0
    """,
    "unbalanced": """
      select e.txn_id, sum(e.amount_cents)::bigint as cents from public.ledger_entries as e
      join public.orders as o on o.id = e.order_id where o.auction_id = any(%(auctions)s)
      group by e.txn_id, e.currency having sum(e.amount_cents) <> 0
    """,
    "drift": """
      select to_jsonb(d) as drift from public.ledger_drift() as d
      join public.orders as o on o.id = d.order_id where o.auction_id = any(%(auctions)s)
    """,
    "notifications": """
      select n.user_id, n.type, coalesce(o.auction_id, (n.metadata ->> 'auction_id')::uuid)
        as auction_id
      from public.notifications as n
      left join public.orders as o on o.id::text = n.metadata ->> 'order_id'
      where coalesce(o.auction_id, (n.metadata ->> 'auction_id')::uuid) = any(%(auctions)s)
    """,
    "outbox": """
      select id, kind, status::text, last_error from public.outbox
      where payload ->> 'order_id' in (
        select id::text from public.orders where auction_id = any(%(auctions)s)
      )
    """,
    "events": """
      select event_id, type, status::text, outcome, error_code, leased_until
      from public.webhook_events
    """,
    "outages": "select started_at, ended_at from private.outages",
    "logs": """
      select a.id, public.get_bid_log(a.id)::text as text from public.auctions as a
      where a.id = any(%(auctions)s) and a.status in ('finalized', 'no_sale')
    """,
    "failures": "select * from private.finalize_failures where auction_id = any(%(auctions)s)",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """The plan of an auction as the checks need it: its first end, and the ending of its order."""

    listed_end_at: datetime
    is_scheduled: bool
    ending: Ending


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OutsideRecords:
    """The bidders and Stripe recorded these facts outside the database."""

    sales: Mapping[UUID, Sale]
    answered: Sequence[AnsweredBid]
    repeated: Sequence[tuple[AnsweredBid, Mapping[str, Any]]] = ()
    #: The number of unexpected refusals and answers of each kind.
    unexpected: Mapping[str, int] = dataclasses.field(default_factory=dict)
    #: Open work that did not end before the time limit.
    left: Mapping[str, int] = dataclasses.field(default_factory=dict)
    soft_close_s: float = 3.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AtStripe:
    """Everything at Stripe."""

    objects: StripeObjects
    #: The events that must have come to us, with their types.
    events: Mapping[str, str] = dataclasses.field(default_factory=dict)
    #: The number of cards that Stripe declined for each intent.
    declines: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @classmethod
    def read(cls, client: stripe.StripeClient) -> "AtStripe":
        """Read all lists to their ends."""
        events: dict[str, str] = {}
        declines: Counter[str] = Counter()
        for event in client.v1.events.list({"limit": 100}).auto_paging_iter():
            if event.type in MONEY_EVENTS:
                events[event.id] = event.type
            if event.type == "payment_intent.payment_failed":
                declines[event.to_dict()["data"]["object"]["id"]] += 1
        return cls(objects=StripeObjects.read(client), events=events, declines=declines)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A finished market, read from outside."""

    outside: OutsideRecords
    rows: Mapping[str, Sequence[Row]]
    stripe: AtStripe

    def by(self, name: str, key: str) -> dict[Any, list[Row]]:
        """Return the rows of a query, grouped by a column."""
        groups: dict[Any, list[Row]] = {}
        for row in self.rows[name]:
            groups.setdefault(row[key], []).append(row)
        return groups

    def sold(self) -> Iterator[tuple[Row, Sale]]:
        """Yield each order with the plan of its auction."""
        for order in self.rows["orders"]:
            yield order, self.outside.sales[order["auction_id"]]


def read_facts(db: psycopg.Connection[Any], outside: OutsideRecords, stripe: AtStripe) -> Facts:
    """Read all facts about the auctions in these outside records."""
    values = {"auctions": list(outside.sales)}
    with db.cursor(row_factory=dict_row) as cursor:
        rows = {name: cursor.execute(query, values).fetchall() for name, query in _QUERIES.items()}
    return Facts(outside=outside, rows=rows, stripe=stripe)
