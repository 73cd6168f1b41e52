"""The web app's queries on many rows, with the filters, order and page size that it sends.

`tests/integration/contract/embeds.py` has the select strings.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from tests.integration.contract.embeds import QUERIES
from tests.proof.plans.dataset import Role


PARTIES = (Role.BUYER, Role.SELLER)
SIGNED_IN = (Role.USER, Role.BUYER, Role.STAFF)
#: The readers of a seller's pages. The same policies bound a user who is no party.
SELLING = (Role.USER, Role.SELLER, Role.STAFF)
EVERYBODY = (Role.ANON, Role.BUYER, Role.STAFF)
#: A page shows at most a hundred rows, each with a few embedded ones.
FEW = 2_500


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One request, and filters with `{name}` for an id.

    `query` names a select string of the contract, or a table of which `columns` are read.
    The plan may read `reads` rows and the share `of_listings` of all listings. It reads no table
    from end to end but those in `scans`. `because` says what makes a page slow that no index can
    answer. Where the share is not 0, or a table is scanned, there is such a reason.
    """

    query: str
    where: Mapping[str, str]
    columns: str = "*"
    roles: Sequence[Role] = EVERYBODY
    reads: int = FEW
    of_listings: float = 0
    scans: Collection[str] = ()
    because: str = ""
    is_counted: bool = False

    @property
    def table(self) -> str:
        """Return the table that the request names."""
        return QUERIES[self.query].table if self.query in QUERIES else self.query

    @property
    def select(self) -> str:
        """Return the select string."""
        return QUERIES[self.query].select if self.query in QUERIES else self.columns


_COUNT = "count=exact counts every listing that fits the indexed filters"
_TEXT = (
    "ILIKE is not leakproof, so Postgres checks row level security first and can use no trigram"
    " index; with a count it reads every listing that fits the other filters"
)
_EITHER = (
    "an `or` of two columns comes in no order, so Postgres adds the embeds to all rows of a party"
    " before it sorts them"
)
_SMALL = "the policy lets the planner expect few rows, so it sorts all those of a small market"
_DISPUTES = (
    "without a filter only row level security bounds this page, and its rule for staff fits no"
    " index; one order in a hundred is disputed"
)
_NEWEST = {"order": "created_at.desc", "limit": "12"}
_LIVE = {"status": "eq.live"}


def marketplace(
    where: Mapping[str, str], *, of_listings: float = 0.09, because: str = _COUNT
) -> Page:
    """Return a marketplace page, which counts its rows."""
    return Page(
        query="marketplace",
        where=where,
        of_listings=of_listings,
        because=because,
        is_counted=True,
    )


#: One percent of the listings is scheduled, eight are live, ninety ended.
PAGES: Mapping[str, Page] = {
    "home": Page(query="home", where=_LIVE | _NEWEST),
    "home, any status": Page(query="home", where=_NEWEST),
    "marketplace, newest": marketplace(_LIVE | _NEWEST),
    "marketplace, newest, uncounted": Page(query="marketplace", where=_LIVE | _NEWEST),
    "marketplace, price low": marketplace(_LIVE | {"order": "start_cents.asc", "limit": "12"}),
    "marketplace, price high": marketplace(_LIVE | {"order": "start_cents.desc", "limit": "12"}),
    "marketplace, ending soon": marketplace(_LIVE | {"order": "end_at.asc", "limit": "12"}),
    "marketplace, third page": marketplace(
        _LIVE | {"order": "end_at.asc", "limit": "12", "offset": "24"}
    ),
    "marketplace, ending": marketplace(
        _LIVE
        | {"and": "(end_at.gt.{now},end_at.lt.{tomorrow})", "order": "end_at.asc"}
        | {"limit": "12"}
    ),
    "marketplace, category": marketplace(_LIVE | _NEWEST | {"category_id": "eq.5"}),
    "marketplace, filters": marketplace(
        _LIVE
        | _NEWEST
        | {"category_id": "eq.5", "location->>state": "eq.VIC", "condition": "eq.good"}
        | {"start_cents": "lte.50000"}
    ),
    "marketplace, price range": marketplace(
        _LIVE | _NEWEST | {"and": "(start_cents.gte.10000,start_cents.lte.11000)"}
    ),
    "marketplace, state and condition": marketplace(
        _LIVE | _NEWEST | {"location->>state": "eq.VIC", "condition": "eq.good"},
    ),
    "marketplace, text": marketplace(
        _LIVE | _NEWEST | {"or": "(title.ilike.%teapot%,description.ilike.%teapot%)"},
        of_listings=0.17,
        because=_TEXT,
    ),
    "marketplace, rare text": marketplace(
        _LIVE | _NEWEST | {"or": "(title.ilike.%number 4203%,description.ilike.%number 4203%)"},
        of_listings=0.17,
        because=_TEXT,
    ),
    "marketplace, ended": marketplace({"status": "eq.ended"} | _NEWEST, of_listings=0.92),
    "marketplace, ended, uncounted": Page(
        query="marketplace", where={"status": "eq.ended"} | _NEWEST
    ),
    "marketplace, ended, ending soon": Page(
        query="marketplace", where={"status": "eq.ended", "order": "end_at.asc", "limit": "12"}
    ),
    "marketplace, ended, price high": Page(
        query="marketplace",
        where={"status": "eq.ended", "order": "start_cents.desc,created_at.desc", "limit": "12"},
    ),
    "account listings": Page(
        query="account listings",
        where={"seller_id": "eq.{seller}", "order": "created_at.desc", "limit": "100"},
    ),
    "photos of a listing": Page(
        query="listing_photos",
        where={"listing_id": "eq.{hot_listing}", "order": "order_idx.asc"},
    ),
    "listing page": Page(query="listing page", where={"id": "eq.{hot_listing}"}),
    "new message": Page(query="new message", where={"id": "eq.{hot_listing}"}),
    "profile": Page(query="profile", where={"id": "eq.{seller}"}),
    "auction of a listing": Page(
        query="auction of a listing", where={"listing_id": "eq.{hot_listing}"}
    ),
    "auction with bids": Page(query="auction with bids", where={"id": "eq.{sold}"}),
    "hot auction with bids": Page(
        query="auction with bids alone", where={"id": "eq.{hot}"}, reads=5_000
    ),
    "minimum of an auction": Page(query="minimum of an auction", where={"id": "eq.{hot}"}),
    "admin finalize": Page(query="admin finalize", where={"id": "eq.{hot}"}),
    "an empty list": Page(query="an empty list", where={"or": "(listing_id.in.())"}),
    "minimum bid": Page(
        query="minimum bid",
        where={"auction_id": "eq.{hot}", "order": "amount_cents.desc", "limit": "1"},
    ),
    "bid history": Page(
        query="bid history",
        where={"auction_id": "eq.{hot}", "order": "placed_at.desc", "limit": "50"},
        reads=5_000,
    ),
    "my bids": Page(
        query="my bids",
        where={"bidder_id": "eq.{buyer}", "order": "placed_at.desc", "limit": "50"},
    ),
    "auctions that I lead": Page(
        query="bids that win",
        where={"high_bidder_id": "eq.{buyer}", "status": "eq.live", "order": "end_at.asc"},
    ),
    "account bids": Page(
        query="account bids",
        where={"bidder_id": "eq.{buyer}", "order": "placed_at.desc", "limit": "50"},
    ),
    "orders of a buyer": Page(
        query="orders",
        where={"or": "(buyer_id.eq.{buyer},seller_id.eq.{buyer})"} | {"order": "created_at.desc"},
        roles=SIGNED_IN,
        reads=10_000,
        because=_EITHER,
    ),
    "orders of a seller": Page(
        query="orders",
        where={"or": "(buyer_id.eq.{seller},seller_id.eq.{seller})"} | {"order": "created_at.desc"},
        roles=SELLING,
        reads=25_000,
        because=_EITHER,
    ),
    "newest orders of a buyer": Page(
        query="orders",
        where={"or": "(buyer_id.eq.{buyer},seller_id.eq.{buyer})"}
        | {"order": "created_at.desc", "limit": "20"},
        roles=SIGNED_IN,
        reads=10_000,
        because=_EITHER,
    ),
    "newest orders of a user": Page(
        query="orders",
        where={"or": "(buyer_id.eq.{purchaser},seller_id.eq.{purchaser})"}
        | {"order": "created_at.desc", "limit": "20"},
        roles=(Role.USER, Role.STAFF),
    ),
    "newest purchases": Page(
        query="orders",
        where={"buyer_id": "eq.{purchaser}", "order": "created_at.desc", "limit": "20"},
        roles=(Role.USER, Role.STAFF),
    ),
    "sales": Page(
        query="orders",
        where={"seller_id": "eq.{seller}", "order": "created_at.desc", "limit": "100"},
        roles=SELLING,
    ),
    "staff orders": Page(
        query="orders",
        where={"order": "created_at.desc", "limit": "100"},
        roles=(Role.STAFF,),
        reads=40_000,
        of_listings=0.001,
        scans={"orders"},
        because=_SMALL,
    ),
    # Staff see every thread, and no index orders all threads by their last message. A page of
    # theirs names a party, as the next ones do.
    "inbox, unfiltered": Page(
        query="inbox",
        where={"order": "last_message_at.desc", "limit": "50"},
        roles=(Role.USER, Role.BUYER),
        reads=10_000,
        because=_EITHER,
    ),
    "inbox of a buyer": Page(
        query="inbox",
        where={"buyer_id": "eq.{buyer}", "order": "last_message_at.desc", "limit": "50"},
        roles=SIGNED_IN,
    ),
    "inbox": Page(
        query="inbox",
        where={"or": "(buyer_id.eq.{seller},seller_id.eq.{seller})"}
        | {"order": "last_message_at.desc", "limit": "50"},
        roles=SELLING,
        reads=25_000,
        because=_EITHER,
    ),
    "account threads": Page(
        query="account threads",
        where={"buyer_id": "eq.{buyer}", "order": "last_message_at.desc", "limit": "20"},
        roles=SIGNED_IN,
    ),
    "thread": Page(
        query="thread",
        where={"thread_id": "eq.{thread}", "order": "created_at.asc"},
        roles=SIGNED_IN,
        reads=5_000,
    ),
    "unread messages": Page(
        query="thread",
        where={"thread_id": "eq.{thread}", "sender_id": "neq.{buyer}", "read_at": "is.null"},
        roles=SIGNED_IN,
        reads=5_000,
        is_counted=True,
    ),
    "unread messages of all threads": Page(
        query="thread",
        where={"sender_id": "neq.{buyer}", "read_at": "is.null"},
        roles=(Role.USER, Role.BUYER),
        reads=5_000,
        is_counted=True,
    ),
    "unread messages of the whole market": Page(
        query="thread",
        where={"sender_id": "neq.{buyer}", "read_at": "is.null"},
        roles=(Role.STAFF,),
        reads=5_000,
        of_listings=0.9,
        scans={"messages"},
        because="count=exact counts every message that staff see, and staff see those of everybody",
        is_counted=True,
    ),
    "held messages": Page(
        query="thread",
        where={"delivery": "eq.held", "order": "created_at.asc", "limit": "50"},
        roles=(Role.STAFF,),
    ),
    "bell": Page(query="bell", where={"order": "created_at.desc", "limit": "50"}, roles=SIGNED_IN),
    "unread notifications": Page(
        query="bell",
        where={"read": "eq.false", "limit": "1"},
        roles=SIGNED_IN,
        is_counted=True,
    ),
    "disputes": Page(
        query="disputes",
        where={"order": "created_at.desc", "limit": "100"},
        roles=SIGNED_IN,
        of_listings=0.01,
        scans={"disputes"},
        because=_DISPUTES,
    ),
    "admin disputes": Page(
        query="admin disputes",
        where={"state": "eq.open", "limit": "100"},
        roles=SIGNED_IN,
        of_listings=0.01,
        scans={"disputes"},
        because=_DISPUTES,
    ),
    "disputes of a buyer": Page(
        query="disputes",
        where={"initiator_id": "eq.{plaintiff}", "order": "created_at.desc", "limit": "100"},
        roles=SIGNED_IN,
    ),
    "dispute messages": Page(
        query="dispute messages", where={"dispute_id": "eq.{dispute}"}, roles=SIGNED_IN
    ),
    "dispute evidence": Page(
        query="dispute evidence", where={"dispute_id": "eq.{dispute}"}, roles=SIGNED_IN
    ),
    "shipment of an order": Page(
        query="shipments", where={"order_id": "eq.{order}"}, roles=SIGNED_IN
    ),
    "shipment events": Page(
        query="shipment events",
        where={"shipment_id": "eq.{shipment}", "order": "event_time.desc"},
        roles=SIGNED_IN,
    ),
    "history of an order": Page(
        query="order_events", where={"order_id": "eq.{order}", "order": "id.asc"}, roles=SIGNED_IN
    ),
    "payments of an order": Page(
        query="payments", where={"order_id": "eq.{order}"}, roles=SIGNED_IN
    ),
    # No filter names the buyer, so only row level security does.
    "newest payments of a buyer": Page(
        query="payments",
        where={"order": "created_at.desc", "limit": "20"},
        roles=(Role.USER, Role.BUYER),
    ),
    "refunds of an order": Page(
        query="refunds", where={"order_id": "eq.{refunded}"}, roles=SIGNED_IN
    ),
    "ledger of an order": Page(
        query="ledger_entries", where={"order_id": "eq.{order}"}, roles=SIGNED_IN
    ),
    "newest ledger lines": Page(
        query="ledger_entries",
        where={"user_id": "eq.{buyer}", "order": "created_at.desc", "limit": "100"},
        roles=SIGNED_IN,
    ),
    "payouts": Page(
        query="payouts",
        where={"seller_id": "eq.{seller}", "order": "created_at.desc", "limit": "50"},
        roles=SELLING,
    ),
    "strikes": Page(query="user_strikes", where={"user_id": "eq.{buyer}"}, roles=SIGNED_IN),
    "own reports": Page(
        query="content_reports",
        where={"reporter_id": "eq.{buyer}", "order": "created_at.desc", "limit": "100"},
        roles=SIGNED_IN,
    ),
    "open reports": Page(
        query="content_reports",
        where={"status": "eq.open", "order": "created_at.asc", "limit": "100"},
        roles=(Role.STAFF,),
    ),
    "audit log": Page(
        query="audit_logs",
        where={"order": "created_at.desc", "limit": "100"},
        roles=(Role.STAFF,),
        of_listings=0.01,
        scans={"audit_logs"},
        because=_SMALL,
    ),
    "audit log of an object": Page(
        query="audit_logs",
        where={"entity": "eq.order", "entity_id": "eq.{audited}", "order": "created_at.desc"},
        roles=(Role.STAFF,),
    ),
    "admin metrics": Page(
        query="admin metrics",
        where={"order": "recorded_at.desc", "limit": "100"},
        roles=(Role.USER, Role.STAFF),
    ),
    "account": Page(query="account", where={"id": "eq.{buyer}"}),
    "admin users": Page(query="admin users", where={"limit": "100"}, roles=(Role.STAFF,)),
    "admin users by mail": Page(
        query="admin users",
        where={"email": "ilike.%user4203%", "limit": "100"},
        roles=(Role.USER, Role.STAFF),
        of_listings=0.22,
        scans={"users"},
        because="staff search for a part of an address, which no index serves under row level"
        " security",
    ),
}
