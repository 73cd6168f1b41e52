"""Bidders, auctions and orders for the benches."""

import dataclasses
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jwt
import psycopg
from psycopg import Connection, sql

from devstack.supervisor.processes import wait_until


#: An increment of one cent keeps prices below the upper bound of money during a measurement. The
#: rate limits are off, because one user here acts like a thousand. The time between two fleets of
#: workers looks like an outage, and must extend no auction.
SETTINGS = """
  update private.app_settings set value = '[{"below_cents": null, "step_cents": 1}]'
  where key = 'bid_increments';
  update private.app_settings set value = (
    select jsonb_object_agg(action, '{"max": 1000000000, "window_s": 60}'::jsonb)
    from jsonb_object_keys(value) as action
  )
  where key = 'rate_limits';
  update private.app_settings set value = '0' where key = 'outage_window_s'
"""
#: The time limit for the end of auctions that last two seconds.
END_S = 30
HAVE_ENDED = """
  select not exists (
    select from public.auctions where status = 'live' and end_at > clock_timestamp()
  )
"""
#: An auction gets the first row of its bid log when it becomes live, so its close writes only one.
START_LOGS = """
  select private.start_bid_log(a.id, clock_timestamp()) from public.auctions as a
  where a.status = 'live' and not exists (
    select from private.bid_log as log where log.auction_id = a.id
  )
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fixtures:
    """Verified bidders, and live auctions."""

    bidder_ids: Sequence[str]
    auction_ids: Sequence[str]


def create_fixtures(
    database_url: str, *, bidders: int, auctions: int, last_s: float = 86_400
) -> Fixtures:
    """Sign up bidders and open auctions that end in `last_s` seconds, by SQL."""
    with psycopg.connect(database_url) as owner:
        owner.execute(SETTINGS)
        seller_id, *bidder_ids = (_sign_up(owner, number) for number in range(bidders + 1))
        auction_ids = [_open_auction(owner, seller_id, last_s) for _ in range(auctions)]
        owner.execute(START_LOGS)
    return Fixtures(bidder_ids=bidder_ids, auction_ids=auction_ids)


def act_as(connection: Connection, user_id: str) -> None:
    """Give a session the role and the claims that the gateway gives a signed-in user."""
    for statement in claims_of(user_id):
        connection.execute(statement)


def claims_of(user_id: str) -> tuple[sql.Composed, sql.SQL]:
    """Return the statements that give a session a signed-in user's claims and role."""
    claims = json.dumps({"sub": user_id, "role": "authenticated"})
    setting = sql.SQL("select set_config('request.jwt.claims', {}, false)")
    return setting.format(sql.Literal(claims)), sql.SQL("set role authenticated")


def token_of(env: Mapping[str, str], user_id: str) -> str:
    """Return an access token that the stack's legacy secret signs; Auth would hash a password."""
    now = int(time.time())
    claims = {
        "iss": f"{env['SUPABASE_URL']}/auth/v1",
        "sub": user_id,
        "aud": "authenticated",
        "role": "authenticated",
        "iat": now,
        "exp": now + 3600,
    }
    return jwt.encode(claims, env["SUPABASE_JWT_SECRET"], "HS256")


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


def _open_auction(owner: Connection, seller_id: str, last_s: float) -> str:
    query = """
      with listing as (
        insert into public.listings (seller_id, title, description, category_id, condition,
          location, pickup, shipping, start_cents, start_at, end_at, status)
        values (%s, 'A thing to bid for', 'It exists so that a bench can measure bids.', 1, 'good',
          '{"suburb": "Fitzroy", "postcode": "3065", "state": "VIC"}', true, false, 100,
          clock_timestamp(), clock_timestamp() + %s * interval '1 second', 'live')
        returning *
      ), kept as (
        insert into private.listing_private (listing_id) select id from listing
      )
      insert into public.auctions (listing_id, status, start_at, end_at, scheduled_end_at,
        current_price_cents, min_next_bid_cents, reserve_met)
      select id, 'live', start_at, end_at, end_at, 100, 100, true from listing returning id::text
    """
    [(auction_id,)] = owner.execute(query, [seller_id, last_s]).fetchall()
    return str(auction_id)


def create_ending_auctions(database_url: str, count: int, *, first_end_s: float) -> None:
    """Open auctions with a leader, which end one after another within a second.

    `first_end_s` counts from the commit, about: the statements take a part of it.
    """
    query = """
      with listing as (
        insert into public.listings (seller_id, title, description, category_id, condition,
          location, pickup, shipping, start_cents, start_at, end_at, status)
        select %(seller_id)s, 'A thing to bid for', 'It exists so that a bench can close auctions.',
          1, 'good', '{"suburb": "Fitzroy", "postcode": "3065", "state": "VIC"}', true, false, 100,
          now(), now() + (%(first_end_s)s + number::float8 / %(count)s) * interval '1 second',
          'live'
        from generate_series(1, %(count)s) as number
        returning *
      ), kept as (
        insert into private.listing_private (listing_id) select id from listing
      ), auction as (
        insert into public.auctions (listing_id, status, start_at, end_at, scheduled_end_at,
          current_price_cents, min_next_bid_cents, bid_count, reserve_met)
        select id, 'live', start_at, end_at, end_at, 200, 300, 1, true from listing returning *
      ), proxy as (
        insert into private.proxy_bids (auction_id, bidder_id, max_cents, max_set_at)
        select id, %(bidder_id)s, 200, now() from auction
      )
      insert into public.bids (auction_id, bidder_id, amount_cents, is_proxy, placed_at, seq)
      select id, %(bidder_id)s, 200, false, now(), 1 from auction
    """
    with psycopg.connect(database_url) as owner:
        owner.execute(SETTINGS)
        seller_id, bidder_id = (_sign_up(owner, number) for number in range(2))
        values = {"seller_id": seller_id, "bidder_id": bidder_id}
        owner.execute(query, {**values, "count": count, "first_end_s": first_end_s})
        owner.execute(
            """
            update public.auctions as a set high_bid_id = b.id, high_bidder_id = b.bidder_id
            from public.bids as b where b.auction_id = a.id and a.high_bid_id is null
            """
        )
        owner.execute(START_LOGS)


def create_unpaid_orders(database_url: str, count: int) -> Sequence[Mapping[str, Any]]:
    """Sell things, each with a PaymentIntent that waits for its payment."""
    create_ending_auctions(database_url, count, first_end_s=1)
    query = """
      update public.orders set stripe_payment_intent_id = 'pi_' || replace(id::text, '-', '')
      returning jsonb_build_object('order_id', id, 'buyer_id', buyer_id,
        'amount_cents', amount_cents, 'intent_id', stripe_payment_intent_id)
    """
    with psycopg.connect(database_url, autocommit=True) as owner:
        wait_until_ended(owner)
        owner.execute("select private.end_expired_auctions(%s)", [count])
        return [order for (order,) in owner.execute(query)]


def wait_until_ended(owner: Connection) -> None:
    """Wait until the end of every live auction has passed."""
    if not wait_until(lambda: owner.execute(HAVE_ENDED).fetchone() == (True,), END_S):
        raise RuntimeError(f"some auctions had not ended after {END_S} s")
