"""`cron_status`: the jobs of the database, and the last runs of the workers' jobs."""

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor


def test_runs_are_listed_the_newest_first(owner: Connection, service: Actor) -> None:
    """The answer has at most 50; without pg_cron it has no jobs of the database."""
    owner.execute(
        """
        insert into private.job_runs (job, started_at, finished_at, processed)
        select 'reconcile', private.clock(), private.clock(), n from generate_series(1, 51) as n
        """
    )

    answer = service.call("cron_status")

    assert (list(range(51, 1, -1)), []) == (
        [run["processed"] for run in answer["job_runs"]],
        answer["cron_jobs"],
    )
    assert {"job", "started_at", "finished_at", "processed", "failed", "error"} == set(
        answer["job_runs"][0]
    )


def test_jobs_of_the_database_are_listed(owner: Connection, service: Actor) -> None:
    """The table of pg_cron names them, if it is installed."""
    owner.execute(
        """
        create schema cron;
        create table cron.job (jobname text, schedule text, active boolean);
        insert into cron.job values ('end_expired_auctions', '10 seconds', true)
        """
    )

    assert [
        {"name": "end_expired_auctions", "schedule": "10 seconds", "is_active": True}
    ] == service.call("cron_status")["cron_jobs"]


def test_only_our_service_calls(moderator: Actor, anonymous: Actor) -> None:
    """Staff come through the service, which checks their session."""
    for actor in (moderator, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call("cron_status")
