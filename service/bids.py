"""The route by which a user bids."""

import uuid
from typing import Annotated, Any, Literal

import pydantic
import structlog
from flask import Blueprint

from market.bidding import repository
from market.bidding.types import Bid
from market.database import Database
from market.errors import RejectedError
from service.bodies import NO_BOOL, read_body
from service.route_table import Answer, Caller, Cents, Id, Route, Time
from service.session import Sessions


log = structlog.get_logger(__name__)

#: SQL knows the bound of an amount. This one keeps a number within the type of its argument.
_MOST = 2**63 - 1


class BidBody(pydantic.BaseModel):
    """A bid. `proxy_max_cents` is the secret maximum; 0 and null mean that there is none.

    The same `client_bid_id` gets the first answer again.
    """

    listing_id: Annotated[uuid.UUID, pydantic.Field(alias="listingId")]
    amount_cents: Annotated[int, pydantic.Field(ge=100, le=_MOST), NO_BOOL]
    proxy_max_cents: Annotated[int, pydantic.Field(ge=0, le=_MOST), NO_BOOL] | None = None
    client_bid_id: uuid.UUID | None = None


class PlacedBid(Answer):
    """The receipt of a bid."""

    id: Id
    amount_cents: Cents
    is_proxy_bid: bool
    is_leading: bool
    outbid_previous: bool
    extension_seconds: float
    new_end_at: Time
    previous_bidder_id: Id | None
    previous_amount_cents: Cents | None


class BidAnswer(Answer):
    """The bid was accepted. `is_leading` tells if it leads."""

    success: Literal[True]
    bid: PlacedBid


def bids_blueprint(database: Database, sessions: Sessions) -> Blueprint:
    """Build the blueprint that serves `/api/bids`."""
    blueprint = Blueprint("bids", __name__, url_prefix="/api/bids")

    @blueprint.post("")
    @Route(
        summary="Bid on a listing. The refusal `BID_TOO_LOW` has `minimumBid`, in cents.",
        callers=(Caller.USER,),
        limits=("place_bid",),
        is_counted_by_rpc=True,
        body=BidBody,
        answer=BidAnswer,
        codes=(
            "AUCTION_BUSY", "AUCTION_ENDED", "AUCTION_NOT_FOUND", "AUCTION_NOT_LIVE", "BAD_AMOUNT",
            "BIDDER_BLOCKED", "BID_TOO_LOW", "KYC_REQUIRED", "LISTING_NOT_FOUND",
            "MAX_BELOW_AMOUNT", "MAX_NOT_HIGHER", "OWN_LISTING", "PROFILE_NOT_FOUND",
            "REQUEST_ID_REUSED",
        ),
    )  # fmt: skip
    def place() -> BidAnswer:
        # place_bid counts the call itself, so that both ways to bid have one limit.
        session = sessions.require_live_session()
        body = read_body(BidBody)
        bid = Bid(
            listing_id=str(body.listing_id),
            amount_cents=body.amount_cents,
            max_cents=body.proxy_max_cents or None,
            # The adapter may repeat the call, so it needs an id.
            client_bid_id=str(body.client_bid_id or uuid.uuid4()),
        )
        try:
            receipt = repository.place_bid(database, bid, access_token=session.access_token)
        except RejectedError as refusal:
            raise _named_as_on_the_page(refusal) from refusal
        log.info("bid_placed", bid_id=receipt["bid_id"], is_leading=receipt["is_leading"])
        return BidAnswer(
            success=True, bid=PlacedBid.model_validate({"id": receipt["bid_id"], **receipt})
        )

    return blueprint


def _named_as_on_the_page(refusal: RejectedError) -> RejectedError:
    fields: dict[str, Any] = dict(refusal.fields)
    if "minimum_bid_cents" in fields:
        fields["minimumBid"] = fields.pop("minimum_bid_cents")
    return RejectedError(refusal.code, refusal.detail, text=refusal.text, fields=fields)
