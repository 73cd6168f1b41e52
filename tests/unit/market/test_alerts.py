"""`market.alerts`: an alert is a line in the log and a count."""

import structlog

from market.alerts import alert, raise_alerts
from tests.metrics import count_of


def test_alert_is_one_error_and_one_count() -> None:
    """A person is called by the log, and the counter says how often."""
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


def test_answer_raises_each_alert_that_it_names() -> None:
    """A SQL function may name several; an answer without the key, or with null, names none."""
    with structlog.testing.capture_logs() as logs:
        raise_alerts({"alerts": ["first", "second"]}, event_id="evt_1")
        raise_alerts({"alerts": None})
        raise_alerts({})

    assert [("first", "evt_1"), ("second", "evt_1")] == [
        (line["alert"], line["event_id"]) for line in logs
    ]
