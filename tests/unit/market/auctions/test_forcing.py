"""`market.auctions.forcing`: closes on request."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from market.auctions import forcing
from market.errors import RejectedError
from tests.support.metrics import sample


BATCH = {"success": True, "auctions_processed": 1, "failed": 2, "results": []}


def alerts_of(logs: Any) -> list[tuple[str, int]]:
    return [(entry["alert"], entry["count"]) for entry in logs if "alert" in entry]


def test_failed_auction_raises_an_alert(database: Any) -> None:
    """An auction that cannot be closed raises an alert, on every path."""
    database.call.side_effect = [BATCH, {"success": True, "result": BATCH, "audit_log": {}}]

    with capture_logs() as logs:
        forcing.close_expired(database)
        forcing.finalize(database, actor_id="a", reason="The seller asked")

    assert [("auctions_not_closed", 2)] * 2 == alerts_of(logs)


def test_lags_are_counted(database: Any) -> None:
    """The histogram has each close, also those by pg_cron."""
    before = sample("auction_close_lag_seconds_count")
    batch = BATCH | {"lags_s": [0.25, 8.5]}
    database.call.side_effect = [batch, {"success": True, "result": batch, "audit_log": {}}]

    forcing.close_expired(database)
    forcing.finalize(database, actor_id="a", reason="The seller asked")

    assert before + 4 == sample("auction_close_lag_seconds_count")


def test_each_close_has_an_id_of_its_own(database: Any) -> None:
    """Each close has a new request id, because SQL takes an equal id for a repeat."""
    database.call.return_value = {"success": True, "result": {"success": True}, "audit_log": {}}

    for _ in range(2):
        forcing.finalize(database, actor_id="a", reason="The seller asked", auction_id="b")

    ids = {call.kwargs["request_id"] for call in database.call.call_args_list}
    assert 2 == len(ids)


def test_repeat_of_a_form_keeps_its_id(database: Any) -> None:
    """The console sends the id of the form, so a second click closes nothing else."""
    entry = {"actor_id": "a", "entity_id": "b"}
    database.call.return_value = {
        "success": True,
        "result": {"success": True},
        "audit_log": entry,
    }

    forcing.finalize(
        database, actor_id="a", reason="The seller asked", auction_id="b", request_id="c"
    )

    assert "c" == database.call.call_args.kwargs["request_id"]


def test_refusal_is_raised(database: Any) -> None:
    """The code of SQL is the code of the error."""
    database.call.return_value = {"success": False, "code": "AUCTION_NOT_OVER", "error": "No"}

    with pytest.raises(RejectedError, match="AUCTION_NOT_OVER"):
        forcing.finalize(database, actor_id="a", reason="The seller asked", auction_id="b")
