"""A small market, and the people who look at it through the official library."""

import dataclasses
import enum
import uuid
from collections.abc import Mapping
from typing import Any, Self
from uuid import UUID

import httpx
from supabase import Client, ClientOptions, create_client

from tests.integration.service.browser import Browser
from tests.integration.service.shop import AMOUNT, Shop
from tests.integration.service.staff import with_second_factor
from tests.sql.auctioning import auctioned
from tests.sql.paying import attached, declined
from tests.sql.writing import wrote
from tests.support.waits import ANSWER_S


class Role(enum.StrEnum):
    """A visitor, both parties of the order, the losing bidder, a user without a part, staff."""

    ANON = "anon"
    SELLER = "seller"
    BUYER = "buyer"
    LOSER = "loser"
    OTHER_USER = "other_user"
    STAFF = "staff"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """A sold item with bids, order, thread and message, and another item on sale."""

    shop: Shop
    people: Mapping[Role, Browser]
    #: The ids and values that a filter may name.
    ids: Mapping[str, str]

    @classmethod
    def opened(cls, shop: Shop) -> Self:
        """Sign the people up, sell one thing to the buyer, and put another on sale."""
        people: dict[Role, Browser] = {
            role: Browser.of_somebody_new(shop)
            for role in Role
            if role not in (Role.ANON, Role.STAFF)
        }
        staff = Browser.of_somebody_new(shop, "moderator")
        people[Role.STAFF] = with_second_factor(shop, staff)
        seller, buyer = people[Role.SELLER].actor, people[Role.BUYER].actor
        shop.db.execute("update public.users set role = 'seller' where id = %s", [seller.id])
        sold, live = auctioned(seller), auctioned(seller)
        for bidder, cents in ((people[Role.LOSER].actor, 1_000), (buyer, AMOUNT)):
            for auction_id in (sold, live):
                bid = bidder.call("place_bid", auction_id=auction_id, amount_cents=cents)
                assert bid["success"], bid
        order = shop.service.call("end_auction", auction_id=sold, force=True)
        listing_id = _listing_of(shop, sold)
        thread_id = shop.value(
            "select id from public.message_threads where order_id = %s", order["order_id"]
        )
        _add_photo(shop, listing_id)
        sent = wrote(seller, thread_id, "It is packed.")
        assert sent["success"], sent
        _decline(shop, UUID(order["order_id"]))
        dispute_id = _add_dispute(shop, UUID(order["order_id"]))
        shipment_id = _add_shipment(shop, UUID(order["order_id"]))
        ids = {
            "sold": sold,
            "live": live,
            "listing": listing_id,
            "live_listing": _listing_of(shop, live),
            "order": order["order_id"],
            "thread": thread_id,
            "dispute": dispute_id,
            "shipment": shipment_id,
            "buyer_email": people[Role.BUYER].session["user"]["email"],
            **{role.value: people[role].actor.id for role in people},
        }
        return cls(shop=shop, people=people, ids={name: str(id_) for name, id_ in ids.items()})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """A person, or nobody, with a client of the official library."""

    client: Client
    http: httpx.Client
    #: The status of the last answer, which the library keeps to itself in an error.
    statuses: list[int]

    @classmethod
    def of(cls, market: Market, role: Role) -> Self:
        """Build a client that sends the token of this role, if the role has one."""
        environment = market.shop.environment
        statuses = [0]

        def note(response: httpx.Response) -> None:
            statuses[0] = response.status_code

        http = httpx.Client(timeout=ANSWER_S, event_hooks={"response": [note]})
        headers = {} if role is Role.ANON else market.people[role].bearer
        client = create_client(
            environment["SUPABASE_URL"],
            environment["SUPABASE_PUBLISHABLE_KEY"],
            ClientOptions(
                httpx_client=http,
                headers=headers,
                auto_refresh_token=False,
                persist_session=False,
            ),
        )
        return cls(client=client, http=http, statuses=statuses)

    @property
    def status(self) -> int:
        """Return the status of the last answer."""
        return self.statuses[0]


def _listing_of(shop: Shop, auction_id: UUID) -> Any:
    return shop.value("select listing_id from public.auctions where id = %s", auction_id)


def _add_photo(shop: Shop, listing_id: UUID) -> None:
    shop.db.execute(
        """
        insert into public.listing_photos
          (listing_id, url, path, file_size, mime_type, width, height)
        values (%s, 'https://photos.test/1.jpg', %s, 1000, 'image/jpeg', 100, 100)
        """,
        [listing_id, f"{listing_id}/0_{uuid.uuid4()}.jpg"],
    )


def _add_dispute(shop: Shop, order_id: UUID) -> Any:
    """Add a dispute that staff have denied, with a message of each kind and a photo."""
    dispute_id = shop.value(
        """
        insert into public.disputes (
          order_id, initiator_id, respondent_id, dispute_type, reason, amount_cents, currency,
          status, decision, resolution, resolution_type, resolved_at
        )
        select id, buyer_id, seller_id, 'other', 'It is late', amount_cents, currency,
          'resolved', 'deny', 'It came', 'no_action', created_at
        from public.orders where id = %s
        returning id
        """,
        order_id,
    )
    shop.db.execute(
        """
        insert into public.dispute_messages (dispute_id, sender_id, content, is_internal)
        select id, initiator_id, text, text = 'internal' from public.disputes,
          unnest(array['open', 'internal']) as text
        where id = %s
        """,
        [dispute_id],
    )
    shop.db.execute(
        """
        insert into public.dispute_evidence (dispute_id, user_id, evidence_type, title)
        select id, initiator_id, 'photo', 'The box' from public.disputes where id = %s
        """,
        [dispute_id],
    )
    return dispute_id


def _add_shipment(shop: Shop, order_id: UUID) -> Any:
    """Add a parcel with its first step."""
    return shop.value(
        """
        with parcel as (
          insert into public.shipments (order_id, carrier, tracking)
          values (%s, 'Australia Post', 'AB123') returning id
        )
        insert into public.shipment_events (shipment_id, status, event_time)
        select id, 'accepted', now() from parcel
        returning shipment_id
        """,
        order_id,
    )


def _decline(shop: Shop, order_id: UUID) -> None:
    intent_id = f"pi_{order_id.hex}"
    assert attached(shop.db, order_id, intent_id)["success"]
    answer = declined(shop.db, order_id, f"ch_{order_id.hex}", intent_id)
    assert answer["outcome"] == "processed", answer
