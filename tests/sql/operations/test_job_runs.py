"""`record_job_run`: one row for each run of a periodic job."""

from typing import Any

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time


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
    """Two workers and two runs are told apart by the time at which they began."""
    recorded(service)
    recorded(service, started_at="2026-12-02T20:01:00.25Z", failed=0, error=None)

    query = "select failed, error from private.job_runs order by started_at"
    assert [(1, "events: STRIPE_ERROR"), (0, None)] == owner.execute(query).fetchall()


def test_time_needs_an_offset(service: Actor) -> None:
    """The time comes from the database's own answer."""
    with pytest.raises(psycopg.DatabaseError, match="VALIDATION_ERROR"):
        recorded(service, started_at="yesterday")


def test_figures_count_what_is_late(owner: Connection, service: Actor) -> None:
    """Without work every figure is zero."""
    figures = service.call("read_gauges")

    assert {"oldest_unprocessed_event_seconds", "unpaid_overdue_orders"} <= set(figures)
    assert 0 == figures["unpaid_overdue_orders"]
    move_time(owner, "1 minute")
    assert 0 == service.call("read_gauges")["oldest_unprocessed_event_seconds"]
