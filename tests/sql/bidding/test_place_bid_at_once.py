"""`place_bid` by many bidders at the same time, each on a connection of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor, signed_up
from tests.sql.auctioning import auction_row, set_setting
from tests.support.database_copies import copy_database


BIDDERS = 24
#: A try waits for a fifth of a second or longer, and a busy machine may keep the first bid waiting.
BUSY_TRIES = 200


@pytest.fixture
def declared_url(declared_url: str) -> str:
    """Give each test a database of its own, in which it may commit."""
    return copy_database(declared_url, "market_bids_at_once")


@pytest.fixture
def bidders(owner: Connection, auction_id: UUID) -> list[Actor]:
    """Sign up many bidders, and commit them for other connections."""
    assert auction_row(owner, auction_id)["status"] == "live"
    crowd = [signed_up(owner, f"bidder{number}") for number in range(BIDDERS)]
    owner.commit()
    return crowd


def at_once(url: str, actors: list[Actor], act: Callable[[int, Actor], Any]) -> list[Any]:
    """Let all bidders act at the same time; return their answers."""
    ready = threading.Barrier(len(actors))

    def one(number: int) -> Any:
        with psycopg.connect(url, autocommit=True) as connection:
            actor = Actor(
                connection=connection, role="authenticated", user_id=actors[number].user_id
            )
            ready.wait()
            return act(number, actor)

    with ThreadPoolExecutor(len(actors)) as threads:
        return list(threads.map(one, range(len(actors))))


def until_not_busy(actor: Actor, **bid: object) -> Any:
    """Bid with one key, and repeat the call while the auction is busy."""
    key = uuid4()
    for _ in range(BUSY_TRIES):
        answer = actor.call("place_bid", **({"client_bid_id": key} | bid))
        if answer.get("code") != "AUCTION_BUSY":
            return answer
    pytest.fail(f"the auction was busy {BUSY_TRIES} times")


def test_prices_rise_and_one_leads(
    owner: Connection, declared_url: str, auction_id: UUID, bidders: list[Actor]
) -> None:
    """In any order the amounts rise by seq, each bid is at its minimum, and the best one leads."""
    answers = at_once(
        declared_url,
        bidders,
        lambda number, actor: until_not_busy(
            actor, auction_id=auction_id, amount_cents=1000 + 700 * number
        ),
    )

    assert {True, "BID_TOO_LOW"} >= {one["success"] or one["code"] for one in answers}
    auction = auction_row(owner, auction_id)
    best = 1000 + 700 * (BIDDERS - 1)
    assert (str(bidders[-1].id), best) == (
        auction["high_bidder_id"],
        auction["current_price_cents"],
    )
    rows = owner.execute("select seq, amount_cents, is_proxy from public.bids order by seq")
    seqs, amounts, proxies = zip(*rows, strict=True)
    assert list(range(1, len(seqs) + 1)) == list(seqs)
    assert sorted(amounts) == list(amounts)
    accepted = [one for one in answers if one["success"]]
    assert (len(accepted), len(accepted) + 1) == (auction["bid_count"], auction["version"])
    assert len(accepted) == len(proxies) - sum(proxies)
    last_version = sorted(one["version"] for one in accepted)
    assert list(range(2, len(accepted) + 2)) == last_version


def test_of_equal_bids_one_stands(
    declared_url: str, auction_id: UUID, bidders: list[Actor]
) -> None:
    """The first of several equal bids is accepted, and the others are below the minimum."""
    answers = at_once(
        declared_url,
        bidders[:3],
        lambda _number, actor: until_not_busy(actor, auction_id=auction_id, amount_cents=1000),
    )

    assert ["BID_TOO_LOW", "BID_TOO_LOW", "success"] == sorted(
        one.get("code", "success") for one in answers
    )


def test_twins_get_one_receipt(
    owner: Connection, declared_url: str, auction_id: UUID, bidders: list[Actor]
) -> None:
    """Parallel copies of one call are one bid, and get one receipt."""
    key = uuid4()

    answers = at_once(
        declared_url,
        [bidders[0]] * 8,
        lambda _number, actor: until_not_busy(
            actor, auction_id=auction_id, amount_cents=1000, client_bid_id=key
        ),
    )

    assert 1 == sum(not one["idempotent"] for one in answers)
    assert 1 == len({one["bid_id"] for one in answers})
    assert [(1,)] == owner.execute("select count(*) from public.bids").fetchall()


def test_no_bid_stands_that_came_after_the_close(
    owner: Connection, declared_url: str, auction_id: UUID, bidders: list[Actor]
) -> None:
    """Bids before the close set the order's price, and later ones are refused."""
    set_setting(owner, "snipe_extend_s", "0")
    owner.commit()

    def act(number: int, actor: Actor) -> Any:
        if number == BIDDERS // 2:
            service = Actor(connection=actor.connection, role="service_role")
            return service.call("end_auction", auction_id=auction_id, force=True)
        return until_not_busy(actor, auction_id=auction_id, amount_cents=1000 + 700 * number)

    answers = at_once(declared_url, bidders, act)

    closed = answers.pop(BIDDERS // 2)
    stood = [one for one in answers if one["success"]]
    refused = {one["code"] for one in answers if not one["success"]}
    assert {"BID_TOO_LOW", "AUCTION_NOT_LIVE"} >= refused
    if not stood:
        assert "no_sale" == closed["status"]
        return
    query = "select amount_cents, buyer_id::text from public.orders"
    best = max(stood, key=lambda one: one["version"])
    auction = auction_row(owner, auction_id)
    assert [(best["current_price_cents"], auction["high_bidder_id"])] == owner.execute(
        query
    ).fetchall()
    assert auction["version"] == best["version"] + 1
