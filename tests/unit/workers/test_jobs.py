"""`workers.closer`, `countdown`, `inbox`, `outbox`: what each job does, rung by which tables."""

from typing import Any
from unittest.mock import create_autospec

import pytest

from market.database import Database
from workers.closer import closer_job
from workers.countdown import countdown_job
from workers.inbox import inbox_job
from workers.outbox import outbox_job
from workers.runner import Job


DEADLINES = {
    "next_at": "2030-01-01T00:00:00.25+00:00",
    "next_mark_at": "2030-01-01T00:00:05+00:00",
    "server_time": "2030-01-01T00:00:00+00:00",
}


@pytest.fixture
def database() -> Any:
    return create_autospec(Database, instance=True)


def called(database: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(call.args[0], call.kwargs) for call in database.call.call_args_list]


def rest_of(job: Job) -> float:
    assert job.rest_s is not None
    return job.rest_s()


def test_closer_starts_and_closes(database: Any) -> None:
    """A moved end rings; the timer is the database's, and the floor a second."""
    database.call.side_effect = [3, {"failed": 0, "results": []}, DEADLINES]
    job = closer_job(database)

    assert 3 == job.work(job.batch_size)
    assert pytest.approx(0.25) == rest_of(job)
    assert ("closer", ("auctions",), 1.0) == (job.name, job.tables, job.interval_s)
    assert [
        ("activate_due_auctions", {"max_rows": 100}),
        ("end_expired_auctions", {"max_rows": 100}),
        ("next_auction_deadline", {}),
    ] == called(database)


def test_countdown_broadcasts(database: Any) -> None:
    """Each change of an auction rings; between the marks it rests."""
    database.call.side_effect = [3, DEADLINES]
    job = countdown_job(database)

    assert 3 == job.work(job.batch_size)
    assert pytest.approx(5.0) == rest_of(job)
    assert ("countdown", ("auctions",)) == (job.name, job.tables)


def test_inbox_drains(database: Any) -> None:
    """A stored event rings; what was backed off is found within a second."""
    database.call.return_value = []
    job = inbox_job(database, {})

    assert 0 == job.work(job.batch_size)
    assert ("inbox", ("webhook_events",), 1.0, None) == (
        job.name,
        job.tables,
        job.interval_s,
        job.rest_s,
    )
    assert [("claim_webhook_retries", {"max_rows": 20, "lease_s": 60})] == called(database)


def test_outbox_drains(database: Any) -> None:
    """A queued row rings; what was backed off is found within a second."""
    database.call.return_value = []
    job = outbox_job(database, {})

    assert 0 == job.work(job.batch_size)
    assert ("outbox", ("outbox",), 1.0, None) == (
        job.name,
        job.tables,
        job.interval_s,
        job.rest_s,
    )
    assert [("claim_outbox", {"max_rows": 5, "lease_s": 60})] == called(database)
