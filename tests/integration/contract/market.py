"""A small market, and the people who look at it through the official library."""

import dataclasses
import enum
import uuid
from collections.abc import Mapping
from typing import Any, Self
from uuid import UUID

import httpx
from supabase import Client, ClientOptions, create_client

from tests.integration.gateways import PATIENCE_S
from tests.integration.service.browser import Browser
from tests.integration.service.shop import AMOUNT, Shop
from tests.sql.auctioning import auctioned
from tests.sql.paying import attached, declined


class Role(enum.StrEnum):
    """Who looks: nobody who is known, both parties of the order, who lost, who has no part."""

    ANON = "anon"
    SELLER = "seller"
    BUYER = "buyer"
    LOSER = "loser"
    STRANGER = "stranger"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """One thing that was sold, with bids, order, thread and message, and another on sale."""

    shop: Shop
    people: Mapping[Role, Browser]
    #: What the tests may name in a filter.
    ids: Mapping[str, str]

    @classmethod
    def opened(cls, shop: Shop) -> Self:
        """Have everything happen that there is to look at."""
        people: dict[Role, Browser] = {
            role: Browser.of_somebody_new(shop) for role in Role if role is not Role.ANON
        }
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
        _add_message(shop, thread_id, seller.id)
        _decline(shop, UUID(order["order_id"]))
        ids = {
            "sold": sold,
            "live": live,
            "listing": listing_id,
            "live_listing": _listing_of(shop, live),
            "order": order["order_id"],
            "thread": thread_id,
            **{role.value: people[role].actor.id for role in people},
        }
        return cls(shop=shop, people=people, ids={name: str(id_) for name, id_ in ids.items()})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody with a client of the official library."""

    client: Client
    http: httpx.Client

    @classmethod
    def of(cls, market: Market, role: Role) -> Self:
        """Build a client that sends the token of whoever has this role, if they have one."""
        environment = market.shop.environment
        http = httpx.Client(timeout=PATIENCE_S)
        client = create_client(
            environment["SUPABASE_URL"],
            environment["SUPABASE_PUBLISHABLE_KEY"],
            ClientOptions(httpx_client=http, auto_refresh_token=False, persist_session=False),
        )
        if role is not Role.ANON:
            client.postgrest.auth(market.people[role].session["access_token"])
        return cls(client=client, http=http)


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


def _add_message(shop: Shop, thread_id: UUID, sender_id: UUID) -> None:
    shop.db.execute(
        """
        insert into public.messages
          (thread_id, sender_id, client_message_id, content, action, rule_version, delivery)
        values (%s, %s, %s, 'It is packed.', 'allow', 1, 'delivered')
        """,
        [thread_id, sender_id, uuid.uuid4()],
    )


def _decline(shop: Shop, order_id: UUID) -> None:
    assert attached(shop.db, order_id, "pi_of_the_market")["success"]
    answer = declined(shop.db, order_id, "ch_of_the_market", "pi_of_the_market")
    assert answer["outcome"] == "processed", answer
