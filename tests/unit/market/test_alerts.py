"""`market.alerts`: an alert is a line in the log and a count, at least once."""

from typing import Any
from unittest.mock import call

import pytest
import structlog

from market.alerts import alert, raise_alerts, raise_unconfirmed
from market.errors import TransientError
from tests.support.metrics import count_of


def confirmed(subject: str, *names: str) -> Any:
    return call("confirm_alerts", subject=subject, names=list(names))


def test_alert_is_one_error_and_one_count() -> None:
    """An alert is one error in the log and one count."""
    before = count_of("alerts", alert="stray_payment:test")

    with structlog.testing.capture_logs() as logs:
        alert("stray_payment:test", order_id="o-1")

    assert [
        {
            "event": "alert_raised",
            "alert": "stray_payment:test",
            "order_id": "o-1",
            "log_level": "error",
        }
    ] == logs
    assert before + 1 == count_of("alerts", alert="stray_payment:test")


def test_answer_raises_and_confirms_each_alert_that_it_names(database: Any) -> None:
    """The database keeps an alert until it is confirmed under its subject."""
    with structlog.testing.capture_logs() as logs:
        raise_alerts(database, {"alerts": ["first", "second"]}, subject="evt_1", event_id="evt_1")

    assert [("first", "evt_1"), ("second", "evt_1")] == [
        (line["alert"], line["event_id"]) for line in logs
    ]
    assert [confirmed("evt_1", "first", "second")] == database.call.call_args_list


@pytest.mark.parametrize("answer", [{}, {"alerts": None}, {"alerts": []}])
def test_answer_without_alerts_costs_no_call(database: Any, answer: dict[str, Any]) -> None:
    """An answer without alerts confirms nothing."""
    with structlog.testing.capture_logs() as logs:
        raise_alerts(database, answer, subject="evt_1")

    assert [] == logs
    database.call.assert_not_called()


def test_lost_confirmation_fails_nothing(database: Any) -> None:
    """A lost confirmation is no failure; a worker raises the alert once more."""
    database.call.side_effect = TransientError("DATABASE_UNREACHABLE")
    before = count_of("alerts", alert="lost:test")

    raise_alerts(database, {"alerts": ["lost:test"]}, subject="evt_1")

    assert before + 1 == count_of("alerts", alert="lost:test")


def test_unconfirmed_alerts_are_raised(database: Any) -> None:
    """A worker claims the alerts of a process that has died, and confirms each."""
    rows = [{"subject": "evt_1", "name": "first"}, {"subject": "pi_1", "name": "second"}]
    database.call.side_effect = [rows, 1, 1]

    with structlog.testing.capture_logs() as logs:
        raise_unconfirmed(database, limit=20)

    assert [("first", "evt_1"), ("second", "pi_1")] == [
        (line["alert"], line["subject"]) for line in logs
    ]
    assert [
        call("claim_alerts", max_rows=20, lease_s=60),
        confirmed("evt_1", "first"),
        confirmed("pi_1", "second"),
    ] == database.call.call_args_list
