"""`market.duties`: one duty that fails stops no other one, and each run is recorded."""

from typing import Any
from unittest.mock import create_autospec

import pytest

from market import duties
from market.database import Database
from market.duties import Duty
from market.errors import MarketError, TransientError
from tests.support.metrics import count_of, sample


STARTED = "2030-01-01T00:00:00+00:00"


@pytest.fixture
def database() -> Any:
    database = create_autospec(Database, instance=True)
    database.call.return_value = {"ready": True, "server_time": STARTED}
    return database


def duty(name: str, *counts: int | Exception) -> Duty:
    left = list(counts)

    def work(_limit: int) -> int:
        count = left.pop(0)
        if isinstance(count, Exception):
            raise count
        return count

    return Duty(name=name, work=work)


def recorded(database: Any) -> dict[str, Any]:
    call = database.call.call_args_list[-1]
    assert call.args == ("record_job_run",)
    return dict(call.kwargs)


def run(database: Any, *parts: Duty) -> int:
    return duties.run(database, "reconcile", parts, limit=10)


def test_run_is_recorded(database: Any) -> None:
    """A run is recorded with its start by the database's clock."""
    assert 5 == run(database, duty("a", 3), duty("b", 2))

    assert {
        "job": "reconcile",
        "started_at": STARTED,
        "processed": 5,
        "failed": 0,
        "error": None,
    } == recorded(database)


@pytest.mark.parametrize(
    ("error", "code", "alerts"),
    [
        (MarketError("DATABASE_ERROR"), "DATABASE_ERROR", 1),
        (TransientError("STRIPE_UNREACHABLE"), "STRIPE_UNREACHABLE", 0),
        (ValueError("bug"), "ValueError", 1),
    ],
)
def test_failed_duty_stops_no_other(
    database: Any, error: Exception, code: str, alerts: int
) -> None:
    """A bug of ours raises an alert; an outage of Stripe ends by itself."""
    before = count_of("alerts", alert="duty_failed")

    assert 4 == run(database, duty("a", error), duty("b", 4))

    assert (1, f"a: {code}") == (recorded(database)["failed"], recorded(database)["error"])
    assert alerts == count_of("alerts", alert="duty_failed") - before


def test_run_ends_with_the_database(database: Any) -> None:
    """A lost database ends the run, and the loop tries again later."""
    with pytest.raises(TransientError, match="DATABASE_UNREACHABLE"):
        run(database, duty("a", TransientError("DATABASE_UNREACHABLE")), duty("b"))


def test_duty_goes_on_while_its_batches_are_full(database: Any) -> None:
    """A duty repeats its batch until one is not full."""
    assert 23 == run(database, duty("a", 10, 10, 3))


def test_endless_duty_leaves_time_for_the_others(database: Any) -> None:
    """A duty that takes too long goes on in the next run."""
    assert 101 == run(database, duty("a", *[10] * 10), duty("b", 1))


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (3, "done"),
        (TransientError("STRIPE_UNREACHABLE"), "interrupted"),
        (MarketError("DATABASE_ERROR"), "failed"),
        (ValueError("bug"), "failed"),
    ],
)
def test_duty_is_measured_by_its_result(
    database: Any, outcome: int | Exception, result: str
) -> None:
    """A duty that Stripe interrupts raises no alert, so its counts must show it."""
    labels = {"duty": "measured", "result": result}
    before = sample("duty_duration_seconds_count", **labels)

    run(database, duty("measured", outcome))

    assert before + 1 == sample("duty_duration_seconds_count", **labels)


def test_figures_are_those_of_the_metrics(database: Any) -> None:
    """The console shows them without a scrape."""
    database.call.return_value = {"held_messages": 2}

    assert {"held_messages": 2} == duties.read_gauges(database)
    database.call.assert_called_once_with("read_gauges")
