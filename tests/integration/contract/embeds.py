"""Every query of the web app by its page, and the number of rows that each role reads."""

import dataclasses
from collections.abc import Mapping

from tests.integration.contract.market import Role


#: Stands for the error that a role without any right to the table gets.
FORBIDDEN = -1
EVERYBODY = dict.fromkeys(Role, 1)
#: Only the two parties of the order and staff read rows; a visitor has no grant.
PARTIES = {
    Role.ANON: FORBIDDEN,
    Role.SELLER: 1,
    Role.BUYER: 1,
    Role.LOSER: 0,
    Role.OTHER_USER: 0,
    Role.STAFF: 1,
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A select string, its filters as PostgREST spells them, and the form of each embed.

    `forms` names by its path what is embedded: an array `[]` or an object `{}`. `{name}` in a
    filter is an id of the market.
    """

    table: str
    select: str
    where: Mapping[str, str]
    forms: Mapping[str, type]
    reads: Mapping[Role, int]


def profile(foreign_key: str) -> str:
    """Return the embed by which the web app reads the name of another user."""
    return f"public_profiles!{foreign_key}(id,display_name,kyc_passed,member_since)"


#: The counts that the web app asks for by HEAD, each with its table and filters.
COUNTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "unread messages": (
        "messages",
        {"thread_id": "eq.{thread}", "sender_id": "neq.{self}", "read_at": "is.null"},
    ),
    "badge": ("notifications", {"read": "is.false"}),
}

_PHOTOS = "listing_photos(id,url,order_idx)"
_BIDS = "bids(id,bidder_id,amount_cents,max_proxy_cents,placed_at,accepted)"
_SELLER = profile("listings_seller_id_fkey")
_THREAD = (
    f"*,buyer:{profile('message_threads_buyer_id_fkey')},"
    f"seller:{profile('message_threads_seller_id_fkey')},"
    "order:orders(id,listing:listings(title,listing_photos(url,order_idx)))"
)
_THREAD_FORMS = {
    "buyer": dict,
    "seller": dict,
    "order": dict,
    "order.listing": dict,
    "order.listing.listing_photos": list,
}

QUERIES: Mapping[str, Query] = {
    "home": Query(
        table="listings",
        select=f"*,auctions(id,current_price_cents,status,end_at),{_PHOTOS}",
        where={"id": "eq.{listing}"},
        forms={"auctions": list, "listing_photos": list},
        reads=EVERYBODY,
    ),
    "account listings": Query(
        table="listings",
        select=f"*,auctions(id,current_price_cents,status,end_at),{_PHOTOS}",
        where={"seller_id": "eq.{seller}"},
        forms={"auctions": list, "listing_photos": list},
        reads=dict.fromkeys(Role, 2),
    ),
    "listing page": Query(
        table="listings",
        select=f"*,{_SELLER}",
        where={"id": "eq.{listing}"},
        forms={"public_profiles": dict},
        reads=EVERYBODY,
    ),
    "marketplace": Query(
        table="listings",
        select=f"*,{_SELLER},{_PHOTOS}",
        where={
            "seller_id": "eq.{seller}",
            "status": "eq.live",
            "or": "(title.ilike.%teapot%,description.ilike.%teapot%)",
            "category_id": "eq.5",
            "location->>state": "eq.VIC",
            "condition": "eq.good",
            "start_cents": "lte.5000",
            "order": "end_at.asc",
            "limit": "12",
        },
        forms={"public_profiles": dict, "listing_photos": list},
        reads=EVERYBODY,
    ),
    "marketplace, ending soon": Query(
        table="listings",
        select=f"*,{_SELLER},{_PHOTOS}",
        where={
            "seller_id": "eq.{seller}",
            "status": "eq.live",
            "end_at": "lt.2100-01-01T00:00:00Z",
            "start_cents": "gte.1000",
            "order": "end_at.asc",
            "limit": "12",
            "offset": "0",
        },
        forms={"public_profiles": dict, "listing_photos": list},
        reads=EVERYBODY,
    ),
    # Winner and losers still see it.
    "marketplace, ended": Query(
        table="listings",
        select=f"*,{_SELLER},{_PHOTOS}",
        where={
            "seller_id": "eq.{seller}",
            "status": "eq.ended",
            "order": "start_cents.desc,created_at.desc",
            "limit": "12",
        },
        forms={"public_profiles": dict, "listing_photos": list},
        reads=EVERYBODY,
    ),
    "new message": Query(
        table="listings",
        select="id,title,description,listing_photos(url,order_idx)",
        where={"id": "eq.{listing}"},
        forms={"listing_photos": list},
        reads=EVERYBODY,
    ),
    "profile": Query(
        table="public_profiles",
        select="id,display_name,kyc_passed,member_since",
        where={"id": "eq.{seller}"},
        forms={},
        reads=EVERYBODY,
    ),
    "auction of a listing": Query(
        table="auctions",
        select="*",
        where={"listing_id": "eq.{listing}"},
        forms={},
        reads=EVERYBODY,
    ),
    "auction with bids": Query(
        table="auctions",
        select=f"*,listings!inner(end_at),{_BIDS}",
        where={"id": "eq.{sold}"},
        forms={"listings": dict, "bids": list},
        reads=EVERYBODY,
    ),
    "auction with bids alone": Query(
        table="auctions",
        select=f"*,{_BIDS}",
        where={"id": "eq.{live}"},
        forms={"bids": list},
        reads=EVERYBODY,
    ),
    "minimum of an auction": Query(
        table="auctions",
        select="*,listings!inner(start_cents)",
        where={"id": "eq.{live}"},
        forms={"listings": dict},
        reads=EVERYBODY,
    ),
    "admin finalize": Query(
        table="auctions",
        select="id,listing_id,status,high_bid_id,listings!inner(id,title,seller_id,end_at)",
        where={"id": "eq.{live}"},
        forms={"listings": dict},
        reads=EVERYBODY,
    ),
    "an empty list": Query(
        table="auctions",
        select="id",
        where={"or": "(listing_id.in.())"},
        forms={},
        reads=dict.fromkeys(Role, 0),
    ),
    "minimum bid": Query(
        table="bids",
        select="amount_cents",
        where={"auction_id": "eq.{live}", "order": "amount_cents.desc", "limit": "1"},
        forms={},
        reads=EVERYBODY,
    ),
    "bid history": Query(
        table="bids",
        select=f"*,{profile('bids_bidder_id_fkey')}",
        where={"auction_id": "eq.{sold}", "order": "placed_at.desc", "limit": "50"},
        forms={"public_profiles": dict},
        reads=dict.fromkeys(Role, 2),
    ),
    "my bids": Query(
        table="bids",
        select="*,auctions!inner(id,listing_id,listings!inner(id,title,end_at,status))",
        where={"bidder_id": "eq.{loser}", "auction_id": "eq.{sold}"},
        forms={"auctions": dict, "auctions.listings": dict},
        reads=EVERYBODY,
    ),
    "account bids": Query(
        table="bids",
        select=(
            "*,auctions!inner(id,listing_id,status,current_price_cents,"
            "listings!inner(id,title,end_at,status,listing_photos(url,order_idx)))"
        ),
        where={"bidder_id": "eq.{buyer}", "auction_id": "eq.{sold}"},
        forms={
            "auctions": dict,
            "auctions.listings": dict,
            "auctions.listings.listing_photos": list,
        },
        reads=EVERYBODY,
    ),
    "bids that win": Query(
        table="auctions",
        select="id,listing_id,current_price_cents,end_at,listings!inner(id,title)",
        where={"high_bidder_id": "eq.{buyer}", "status": "eq.live"},
        forms={"listings": dict},
        reads=EVERYBODY,
    ),
    "orders": Query(
        table="orders",
        select=(
            f"*,listings(id,title,description,{_PHOTOS}),"
            f"buyer:{profile('orders_buyer_id_fkey')},seller:{profile('orders_seller_id_fkey')}"
        ),
        where={
            "or": "(buyer_id.eq.{buyer},seller_id.eq.{seller})",
            "order": "created_at.desc",
        },
        forms={"listings": dict, "listings.listing_photos": list, "buyer": dict, "seller": dict},
        reads=PARTIES,
    ),
    "shipments": Query(
        table="shipments",
        select="*,shipment_events(*)",
        where={"order_id": "eq.{order}"},
        forms={"shipment_events": list},
        reads=PARTIES,
    ),
    "shipment events": Query(
        table="shipment_events",
        select="*",
        where={"shipment_id": "eq.{shipment}", "order": "event_time.desc"},
        forms={},
        reads=PARTIES,
    ),
    "inbox": Query(
        table="message_threads",
        select=_THREAD,
        where={"id": "eq.{thread}", "order": "last_message_at.desc"},
        forms=_THREAD_FORMS,
        reads=PARTIES,
    ),
    "account threads": Query(
        table="message_threads",
        select=f"{_THREAD},messages(id,content,created_at,sender_id)",
        where={"id": "eq.{thread}"},
        forms=_THREAD_FORMS | {"messages": list},
        reads=PARTIES,
    ),
    "thread": Query(
        table="messages",
        select=f"*,sender:{profile('messages_sender_id_fkey')}",
        where={"thread_id": "eq.{thread}", "order": "created_at.asc"},
        forms={"sender": dict},
        reads=PARTIES,
    ),
    "bell": Query(
        table="notifications",
        select="*",
        where={"type": "eq.auction_ended", "order": "created_at.desc"},
        forms={},
        # Staff too have only their own.
        reads=PARTIES | {Role.BUYER: 0, Role.STAFF: 0},
    ),
    "disputes": Query(
        table="disputes",
        select=(
            "*,order:orders!disputes_order_id_fkey("
            "id,listing:listings(title,listing_photos(url,order_idx))),"
            f"initiator:{profile('disputes_initiator_id_fkey')},"
            f"respondent:{profile('disputes_respondent_id_fkey')}"
        ),
        where={"id": "eq.{dispute}"},
        forms={
            "order": dict,
            "order.listing": dict,
            "order.listing.listing_photos": list,
            "initiator": dict,
            "respondent": dict,
        },
        reads=PARTIES,
    ),
    "admin disputes": Query(
        table="disputes",
        select="*,orders!inner(id,buyer_id,seller_id)",
        where={"order_id": "eq.{order}", "state": "eq.resolved", "limit": "100"},
        forms={"orders": dict},
        reads=PARTIES,
    ),
    "dispute messages": Query(
        table="dispute_messages",
        select=f"*,sender:{profile('dispute_messages_sender_id_fkey')}",
        where={"dispute_id": "eq.{dispute}"},
        forms={"sender": dict},
        # An internal message is for staff alone.
        reads=PARTIES | {Role.STAFF: 2},
    ),
    "dispute evidence": Query(
        table="dispute_evidence",
        select=f"*,user:{profile('dispute_evidence_user_id_fkey')}",
        where={"dispute_id": "eq.{dispute}"},
        forms={"user": dict},
        reads=PARTIES,
    ),
    "admin metrics": Query(
        table="metrics",
        select="*",
        where={"order": "recorded_at.desc", "limit": "100"},
        forms={},
        # Staff here are a moderator; only admins read rows.
        reads=dict.fromkeys(Role, 0) | {Role.ANON: FORBIDDEN},
    ),
    "account": Query(
        table="users",
        select="*",
        where={"id": "eq.{buyer}"},
        forms={},
        reads=dict.fromkeys(Role, 0) | {Role.BUYER: 1, Role.STAFF: 1},
    ),
    "admin users": Query(
        table="users",
        select="id,email,legal_name,role,kyc,kyc_completed_at",
        where={"email": "ilike.%{buyer_email}%", "limit": "100"},
        forms={},
        # Others read no row and get no error, so that embeds of people are null.
        reads=dict.fromkeys(Role, 0) | {Role.BUYER: 1, Role.STAFF: 1},
    ),
}
