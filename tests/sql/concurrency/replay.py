"""Replay the accepted bids of many bidders in the oracle."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection

from tests.sql.bidding.bidding_view import in_database, in_oracle, parsed
from tests.sql.bidding.oracle_auction import Auction, SoftClose


#: The answers to the bidders, with the maximum that each had sent.
Accepted = Sequence[tuple[UUID, int, dict[str, Any]]]
SOFT_CLOSE = SoftClose(
    window=timedelta(seconds=300), extend=timedelta(seconds=300), max_total=timedelta(days=1)
)


def as_opened(owner: Connection, auction_id: UUID, soft_close: SoftClose = SOFT_CLOSE) -> Auction:
    """Put a new auction without bids into the oracle."""
    query = """
      select l.seller_id, l.start_cents, secret.reserve_cents, a.start_at, a.end_at, a.updated_at
      from public.auctions as a
      join public.listings as l on l.id = a.listing_id
      join private.listing_private as secret on secret.listing_id = l.id
      where a.id = %s and a.bid_count = 0
    """
    [row] = owner.execute(query, [auction_id]).fetchall()
    owner.commit()
    seller, start_cents, reserve_cents, start_at, end_at, updated_at = row
    return Auction(
        id=auction_id,
        seller=seller,
        start_cents=start_cents,
        reserve_cents=reserve_cents,
        start_at=start_at,
        end_at=end_at,
        soft_close=soft_close,
        status="live",
        updated_at=updated_at,
    )


def replayed(auction: Auction, accepted: Accepted) -> None:
    """Let the oracle take the bids by seq, and compare the receipts."""
    in_order = sorted(accepted, key=lambda bid: (bid[2]["seq"], bid[2]["received_at"]))
    times = [bid[2]["received_at"] for bid in in_order]
    # The holder of the lock read the clock, so time passes in the order of the bids.
    assert sorted(times) == times
    for person, maximum, receipt in in_order:
        answer = parsed(receipt)
        assert auction.status == "live"
        assert auction.start_at <= answer["received_at"] < auction.end_at
        assert person == auction.leader or answer["amount_cents"] >= auction.minimum
        expected = auction.bid(person, answer["amount_cents"], maximum, answer["received_at"])
        own = {"bid_id", "hash", "salt"}
        assert expected == {key: value for key, value in answer.items() if key not in own}


def assert_same(owner: Connection, auction: Auction) -> None:
    """Compare all rows of an auction with the oracle's."""
    assert in_oracle(auction) == in_database(owner, auction.id)
    owner.commit()
