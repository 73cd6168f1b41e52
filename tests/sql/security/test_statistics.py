"""Estimates of the planner, which `Prefer: count=planned` answers, show no hidden row."""

import dataclasses
import json
from typing import Any, LiteralString

import pytest
from psycopg import Connection, sql

from tests.sql.actors import Actor, signed_up
from tests.sql.auctioning import auctioned, set_setting


UNLIMITED = {"max": 1000, "window_s": 60}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A filter that another user tries, with a value that is right and one that is wrong."""

    query: LiteralString
    right: Any
    wrong: Any


def estimate(actor: Actor, query: LiteralString, value: object) -> int:
    """Return the number of rows that the planner expects, as PostgREST reads it."""
    plan = sql.SQL("explain (format json) ") + sql.SQL(query).format(sql.Literal(value))
    [(explained,)] = actor.rows(plan)
    return int(explained[0]["Plan"]["Plan Rows"])


@pytest.fixture
def guesses(owner: Connection, seller: Actor, alice: Actor, bob: Actor) -> dict[str, Guess]:
    """Give alice many rows and bob none, and analyze the tables."""
    limits = dict.fromkeys(("check_listing", "create_listing", "place_bid"), UNLIMITED)
    set_setting(owner, "rate_limits", json.dumps(limits))
    owner.execute(
        """
        insert into public.notifications (user_id, type, title, message)
        select %s, 'outbid', 'Title', 'Text ' || n from generate_series(1, 500) as n
        """,
        [alice.id],
    )
    for number in range(20):
        signed_up(owner, f"more{number}")
        auction_id = auctioned(seller)
        assert alice.call("place_bid", auction_id=auction_id, amount_cents=1000)["success"]
    owner.execute("analyze public.notifications, public.users, public.bids, public.auctions")
    return {
        "person": Guess(
            query="select id from public.notifications where user_id = {}",
            right=alice.id,
            wrong=bob.id,
        ),
        "flag": Guess(
            query="select id from public.notifications where read = {}", right=False, wrong=True
        ),
        "text": Guess(
            query="select id from public.notifications where message < {}",
            right="Text 1",
            wrong="Text 9",
        ),
        "address": Guess(
            query="select id from public.users where email < {}",
            right="alice@example.test",
            wrong="zoe@example.test",
        ),
        "bidder": Guess(
            query="select id from public.bids where bidder_id = {}", right=alice.id, wrong=bob.id
        ),
        "leader": Guess(
            query="select id from public.auctions where high_bidder_id = {}",
            right=alice.id,
            wrong=bob.id,
        ),
    }


@pytest.mark.parametrize("name", ["person", "flag", "text", "address", "bidder", "leader"])
def test_estimate_is_the_same_for_every_value(
    guesses: dict[str, Guess], carol: Actor, name: str
) -> None:
    """An estimate for another user does not depend on the filter's value."""
    guess = guesses[name]

    right, wrong = (estimate(carol, guess.query, value) for value in (guess.right, guess.wrong))

    assert right == wrong


def test_public_prices_keep_their_statistics(guesses: dict[str, Guess], owner: Connection) -> None:
    """Bids keep their statistics, because everybody reads them."""
    query = "select attname::text from pg_stats where tablename = 'bids' and schemaname = 'public'"

    columns = {name for (name,) in owner.execute(query)}

    assert guesses
    assert {"auction_id", "amount_cents"} <= columns
    assert "bidder_id" not in columns
