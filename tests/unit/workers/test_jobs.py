"""`workers.jobs`: the work of each job, and the tables that wake it up."""

from typing import Any
from unittest.mock import create_autospec

import pytest

from market.adapters import Adapters
from market.auth_api import AuthApi
from market.errors import TransientError
from market.storage import Storage
from market.stripe_api import StripeApi
from tests.support.metrics import count_of, sample
from tests.unit.specs import spec_of
from workers.jobs import JOBS, build_heartbeat
from workers.runner import Job


DEADLINES = {
    "next_at": "2030-01-01T00:00:00.25+00:00",
    "next_mark_at": "2030-01-01T00:00:05+00:00",
    "server_time": "2030-01-01T00:00:00+00:00",
}


def build(name: str, database: Any) -> Job:
    return JOBS[name](adapters(database))


def adapters(database: Any, **others: Any) -> Adapters:
    specs = {
        "stripe_api": spec_of(StripeApi),
        "auth_api": create_autospec(AuthApi, instance=True),
        "storage": create_autospec(Storage, instance=True),
    }
    return Adapters(database=database, **(specs | others))


def called(database: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(call.args[0], call.kwargs) for call in database.call.call_args_list]


def wait_of(job: Job) -> float:
    assert job.wait_s is not None
    return job.wait_s()


@pytest.mark.parametrize("name", JOBS)
def test_job_has_its_name_of_the_command_line(database: Any, name: str) -> None:
    """Logs and metrics name a job as the operator does. Building it calls nothing."""
    assert name == build(name, database).name
    assert [] == called(database)


def test_closer_activates_and_closes(database: Any) -> None:
    """The closer is woken by changed ends, its deadline, and a poll interval of one second."""
    database.call.side_effect = [3, {"failed": 0, "results": []}, DEADLINES]
    job = build("closer", database)

    assert 3 == job.work(job.batch_size)
    assert pytest.approx(0.25) == wait_of(job)
    assert (("auctions",), 1.0) == (job.tables, job.poll_interval_s)
    assert [
        ("activate_due_auctions", {"max_rows": 100}),
        ("end_expired_auctions", {"max_rows": 100}),
        ("next_auction_deadline", {}),
    ] == called(database)


def test_countdown_broadcasts(database: Any) -> None:
    """The countdown is woken by changed auctions, and waits until the next mark."""
    database.call.side_effect = [3, DEADLINES]
    job = build("countdown", database)

    assert 3 == job.work(job.batch_size)
    assert pytest.approx(5.0) == wait_of(job)
    assert ("auctions",) == job.tables
    assert ("broadcast_time_remaining", {"max_rows": 100}) == called(database)[0]


@pytest.mark.parametrize(
    ("name", "table", "claim", "max_rows"),
    [
        ("inbox", "webhook_events", "claim_webhook_retries", 20),
        ("outbox", "outbox", "claim_outbox", 5),
    ],
)
def test_queue_is_drained(database: Any, name: str, table: str, claim: str, max_rows: int) -> None:
    """A queue's job is woken by new rows, and polls for rows whose pause has ended."""
    database.call.return_value = []
    job = build(name, database)

    assert 0 == job.work(job.batch_size)
    assert ((table,), 1.0, None) == (job.tables, job.poll_interval_s, job.wait_s)
    assert (claim, {"max_rows": max_rows, "lease_s": 60}) == called(database)[-1]


def test_inbox_raises_alerts_of_processes_that_died(database: Any) -> None:
    """An alert that nobody has confirmed is no event, so it does not count as one."""
    database.call.side_effect = [[{"subject": "evt_1", "name": "order_not_found"}], 1, []]
    job = build("inbox", database)

    assert 0 == job.work(job.batch_size)
    assert ["claim_alerts", "confirm_alerts", "claim_webhook_retries"] == [
        function for function, _ in called(database)
    ]


def test_reconcile_keeps_deadlines_whatever_stripe_does(database: Any) -> None:
    """Duties that need no Stripe come first; the run is recorded with its failures (D10)."""
    database.call.side_effect = lambda function, **_arguments: {
        "database_is_ready": {"server_time": DEADLINES["server_time"]},
        "read_gauges": {"unpaid_overdue_orders": 7},
        "take_measurements": {"close_lags_s": [0.5, 9.25], "limit_refusals": {"place_bid": 3}},
        "claim_open_intents": [],
        "claim_open_refunds": [],
        "claim_open_disputes": [],
        "claim_differing_intents": [],
        "claim_differing_orders": [],
        "find_orphan_files": {
            "files": [{"bucket": "address-proofs", "path": "a"}],
            "after_bucket": None,
            "after_path": None,
        },
        "check_orders": {"count": 1, "alerts": [{"order_id": "o_1", "alerts": ["x"]}]},
        "claim_stale_verifications": [],
        "claim_account_deletions": [],
        "claim_waiting_accounts": [],
        "reading_window": {"since": 1, "until": 2, "now": 3, "is_newest": True},
    }.get(function, 0)
    closed_before = sample("auction_close_lag_seconds_count")
    refused_before = count_of("rate_limit_refusals", limit="place_bid")
    stripe_api = spec_of(StripeApi)
    stripe_api.list_events.side_effect = TransientError("STRIPE_UNREACHABLE")
    stripe_api.list_payment_intents_between.return_value = iter([[]])
    stripe_api.list_balance_transactions.return_value = iter([[]])
    storage = create_autospec(Storage, instance=True)
    job = JOBS["reconcile"](adapters(database, stripe_api=stripe_api, storage=storage))

    assert 0 == job.work(job.batch_size)

    assert ((), 60.0) == (job.tables, job.poll_interval_s)
    functions = [function for function, _ in called(database)]
    assert ["database_is_ready", "expire_unpaid_orders", "settle_due_orders"] == functions[:3]
    assert {
        "claim_open_intents",
        "claim_open_refunds",
        "claim_waiting_accounts",
        "purge_old_rows",
        "queue_due_transfers",
    } <= set(functions)
    assert ("confirm_alerts", {"subject": "o_1", "names": ["x"]}) in called(database)
    assert 7 == sample("unpaid_overdue_orders")
    assert closed_before + 2 == sample("auction_close_lag_seconds_count")
    assert refused_before + 3 == count_of("rate_limit_refusals", limit="place_bid")
    function, run = called(database)[-1]
    assert "record_job_run" == function
    storage.delete.assert_called_once_with("address-proofs", ["a"])
    assert (1, "missed_events: STRIPE_UNREACHABLE") == (run["failed"], run["error"])


def test_heartbeat_is_recorded_every_five_seconds(database: Any) -> None:
    """The job waits for the time alone, and never counts as work."""
    database.call.return_value = {"outage_s": 0, "subject": None, "alerts": []}
    job = build_heartbeat(database)

    assert 0 == job.work(job.batch_size)
    assert ((), 5.0, None) == (job.tables, job.poll_interval_s, job.wait_s)
    assert [("record_heartbeat", {})] == called(database)


def test_outage_that_ends_is_an_alert(database: Any) -> None:
    """The first heartbeat after an outage reports it once."""
    before = count_of("alerts", alert="bidding_interrupted")
    database.call.side_effect = [
        {"outage_s": 45, "subject": "outage:1", "alerts": ["bidding_interrupted"]},
        1,
    ]
    job = build_heartbeat(database)

    assert 0 == job.work(job.batch_size)

    assert before + 1 == count_of("alerts", alert="bidding_interrupted")
    assert ("confirm_alerts", {"subject": "outage:1", "names": ["bidding_interrupted"]}) == called(
        database
    )[-1]
