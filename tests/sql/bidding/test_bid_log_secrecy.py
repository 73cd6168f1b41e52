"""The bid log of a live auction reveals nothing, not even its growth."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection, sql

from tests.sql.actors import Actor
from tests.sql.bidding.bidding_log import numbers_in
from tests.sql.bidding.bidding_world import stop_clock


#: Each table or view of `public`, and the columns of it that a role may select.
READABLE = """
  select c.relname::text, array_agg(a.attname::text order by a.attnum)
  from pg_class as c join pg_attribute as a on a.attrelid = c.oid
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v')
    and a.attnum > 0 and not a.attisdropped
    and has_column_privilege(%s, c.oid, a.attnum, 'select')
  group by c.relname
"""
#: Functions without side effects that a role may call about an auction or a listing.
ASKABLE = """
  select proname::text, proargnames[1]
  from pg_proc
  where pronamespace = 'public'::regnamespace and provolatile <> 'v' and pronargs = 1
    and proargnames[1] in ('auction_id', 'listing_id')
    and has_function_privilege(%s, oid, 'execute')
"""
#: Rows that this transaction has added or changed, by table. Each change makes a new row version,
#: which Realtime sends if the table is published.
WRITTEN = """
  select schemaname || '.' || relname, n_tup_ins + n_tup_upd + n_tup_del
  from pg_stat_xact_all_tables
  where schemaname in ('public', 'private', 'realtime', 'auth', 'storage')
"""


@pytest.fixture(autouse=True)
def _clock(owner: Connection) -> None:
    """Stop the clock, so that two looks differ in no time."""
    stop_clock(owner)


def sight(actor: Actor, auction_id: UUID) -> dict[str, Any]:
    """Return all that an actor reads: each readable row, and each answer about the auction."""
    owner = actor.connection
    [(listing_id,)] = owner.execute(
        "select listing_id from public.auctions where id = %s", [auction_id]
    ).fetchall()
    ids = {"auction_id": auction_id, "listing_id": listing_id}
    seen: dict[str, Any] = {}
    for table, columns in owner.execute(READABLE, [actor.role]).fetchall():
        query = sql.SQL("select {} from public.{}").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(table)
        )
        seen[table] = sorted(map(repr, actor.rows(query)))
    for function, argument in owner.execute(ASKABLE, [actor.role]).fetchall():
        seen[f"{function}()"] = actor.call(function, **{argument: ids[argument]})
    if actor.user_id is not None:
        bid = {"auction_id": auction_id, "amount_cents": 100}
        seen["refusal"] = actor.call("place_bid", **bid)
    return seen


def written(owner: Connection) -> dict[str, int]:
    return dict(owner.execute(WRITTEN).fetchall())


@contextmanager
def undone(owner: Connection) -> Iterator[None]:
    """Undo what happens in the block."""
    with owner.transaction(force_rollback=True):
        yield


@pytest.mark.parametrize("reader", ["bob", "seller", "anonymous", "moderator"])
def test_raise_of_the_leader_is_invisible(
    request: pytest.FixtureRequest, auction_id: UUID, alice: Actor, bob: Actor, reader: str
) -> None:
    """No row and no answer that another person reads differs afterwards."""
    other = request.getfixturevalue(reader)
    bob.call("place_bid", auction_id=auction_id, amount_cents=1000)
    alice.call("place_bid", auction_id=auction_id, amount_cents=2000, max_proxy_cents=3000)
    before = sight(other, auction_id)

    receipt = alice.call(
        "place_bid", auction_id=auction_id, amount_cents=2000, max_proxy_cents=8000
    )

    assert receipt["success"]
    assert before == sight(other, auction_id)
    assert {"auctions", "bids", "get_auction_state()", "get_bid_log()"} <= before.keys()


def test_raise_of_the_leader_writes_private_rows_alone(
    owner: Connection, auction_id: UUID, alice: Actor
) -> None:
    """Realtime sends changes of published tables and rows of realtime.messages: there are none."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=3000)
    before = written(owner)

    alice.call(
        "place_bid",
        auction_id=auction_id,
        amount_cents=2000,
        max_proxy_cents=8000,
        client_bid_id=uuid4(),
    )

    after = written(owner)
    assert {
        "private.bid_log": 1,
        "private.bid_receipts": 1,
        "private.proxy_bids": 1,
        "private.rate_limits": 2,
    } == {
        table: after[table] - before.get(table, 0)
        for table in after
        if after[table] != before.get(table, 0)
    }


def test_receipt_of_a_rival_is_the_same_after_a_raise(
    owner: Connection, auction_id: UUID, alice: Actor, bob: Actor
) -> None:
    """A rival's receipt after a raise differs only in ids and the random salt."""
    random = {"bid_id": None, "hash": None, "salt": None}
    raised = {"auction_id": auction_id, "amount_cents": 1000, "max_proxy_cents": 4000}
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=3000)
    receipts = []
    for raises in (False, True):
        with undone(owner):
            if raises:
                assert alice.call("place_bid", **raised)["success"]
            receipts.append(bob.call("place_bid", auction_id=auction_id, amount_cents=9000))

    first, second = receipts
    assert first["success"]
    assert first | random == second | random


def test_log_of_a_live_auction_reaches_nobody(
    owner: Connection, auction_id: UUID, alice: Actor, bob: Actor, moderator: Actor, service: Actor
) -> None:
    """Every role, staff and service included, is refused the table and its functions."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=7373)
    anonymous = Actor(connection=owner, role="anon")

    for actor in (anonymous, alice, bob, moderator, service):
        for statement in (
            "select * from private.bid_log",
            "select private.opened_log_rows(%(id)s)",
            "select private.append_bid_log(%(id)s, 'close', '{}', now())",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                actor.rows(statement, id=auction_id)
    assert 7373 not in set(numbers_in(bob.call("get_bid_log", auction_id=auction_id)))
