"""`get_time_remaining`, `get_auction_state` and `next_auction_deadline` by the database's clock."""

import json
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auction_row, auctioned, move_time


def seconds_of(time: timedelta) -> float:
    """Return a time in seconds, rounded to milliseconds half up as Postgres rounds numbers."""
    microseconds = Decimal(time // timedelta(microseconds=1))
    return float((microseconds / 1_000_000).quantize(Decimal("0.001"), ROUND_HALF_UP))


def test_everybody_is_told_the_time_remaining(
    owner: Connection, auction_id: UUID, anonymous: Actor, alice: Actor
) -> None:
    """The answer is the seconds to the end by the database's clock alone (D1)."""
    for actor in (anonymous, alice):
        answer = actor.call("get_time_remaining", auction_id=auction_id)

        left = datetime.fromisoformat(answer["end_at"]) - datetime.fromisoformat(
            answer["server_time"]
        )
        expected = {
            "auction_id": str(auction_id),
            "status": "live",
            "end_at": auction_row(owner, auction_id)["end_at"],
            "server_time": answer["server_time"],
            "time_remaining": seconds_of(left),
            "version": 1,
        }
        assert expected == answer


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
@pytest.mark.parametrize("date", ["Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 31 Dec 2099 23:59:59 GMT"])
def test_skewed_clock_of_a_caller_changes_nothing(
    owner: Connection, auction_id: UUID, anonymous: Actor, alice: Actor, zone: str, date: str
) -> None:
    """D1: the caller's header and time zone say another time, and the database's clock decides."""
    owner.execute(
        "select set_config('TimeZone', %s, true), set_config('request.headers', %s, true)",
        [zone, json.dumps({"date": date})],
    )
    [(before,)] = owner.execute("select private.clock()").fetchall()

    for function in ("get_time_remaining", "get_auction_state"):
        answer = anonymous.call(function, auction_id=auction_id)
        now, end = (datetime.fromisoformat(answer[key]) for key in ("server_time", "end_at"))
        [(after,)] = owner.execute("select private.clock()").fetchall()
        assert before <= now <= after
        assert seconds_of(end - now) == answer["time_remaining"]
    assert alice.call("place_bid", auction_id=auction_id, amount_cents=1100)["success"]

    move_time(owner, "2 hours")

    late = alice.call("place_bid", auction_id=auction_id, amount_cents=5000)
    assert "AUCTION_ENDED" == late["code"]
    assert 0 == anonymous.call("get_time_remaining", auction_id=auction_id)["time_remaining"]


def test_no_caller_names_the_time(owner: Connection) -> None:
    """The only times that users send are those of a listing, and `since` to requeue events (D1)."""
    query = r"""
      select p.proname || ' ' || argument.name
      from pg_proc as p cross join unnest(p.proargnames) as argument (name)
      where p.pronamespace::regnamespace::text = 'public'
        and (
          has_function_privilege('anon', p.oid, 'execute')
          or has_function_privilege('authenticated', p.oid, 'execute')
        )
        and argument.name ~ '(_at|time|clock|now|since|date)$'
    """

    assert {
        "create_listing start_at",
        "create_listing end_at",
        "relist_listing start_at",
        "relist_listing end_at",
        "requeue_ignored_events since",
    } == {argument for (argument,) in owner.execute(query)}


def test_no_time_remains_after_the_end(
    owner: Connection, auction_id: UUID, anonymous: Actor, service: Actor
) -> None:
    """The time remaining is never below zero, and a closed auction has none."""
    service.call("end_auction", auction_id=auction_id, force=True)
    assert 0 == anonymous.call("get_time_remaining", auction_id=auction_id)["time_remaining"]

    move_time(owner, "2 hours")

    answer = anonymous.call("get_time_remaining", auction_id=auction_id)
    assert (0, "no_sale") == (answer["time_remaining"], answer["status"])


def test_time_is_never_negative(owner: Connection, auction_id: UUID, anonymous: Actor) -> None:
    """Between the end and the close the time remaining is zero."""
    move_time(owner, "2 hours")

    answer = anonymous.call("get_time_remaining", auction_id=auction_id)

    assert (0, "live") == (answer["time_remaining"], answer["status"])


def test_state_is_all_that_is_shown(auction_id: UUID, alice: Actor, anonymous: Actor) -> None:
    """One call returns the state that a client needs after a lost connection."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1100)

    state = anonymous.call("get_auction_state", auction_id=auction_id)

    expected = {
        "current_price_cents": 1100,
        "bid_count": 1,
        "high_bidder_id": str(alice.id),
        "min_next_bid_cents": 1200,
        "reserve_met": True,
        "version": 2,
    }
    assert expected == {key: state[key] for key in expected}
    assert {
        "auction_id", "status", "end_at", "server_time", "time_remaining",
    } == state.keys() - expected.keys()  # fmt: skip


@pytest.mark.parametrize("function", ["get_time_remaining", "get_auction_state"])
def test_unknown_auction_is_answered(anonymous: Actor, function: str) -> None:
    """An unknown id gets a refusal and no error."""
    refusal = anonymous.call(function, auction_id=uuid4())

    assert (False, "AUCTION_NOT_FOUND") == (refusal["success"], refusal["code"])


@pytest.mark.parametrize("function", ["get_time_remaining", "get_auction_state"])
def test_hidden_auction_is_answered_to_those_who_read_it(
    auction_id: UUID,
    *,
    seller: Actor,
    anonymous: Actor,
    alice: Actor,
    moderator: Actor,
    function: str,
) -> None:
    """The calls follow the policies of auctions: seller and staff alone read a cancelled one."""
    query = "select listing_id from public.auctions where id = %(id)s"
    [(listing_id,)] = seller.rows(query, id=auction_id)
    assert seller.call("cancel_listing", listing_id=listing_id)["success"]

    for actor, reads in (
        (seller, True), (moderator, True), (alice, False), (anonymous, False),
    ):  # fmt: skip
        answer = actor.call(function, auction_id=auction_id)

        expected = {"status": "cancelled"} if reads else {"code": "AUCTION_NOT_FOUND"}
        assert expected == {key: answer.get(key) for key in expected}
        assert reads == bool(actor.rows(query, id=auction_id))
        assert reads == ("time_remaining" in answer)


def test_deadline_is_the_next_start_or_end(
    owner: Connection, seller: Actor, service: Actor
) -> None:
    """A worker sleeps until the earliest start or end, or the next mark before an end."""
    assert (None, None) == tuple(
        service.call("next_auction_deadline")[key] for key in ("next_at", "next_mark_at")
    )
    auction_id = auctioned(seller, ends_in="1 hour")
    [(start_at, mark_at)] = owner.execute("""
      select to_jsonb(private.clock() + interval '30 minutes') #>> '{}',
        to_jsonb(end_at - interval '300 seconds') #>> '{}'
      from public.auctions
    """).fetchall()

    deadline = service.call("next_auction_deadline")
    assert (auction_row(owner, auction_id)["end_at"], mark_at) == (
        deadline["next_at"],
        deadline["next_mark_at"],
    )

    auctioned(seller, start_at=start_at, ends_in="3 hours")
    assert start_at == service.call("next_auction_deadline")["next_at"]


@pytest.mark.usefixtures("auction_id")
def test_mark_that_has_passed_is_no_deadline(owner: Connection, service: Actor) -> None:
    """With 200 s left the next mark is that of 60 s."""
    move_time(owner, "56 minutes 40 seconds")

    mark_at = service.call("next_auction_deadline")["next_mark_at"]

    query = "select to_jsonb(end_at - interval '60 seconds') #>> '{}' from public.auctions"
    assert [(mark_at,)] == owner.execute(query).fetchall()
