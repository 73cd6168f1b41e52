"""`record_job_run`: one row for each run of a periodic job."""

from typing import Any

import psycopg
import pytest
from psycopg import Connection

from market.metrics import FIGURES
from tests.sql.actors import Actor
from tests.sql.auctioning import auctioned, hold_clock, move_time


def recorded(service: Actor, **changes: Any) -> bool:
    run = {
        "job": "reconcile",
        "started_at": "2026-12-02T20:00:00.25Z",
        "processed": 3,
        "failed": 1,
        "error": "events: STRIPE_ERROR",
    }
    return bool(service.call("record_job_run", **(run | changes)))


def test_run_is_recorded_once(owner: Connection, service: Actor) -> None:
    """A call that is repeated after a lost answer adds no second row."""
    assert [True, False] == [recorded(service), recorded(service)]

    rows = owner.execute(
        "select job, processed, failed, error, finished_at is not null from private.job_runs"
    ).fetchall()
    assert [("reconcile", 3, 1, "events: STRIPE_ERROR", True)] == rows


def test_next_run_has_its_own_row(owner: Connection, service: Actor) -> None:
    """A second worker, and a second run, has a row of its own by its start time."""
    recorded(service)
    recorded(service, started_at="2026-12-02T20:01:00.25Z", failed=0, error=None)

    query = "select failed, error from private.job_runs order by started_at"
    assert [(1, "events: STRIPE_ERROR"), (0, None)] == owner.execute(query).fetchall()


def test_time_needs_an_offset(service: Actor) -> None:
    """A start time without an offset is refused."""
    with pytest.raises(psycopg.DatabaseError, match="VALIDATION_ERROR"):
        recorded(service, started_at="yesterday")


def test_figures_count_what_is_late(owner: Connection, service: Actor) -> None:
    """Without work every figure is zero."""
    figures = service.call("read_gauges")

    # The job itself measures the gap of the webhooks.
    assert set(FIGURES) - {"webhook_gap_seconds"} == set(figures)
    assert {0} == set(figures.values())
    move_time(owner, "1 minute")
    assert {0} == set(service.call("read_gauges").values())


def test_queues_show_their_depth_and_age(owner: Connection, service: Actor) -> None:
    """A row that waits for its retry has an age, and is not overdue."""
    hold_clock(owner)
    owner.execute(
        """
        insert into public.outbox (id, kind, payload, dedupe_key, next_attempt_at, created_at)
        select
          md5('outbox:' || key)::uuid, 'cancel_intent', '{}', key,
          private.clock() + due, private.clock() - interval '3 minutes'
        from (values ('a', interval '-40 s'), ('b', interval '1 hour')) as rows (key, due)
        """
    )

    figures = service.call("read_gauges")

    assert 2 == figures["outbox_waiting_rows"]
    assert 180 == figures["oldest_unsent_outbox_row_seconds"]
    assert 40 == figures["outbox_overdue_seconds"]


def test_auction_that_nobody_closes_is_overdue(
    owner: Connection, seller: Actor, service: Actor
) -> None:
    """An auction past its end counts as overdue, which shows a missing closer."""
    hold_clock(owner)
    auctioned(seller, ends_in="1 hour")
    move_time(owner, "1 hour 20 seconds")

    figures = service.call("read_gauges")
    assert 1 == figures["overdue_auctions"]
    assert 20 == figures["oldest_overdue_auction_seconds"]

    service.call("end_expired_auctions")
    assert 0 == service.call("read_gauges")["overdue_auctions"]
