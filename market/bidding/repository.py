"""The SQL functions that the service calls for a bid. Every call may be repeated."""

from collections.abc import Mapping
from typing import Any

from market.bidding.types import Bid
from market.database import Database, accepted


def place_bid(database: Database, bid: Bid, *, access_token: str) -> Mapping[str, Any]:
    """Place a bid with the rights of the user whose token it is; return the receipt.

    Raises:
        RejectedError: the refusal of `place_bid`, or `LISTING_NOT_FOUND`.

    """
    auction = accepted(database.call("find_auction", listing_id=bid.listing_id))
    receipt: Mapping[str, Any] = accepted(
        database.as_user(access_token).call(
            "place_bid",
            auction_id=auction["auction_id"],
            amount_cents=bid.amount_cents,
            max_proxy_cents=bid.max_cents,
            client_bid_id=bid.client_bid_id,
        )
    )
    return receipt
