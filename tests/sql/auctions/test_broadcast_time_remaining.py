"""`broadcast_time_remaining`: the broadcasts to an auction's watchers, and their times."""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time


@pytest.fixture
def watched_id(auction_id: UUID, service: Actor) -> UUID:
    """Open an auction whose state was broadcast."""
    service.call("broadcast_time_remaining")
    return auction_id


def sent(owner: Connection) -> list[Any]:
    query = "select payload from realtime.messages order by inserted_at, payload ->> 'version'"
    return [payload for (payload,) in owner.execute(query)]


def test_broadcast_is_what_the_rpc_answers(
    owner: Connection, auction_id: UUID, service: Actor, anonymous: Actor
) -> None:
    """The auction's private topic gets the payload of `get_time_remaining`."""
    assert 1 == service.call("broadcast_time_remaining")

    query = "select topic, event, extension, private from realtime.messages"
    assert [(f"auction:{auction_id}", "time_remaining", "broadcast", True)] == owner.execute(
        query
    ).fetchall()
    [payload] = sent(owner)
    answer = anonymous.call("get_time_remaining", auction_id=auction_id)
    assert answer.keys() == payload.keys() - {"id"}
    for key in ("auction_id", "status", "end_at", "version"):
        assert answer[key] == payload[key]


def test_nothing_new_is_not_sent(owner: Connection, watched_id: UUID, service: Actor) -> None:
    """An unchanged auction is not broadcast, because clients count down themselves."""
    move_time(owner, "30 minutes")

    assert 0 == service.call("broadcast_time_remaining")
    assert [str(watched_id)] == [payload["auction_id"] for payload in sent(owner)]


def test_each_change_is_sent(
    owner: Connection, watched_id: UUID, alice: Actor, bob: Actor, service: Actor
) -> None:
    """A bid and the close are broadcast; several changes since the last time are one broadcast."""
    alice.call("place_bid", auction_id=watched_id, amount_cents=1000)
    bob.call("place_bid", auction_id=watched_id, amount_cents=1100)
    assert 1 == service.call("broadcast_time_remaining")
    service.call("end_auction", auction_id=watched_id, force=True)
    assert 1 == service.call("broadcast_time_remaining")
    assert 0 == service.call("broadcast_time_remaining")

    assert [(1, "live"), (3, "live"), (4, "finalized")] == [
        (payload["version"], payload["status"]) for payload in sent(owner)
    ]


def test_own_raise_is_not_sent(watched_id: UUID, alice: Actor, service: Actor) -> None:
    """A raise by the leader changes no version, so it is not broadcast."""
    alice.call("place_bid", auction_id=watched_id, amount_cents=1000)
    service.call("broadcast_time_remaining")
    alice.call("place_bid", auction_id=watched_id, amount_cents=9000)

    assert 0 == service.call("broadcast_time_remaining")


def test_each_mark_is_sent_once(owner: Connection, watched_id: UUID, service: Actor) -> None:
    """A broadcast goes out 300, 60 and 10 s before the end, once each, after a late run too."""
    counts = []
    for passing in ("55 minutes", "1 minute", "3 minutes", "50 seconds", "1 second"):
        move_time(owner, passing)
        counts.append([service.call("broadcast_time_remaining") for _ in range(2)])

    assert [[1, 0], [0, 0], [1, 0], [1, 0], [0, 0]] == counts
    assert {str(watched_id)} == {payload["auction_id"] for payload in sent(owner)}


@pytest.mark.usefixtures("held_clock")
def test_marks_come_again_after_an_extension(
    owner: Connection, watched_id: UUID, alice: Actor, service: Actor
) -> None:
    """After a late bid moved the end, its marks are broadcast again."""
    move_time(owner, "59 minutes 55 seconds")
    service.call("broadcast_time_remaining")
    alice.call("place_bid", auction_id=watched_id, amount_cents=1000)
    assert 1 == service.call("broadcast_time_remaining")
    move_time(owner, "4 minutes 30 seconds")

    assert 1 == service.call("broadcast_time_remaining")


def test_batch_is_as_large_as_asked(
    owner: Connection, auction_id: UUID, seller: Actor, service: Actor
) -> None:
    """A batch has at most the requested number; the next batch has the rest."""
    listing = "select to_jsonb(l) from public.listings as l"
    [(row,)] = owner.execute(listing).fetchall()
    seller.call("relist_listing", listing_id=row["id"])
    service.call("end_auction", auction_id=auction_id, force=True)
    seller.call("relist_listing", listing_id=row["id"])

    counts = [service.call("broadcast_time_remaining", max_rows=1) for _ in range(3)]

    assert [1, 1, 0] == counts
