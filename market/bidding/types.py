"""Values of the bidding domain."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bid:
    """An offer for a listing. The maximum is secret; without one the amount is the maximum."""

    listing_id: str
    amount_cents: int
    max_cents: int | None
    client_bid_id: str
