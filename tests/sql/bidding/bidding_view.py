"""Read an auction from the database and from the oracle in one form, to compare them."""

from collections import Counter
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from tests.sql.bidding.oracle import order_of
from tests.sql.bidding.oracle_auction import Auction


#: The auction with its listing's snapshot, without the ids that only the database knows.
AUCTION = """
  select
    a.status::text, a.start_at, a.end_at, a.scheduled_end_at, a.current_price_cents,
    a.min_next_bid_cents, a.high_bidder_id, a.bid_count, a.reserve_met, a.extension_count,
    a.version, a.finalized_at, a.updated_at, a.outage_extension_s,
    (select b.seq from public.bids as b where b.id = a.high_bid_id) as high_bid_seq,
    l.status::text as listing_status, l.current_bid_cents, l.bid_count as listing_bid_count,
    l.end_at as listing_end_at, l.updated_at as listing_updated_at
  from public.auctions as a join public.listings as l on l.id = a.listing_id
  where a.id = %s
"""
BIDS = """
  select bidder_id, amount_cents, is_proxy, placed_at, seq, accepted, max_proxy_cents
  from public.bids where auction_id = %s order by seq
"""
WITHDRAWN = "select bidder_id from private.bid_withdrawals where auction_id = %s"
MAXIMA = "select bidder_id, max_cents, max_set_at from private.proxy_bids where auction_id = %s"
ORDERS = """
  select
    id, buyer_id, seller_id, amount_cents, platform_fee_cents, seller_amount_cents, state::text,
    payment_due_at,
    (select b.seq from public.bids as b where b.id = o.winning_bid_id) as winning_bid_seq
  from public.orders as o where auction_id = %s
"""
NOTIFIED = """
  select user_id, type, count(*) from public.notifications
  where metadata ->> 'auction_id' = %s::text group by user_id, type
"""
#: The fields of an answer that are times; JSON has them as text.
TIME_FIELDS = ("new_end_at", "end_at", "server_time", "received_at", "ends_at")


def in_database(owner: Connection, auction_id: UUID) -> dict[str, Any]:
    """Read all rows that bidding has written about an auction."""

    def rows(query: LiteralString) -> list[tuple[Any, ...]]:
        return owner.execute(query, [auction_id]).fetchall()

    def records(query: LiteralString) -> list[dict[str, Any]]:
        with owner.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, [auction_id]).fetchall()

    [auction] = records(AUCTION)
    return {
        "auction": auction,
        "bids": rows(BIDS),
        "maxima": {bidder: (cents, set_at) for bidder, cents, set_at in rows(MAXIMA)},
        "barred": {bidder for (bidder,) in rows(WITHDRAWN)},
        "orders": records(ORDERS),
        "notified": Counter({(user, type_): count for user, type_, count in rows(NOTIFIED)}),
    }


def in_oracle(auction: Auction) -> dict[str, Any]:
    """Return the same values of the oracle's auction."""
    order = order_of(auction)
    return {
        "auction": _row(auction),
        "bids": [
            (bid.bidder, bid.cents, bid.is_proxy, bid.placed_at, seq, bid.accepted, None)
            for seq, bid in enumerate(auction.bids, 1)
        ],
        "maxima": {who: (held.cents, held.set_at) for who, held in auction.maxima.items()},
        "barred": auction.barred,
        "orders": [order] if order else [],
        "notified": auction.notified,
    }


def _row(auction: Auction) -> dict[str, Any]:
    is_over = auction.status in ("finalized", "no_sale")
    return {
        "status": auction.status,
        "start_at": auction.start_at,
        "end_at": auction.end_at,
        "scheduled_end_at": auction.scheduled_end_at,
        "current_price_cents": auction.price,
        "min_next_bid_cents": auction.minimum,
        "high_bidder_id": auction.leader,
        "bid_count": auction.bid_count,
        "reserve_met": auction.reserve_met,
        "extension_count": auction.extension_count,
        "version": auction.version,
        "finalized_at": auction.finalized_at,
        "updated_at": auction.updated_at,
        "outage_extension_s": auction.outage_extension_s,
        "high_bid_seq": auction.high_bid_seq,
        "listing_status": "ended" if is_over else auction.status,
        "current_bid_cents": auction.price if auction.leader else None,
        "listing_bid_count": auction.bid_count,
        "listing_end_at": auction.end_at,
        "listing_updated_at": auction.updated_at,
    }


def parsed(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an RPC's answer with its times and ids as values."""
    return {key: _value(key, value) for key, value in answer.items()}


def _value(key: str, value: Any) -> Any:
    if value is None:
        return None
    if key in TIME_FIELDS:
        return datetime.fromisoformat(value)
    return UUID(value) if key.endswith("_id") else value
