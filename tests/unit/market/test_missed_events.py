"""`market.missed_events`: events of Stripe's list that the inbox does not hold."""

from typing import Any
from unittest.mock import create_autospec

import pytest
from prometheus_client import REGISTRY

from market import missed_events
from market.database import Database
from market.inbox import Outcome
from market.stripe_webhook import StripeEvent
from tests.support.factories import make_event_json


NOW = 1_767_225_600
STORED = {"stored": True, "status": "received", "outcome": None, "hash_conflict": False}


def listed(event_id: str, age_s: int, **changes: Any) -> dict[str, Any]:
    return make_event_json(id=event_id, created=NOW - age_s, **changes)


@pytest.fixture
def database() -> Any:
    """Give an inbox that knows the events whose ids begin with `evt_known`."""
    database = create_autospec(Database, instance=True)

    def call(function: str, **arguments: Any) -> Any:
        if function == "unknown_event_ids":
            return [one for one in arguments["ids"] if not one.startswith("evt_known")]
        if function == "reading_window":
            return {"since": NOW - 900, "until": NOW - 10, "now": NOW, "is_newest": True}
        return STORED

    database.call.side_effect = call
    return database


def fed(
    stripe_api: Any, database: Any, types: tuple[str, ...] = ("payment_intent.succeeded",)
) -> list[str]:
    """Feed what was missed; return the ids that were handled, in this order."""
    handled: list[str] = []

    def handle(event: StripeEvent) -> Outcome:
        handled.append(event.id)
        return Outcome.PROCESSED

    count = missed_events.feed(stripe_api, database, dict.fromkeys(types, handle))
    assert count == len(handled)
    return handled


def test_missed_events_are_handled_oldest_first(stripe_api: Any, database: Any) -> None:
    """Missed events are handled oldest first; events of one second keep their order."""
    stripe_api.list_events.return_value = iter(
        [
            [listed("evt_5", 20), listed("evt_known", 30), listed("evt_4", 40)],
            [],
            [listed("evt_3", 60), listed("evt_2", 60), listed("evt_1", 700)],
        ]
    )

    assert ["evt_1", "evt_2", "evt_3", "evt_4", "evt_5"] == fed(stripe_api, database)

    stripe_api.list_events.assert_called_once_with(
        ["payment_intent.succeeded"], since=NOW - 900, until=NOW - 10
    )
    assert 700 == REGISTRY.get_sample_value("market_webhook_gap_seconds")


def test_nothing_missed_is_no_gap(stripe_api: Any, database: Any) -> None:
    """The gap is zero after a reading without a missed event."""
    stripe_api.list_events.return_value = iter([[listed("evt_known_1", 50)]])

    assert [] == fed(stripe_api, database)

    assert 0 == REGISTRY.get_sample_value("market_webhook_gap_seconds")


def test_stripe_is_asked_for_twenty_types_at_most(stripe_api: Any, database: Any) -> None:
    """A call names at most twenty types, so more types take more calls."""
    stripe_api.list_events.side_effect = lambda *_types, **_times: iter([[]])

    fed(stripe_api, database, tuple(f"type.{number}" for number in range(45)))

    assert [20, 20, 5] == [len(call.args[0]) for call in stripe_api.list_events.call_args_list]


@pytest.mark.parametrize(
    ("type_", "source"),
    [
        ("payment_intent.succeeded", "stripe"),
        ("identity.verification_session.verified", "stripe_identity"),
    ],
)
def test_event_is_stored_as_its_endpoint_does(
    stripe_api: Any, database: Any, type_: str, source: str
) -> None:
    """A missed event is stored as its endpoint would, so a later delivery is a repetition."""
    data = {"id": "x_1", "object": "x", "name": "Jane"}
    stripe_api.list_events.return_value = iter([[make_event_json(data, id="evt_1", type=type_)]])

    fed(stripe_api, database, (type_,))

    [stored] = [
        call.kwargs
        for call in database.call.call_args_list
        if call.args == ("store_webhook_event",)
    ]
    assert (source, type_) == (stored["source"], stored["type"])
    assert ("name" in stored["payload"]) == (source == "stripe")


@pytest.mark.parametrize("broken", [{"data": None}, {"created": "now"}, {"type": None}])
def test_unreadable_item_stops_no_other(
    stripe_api: Any, database: Any, broken: dict[str, Any]
) -> None:
    """An unreadable event stops no other one."""
    stripe_api.list_events.return_value = iter([[listed("evt_2", 5) | broken, listed("evt_1", 9)]])

    assert ["evt_1"] == fed(stripe_api, database)
