"""`record_heartbeat`: signs of life of the workers, and the outages between them."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg import Connection, sql

from tests.sql.actors import Actor, signed_up
from tests.sql.auctioning import auctioned, hold_clock, move_time
from tests.support.database_copies import copy_database


OUTAGES = """
  select floor(extract(epoch from ended_at - started_at))::integer
  from private.outages order by started_at
"""


def beat(service: Actor) -> dict[str, Any]:
    answer: dict[str, Any] = service.call("record_heartbeat")
    return answer


def test_heartbeats_in_time_record_nothing(owner: Connection, service: Actor) -> None:
    """The table keeps a minute of heartbeats, however many workers write them."""
    hold_clock(owner)
    for _ in range(30):
        for answer in (beat(service), beat(service)):
            assert (0, []) == (answer["outage_s"], answer["alerts"])
        move_time(owner, "5 seconds")

    assert [] == owner.execute(OUTAGES).fetchall()
    assert [(12,)] == owner.execute("select count(*) from private.heartbeats").fetchall()


def test_outage_is_recorded_when_it_ends(owner: Connection, service: Actor) -> None:
    """The next heartbeat records it and raises an alert, which the next ones do not repeat."""
    hold_clock(owner)
    beat(service)
    move_time(owner, "70.5 seconds")

    answer = beat(service)

    assert (71, ["bidding_interrupted"]) == (answer["outage_s"], answer["alerts"])
    [(subject,)] = owner.execute("select subject from private.open_alerts").fetchall()
    assert subject == answer["subject"]
    assert [(70,)] == owner.execute(OUTAGES).fetchall()
    assert (0, []) == (beat(service)["outage_s"], beat(service)["alerts"])


def test_clock_that_was_set_back_is_survived(owner: Connection, service: Actor) -> None:
    """Heartbeats from a wrong future are deleted within a minute, and hide no later outage."""
    hold_clock(owner)
    move_time(owner, "1 hour")
    for _ in range(12):
        beat(service)
        move_time(owner, "5 seconds")
    move_time(owner, "-1 hour")
    for _ in range(12):
        beat(service)
        move_time(owner, "5 seconds")
    move_time(owner, "40 seconds")

    assert 45 == beat(service)["outage_s"]
    assert [(45,)] == owner.execute(OUTAGES).fetchall()


def test_old_outages_are_purged(owner: Connection, service: Actor) -> None:
    """Outages are kept for 30 days, so that staff can explain an extension."""
    hold_clock(owner)
    beat(service)
    move_time(owner, "1 minute")
    beat(service)
    move_time(owner, "29 days")
    assert 0 == service.call("purge_old_rows")
    assert [(60,)] == owner.execute(OUTAGES).fetchall()
    move_time(owner, "25 hours")

    assert 1 == service.call("purge_old_rows")
    assert [] == owner.execute(OUTAGES).fetchall()


def test_only_workers_write_heartbeats(owner: Connection, anonymous: Actor, alice: Actor) -> None:
    """A client that could write heartbeats could hide an outage, or invent one."""
    for actor in (anonymous, alice, Actor(connection=owner, role="service_role")):
        for table in ("heartbeats", "outages"):
            for attempt in ("insert into {} default values", "delete from {}", "lock {}"):
                query = sql.SQL(attempt).format(sql.Identifier("private", table))
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    actor.rows(query)
    for actor in (anonymous, alice):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            beat(actor)


@pytest.fixture
def shared_url(declared_url: str) -> str:
    """Return the URL of a copy, in which tests commit."""
    return copy_database(declared_url, "market_heartbeats")


def as_service(url: str) -> Connection:
    connection = psycopg.connect(url, autocommit=True, options="-c search_path=")
    connection.execute("set role service_role")
    return connection


def test_fleets_record_an_outage_once(shared_url: str) -> None:
    """Workers that come back together record one outage."""
    with psycopg.connect(shared_url, autocommit=True) as owner:
        # A busy machine may need more than its second for the heartbeat that the others wait for.
        owner.execute("alter function private.record_heartbeat set lock_timeout = '1min'")
        workers = [as_service(shared_url) for _ in range(4)]
        workers[0].execute("select public.record_heartbeat()")
        move_time(owner, "1 minute")

        with ThreadPoolExecutor(4) as pool:
            found = list(
                pool.map(
                    lambda worker: worker.execute(
                        "select (public.record_heartbeat() ->> 'outage_s')::integer"
                    ).fetchone(),
                    workers,
                )
            )

        assert 1 == sum(row is not None and row[0] > 0 for row in found)
        [(outage_s,)] = owner.execute(OUTAGES.encode()).fetchall()
        assert outage_s >= 60
        for worker in workers:
            worker.close()


def test_hanging_session_blocks_no_later_heartbeat(shared_url: str) -> None:
    """A session that hangs before its commit holds one slot, and the next ones stay free."""
    with (
        psycopg.connect(shared_url) as hanging,
        psycopg.connect(shared_url, autocommit=True) as owner,
        as_service(shared_url) as worker,
    ):
        hanging.execute("set role service_role")
        hanging.execute("select public.record_heartbeat()")
        move_time(owner, "5 seconds")

        worker.execute("select public.record_heartbeat()")

        [(count,)] = owner.execute("select count(*) from private.heartbeats").fetchall()
        assert 1 == count
        hanging.rollback()


def test_locks_of_bids_delay_no_heartbeat(shared_url: str) -> None:
    """A transaction that holds every auction and its bids stops neither heartbeat nor look-up."""
    with (
        psycopg.connect(shared_url) as bidder,
        psycopg.connect(shared_url, autocommit=True) as owner,
        as_service(shared_url) as worker,
    ):
        auction_id = auctioned(signed_up(owner, "seller", role="seller"))
        worker.execute("select public.record_heartbeat()")
        move_time(owner, "40 seconds")
        bidder.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(auction_id)])
        bidder.execute("lock public.auctions, public.bids in row exclusive mode")
        bidder.execute("select from public.auctions for update")
        worker.execute("set statement_timeout = '30s'")

        [(answer,)] = worker.execute("select public.record_heartbeat()").fetchall()

        assert answer["outage_s"] >= 40
        bidder.rollback()
