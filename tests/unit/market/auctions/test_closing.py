"""`market.auctions.closing`: closes due auctions, and computes the next wait."""

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from market.auctions import closing, repository
from tests.support.metrics import count_of, sample


def ended(closed: int = 0, failed: int = 0) -> dict[str, Any]:
    return {
        "success": True,
        "auctions_processed": closed,
        "failed": failed,
        "results": [
            {
                "auction_id": f"auction-{number}",
                "success": True,
                "status": "finalized",
                "order_id": f"order-{number}",
            }
            for number in range(closed)
        ],
    }


@pytest.mark.parametrize(
    ("activated", "closed", "count"), [(0, 0, 0), (2, 1, 2), (1, 3, 3), (0, 100, 100)]
)
def test_due_auctions_are_started_and_closed(
    database: Any, activated: int, closed: int, count: int
) -> None:
    """The larger count tells whether more may be left than the limit let through."""
    database.call.side_effect = [activated, ended(closed)]

    assert count == closing.close_due(database, limit=100)
    assert [
        (("activate_due_auctions",), {"max_rows": 100}),
        (("end_expired_auctions",), {"max_rows": 100}),
    ] == [(call.args, call.kwargs) for call in database.call.call_args_list]


def test_each_closed_or_extended_auction_is_a_line(database: Any) -> None:
    """Each closed or extended auction is a line in the log, and a refused close is none."""
    answer = ended(1)
    answer["results"] += [
        {"auction_id": "auction-7", "success": True, "status": "no_sale", "message": "No bids"},
        {"auction_id": "auction-8", "success": False, "code": "AUCTION_NOT_LIVE", "error": "x"},
        {
            "auction_id": "auction-9",
            "success": False,
            "code": "AUCTION_NOT_OVER",
            "error": "x",
            "ends_at": "2030-01-01T00:00:00+00:00",
        },
    ]
    database.call.side_effect = [1, answer]

    with structlog.testing.capture_logs() as logs:
        assert 3 == closing.close_due(database, limit=100)

    assert [
        {"event": "auctions_activated", "count": 1, "log_level": "info"},
        {
            "event": "auction_closed",
            "auction_id": "auction-0",
            "status": "finalized",
            "order_id": "order-0",
            "log_level": "info",
        },
        {
            "event": "auction_closed",
            "auction_id": "auction-7",
            "status": "no_sale",
            "order_id": None,
            "log_level": "info",
        },
        {
            "event": "auction_extended",
            "auction_id": "auction-9",
            "end_at": "2030-01-01T00:00:00+00:00",
            "log_level": "info",
        },
    ] == logs


def test_quiet_round_is_not_logged(database: Any) -> None:
    """A round without a close writes no line."""
    database.call.side_effect = [0, ended()]

    with structlog.testing.capture_logs() as logs:
        closing.close_due(database, limit=100)

    assert [] == logs


def test_failed_auction_is_an_alert_and_no_progress(database: Any) -> None:
    """A failed auction raises an alert, and does not count as work."""
    before = count_of("alerts", alert="auctions_not_closed")
    database.call.side_effect = [0, ended(failed=100)]

    assert 0 == closing.close_due(database, limit=100)
    assert before + 1 == count_of("alerts", alert="auctions_not_closed")


def deadlines(next_at: str | None) -> dict[str, Any]:
    return {
        "next_at": next_at,
        "next_mark_at": None,
        "server_time": "2030-01-01T00:00:00.000000+00:00",
    }


@pytest.mark.parametrize(
    ("next_at", "wait_s"),
    [
        (None, 10.0),
        ("2030-01-02T00:00:00+00:00", 10.0),
        ("2030-01-01T00:01:01+00:00", 10.0),
        ("2030-01-01T00:01:00+00:00", 1.0),
        ("2030-01-01T00:00:02+00:00", 1.0),
        ("2030-01-01T00:00:00.4321+00:00", 0.4321),
        ("2030-01-01T00:00:00.001+00:00", 0.001),
        ("2030-01-01T00:00:00+00:00", 0.0),
        ("2029-12-31T23:59:00+00:00", -60.0),
    ],
)
def test_wait_ends_at_the_next_deadline(database: Any, next_at: str | None, wait_s: float) -> None:
    """The timer runs by the database's clock, at most a second while an end is near."""
    database.call.return_value = deadlines(next_at)

    assert pytest.approx(wait_s) == closing.wait_s(database)


def test_clock_of_this_machine_is_not_asked(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """D1: only two times of the database are compared, so a wrong clock here changes nothing."""
    # Replace `datetime` by one without `now`, so a reading of the clock fails.
    without_now = SimpleNamespace(fromisoformat=dt.datetime.fromisoformat)
    monkeypatch.setattr(repository, "dt", SimpleNamespace(datetime=without_now))
    monkeypatch.setattr("time.time", pytest.fail)
    database.call.return_value = deadlines("2030-01-01T00:00:00.5+00:00")

    assert pytest.approx(0.5) == closing.wait_s(database)


def test_lag_of_each_close_is_measured(database: Any) -> None:
    """The answer has the lag of each close; an answer of the former release has none."""
    before = sample("auction_close_lag_seconds_count"), sample("auction_close_lag_seconds_sum")
    database.call.side_effect = [0, ended(2) | {"lags_s": [0.25, 0.5]}, 0, ended(1)]

    closing.close_due(database, limit=100)
    closing.close_due(database, limit=100)

    assert (before[0] + 2, before[1] + 0.75) == (
        sample("auction_close_lag_seconds_count"),
        sample("auction_close_lag_seconds_sum"),
    )
