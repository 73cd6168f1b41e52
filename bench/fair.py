"""The people and auctions that a bench bids with."""

import dataclasses
import json
from collections.abc import Mapping, Sequence

import psycopg
from psycopg import Connection


#: Steps of one cent, so that no price reaches the bound of money before a measurement is over;
#: and no limit, because one bidder here bids like a thousand.
SETTINGS: Mapping[str, object] = {
    "bid_increments": [{"below_cents": None, "step_cents": 1}],
    "rate_limits": {"place_bid": {"max": 1_000_000_000, "window_s": 60}},
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fair:
    """Verified bidders, and live auctions that go on for a day."""

    bidder_ids: Sequence[str]
    auction_ids: Sequence[str]


def open_fair(database_url: str, *, bidders: int, auctions: int) -> Fair:
    """Sign people up and open auctions, in the database itself."""
    with psycopg.connect(database_url) as owner:
        for key, value in SETTINGS.items():
            query = "update private.app_settings set value = value || %s where key = %s"
            if isinstance(value, list):
                query = "update private.app_settings set value = %s where key = %s"
            owner.execute(query, [json.dumps(value), key])
        seller_id, *bidder_ids = (_sign_up(owner, number) for number in range(bidders + 1))
        auction_ids = [_open_auction(owner, seller_id) for _ in range(auctions)]
    return Fair(bidder_ids=bidder_ids, auction_ids=auction_ids)


def act_as(connection: Connection, user_id: str) -> None:
    """Give a session the role and the claims that a signed-in user has behind the gateway."""
    claims = json.dumps({"sub": user_id, "role": "authenticated"})
    connection.execute("select set_config('request.jwt.claims', %s, false)", [claims])
    connection.execute("set role authenticated")


def _sign_up(owner: Connection, number: int) -> str:
    query = """
      insert into auth.users (id, email, aud, role)
      values (gen_random_uuid(), 'bench-' || %s || '-' || gen_random_uuid() || '@example.test',
        'authenticated', 'authenticated')
      returning id::text
    """
    [(user_id,)] = owner.execute(query, [number]).fetchall()
    owner.execute("update public.users set kyc = 'passed' where id = %s", [user_id])
    return str(user_id)


def _open_auction(owner: Connection, seller_id: str) -> str:
    query = """
      with listing as (
        insert into public.listings (seller_id, title, description, category_id, condition,
          location, pickup, shipping, start_cents, start_at, end_at, status)
        values (%s, 'A thing to bid for', 'It is here so that bids can be measured.', 1, 'good',
          '{"suburb": "Fitzroy", "postcode": "3065", "state": "VIC"}', true, false, 100,
          now(), now() + interval '1 day', 'live')
        returning *
      ), kept as (
        insert into private.listing_private (listing_id) select id from listing
      )
      insert into public.auctions (listing_id, status, start_at, end_at, scheduled_end_at,
        current_price_cents, min_next_bid_cents, reserve_met)
      select id, 'live', start_at, end_at, end_at, 100, 100, true from listing returning id::text
    """
    [(auction_id,)] = owner.execute(query, [seller_id]).fetchall()
    return str(auction_id)
