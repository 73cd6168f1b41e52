"""`take_measurements`: closes by pg_cron and refused calls reach the metrics, each one once."""

from typing import Any
from uuid import UUID

from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auctioned, hold_clock, move_time, set_setting


def taken(service: Actor, **arguments: int) -> dict[str, Any]:
    answer: dict[str, Any] = service.call("take_measurements", **arguments)
    return answer


def bid(person: Actor, auction_id: UUID) -> dict[str, Any]:
    answer: dict[str, Any] = person.call("place_bid", auction_id=auction_id, amount_cents=1000)
    return answer


def close_as_pg_cron(owner: Connection) -> None:
    query = "select command from private.scheduled_jobs() where job = 'end_expired_auctions'"
    [(command,)] = owner.execute(query).fetchall()
    owner.execute(command)


def test_nothing_is_taken_at_first(service: Actor) -> None:
    """A new database has no measurements."""
    assert {"close_lags_s": [], "limit_refusals": {}} == taken(service)


def test_lag_of_a_close_by_pg_cron_is_taken_once(
    owner: Connection, seller: Actor, service: Actor
) -> None:
    """The lag of a close by pg_cron is taken once, because no worker gets its answer."""
    hold_clock(owner)
    auctioned(seller, ends_in="1 hour")
    move_time(owner, "1 hour 7 seconds")
    close_as_pg_cron(owner)
    close_as_pg_cron(owner)

    first, second = taken(service), taken(service)

    assert [7] == first["close_lags_s"]
    assert [] == second["close_lags_s"]


def test_close_by_a_worker_is_not_counted_twice(
    owner: Connection, seller: Actor, service: Actor
) -> None:
    """The lag of a worker's close is not taken, because the worker counts it."""
    auctioned(seller, ends_in="1 hour")
    move_time(owner, "1 hour 7 seconds")

    answer = service.call("end_expired_auctions")
    close_as_pg_cron(owner)

    assert 1 == len(answer["lags_s"])
    assert [] == taken(service)["close_lags_s"]


def test_lags_are_taken_in_batches(owner: Connection, seller: Actor, service: Actor) -> None:
    """A call takes at most the requested number of lags."""
    for _ in range(3):
        auctioned(seller, ends_in="1 hour")
    move_time(owner, "2 hours")
    close_as_pg_cron(owner)

    batches = [len(taken(service, max_rows=2)["close_lags_s"]) for _ in range(3)]

    assert [2, 1, 0] == batches


def test_refused_calls_of_rpcs_are_taken_once(
    owner: Connection, auction_id: UUID, alice: Actor, bob: Actor, service: Actor
) -> None:
    """Refused calls are summed by action, and taken once."""
    set_setting(owner, "rate_limits", '{"place_bid": {"max": 1, "window_s": 100000000}}')
    refused = [bid(person, auction_id) for person in (alice, alice, alice, bob, bob)]
    assert 3 == [answer.get("code") for answer in refused].count("RATE_LIMITED")

    first, second = taken(service), taken(service)

    assert {"place_bid": 3} == first["limit_refusals"]
    assert {} == second["limit_refusals"]


def test_call_within_the_limit_writes_no_refusal(
    owner: Connection, auction_id: UUID, alice: Actor
) -> None:
    """A call within its limit writes no row for the metric."""
    assert bid(alice, auction_id)["success"]

    assert [(0,)] == owner.execute("select count(*) from private.limit_refusals").fetchall()


def test_refusal_of_a_route_is_left_to_the_service(owner: Connection, service: Actor) -> None:
    """Refused requests of routes are not taken, because the service counts them."""
    set_setting(owner, "rate_limits", '{"knock": {"max": 1, "window_s": 100000000}}')
    answers = [service.call("rate_limit_hit", action="knock", key="alice") for _ in range(2)]

    assert [True, False] == [answer["allowed"] for answer in answers]
    assert {} == taken(service)["limit_refusals"]
