"""`market.inbox`: storing and processing events, and each kind of failure."""

import dataclasses
import datetime as dt
import hashlib
from typing import Any
from unittest.mock import create_autospec

import pytest
import structlog

from market import deadline, inbox
from market.database import Database
from market.errors import MarketError, RejectedError, TransientError
from market.inbox import Effect, Outcome, Reader, Source, StoredEvent
from market.stripe_webhook import StripeEvent
from tests.support.factories import ORDER_ID, effect, make_event, make_refund
from tests.support.metrics import count_of, sample


EVENT = make_event(
    type="t",
    data={"object": "payment_intent", "id": "pi_1", "metadata": {"order_id": "order-1"}},
)
STORED = StoredEvent(event=EVENT, lease_token="token-1")
NEW = {
    "stored": True,
    "status": "received",
    "outcome": None,
    "leased": True,
    "hash_conflict": False,
}
FAILED = {"stale": False, "status": "failed", "alerts": []}


@pytest.fixture
def database() -> Any:
    database = create_autospec(Database, instance=True)
    database.call.return_value = NEW
    return database


def succeed(_event: StripeEvent) -> Outcome:
    return Outcome.PROCESSED


def never(event: StripeEvent) -> Outcome:
    pytest.fail(f"handled {event.id}")


EFFECT = Effect(function="apply_payment_canceled", arguments={"order_id": ORDER_ID})
READER = Reader(lambda _event: EFFECT)


def receive(database: Any, handler: inbox.Handler | Reader, event: StripeEvent = EVENT) -> Outcome:
    return inbox.receive(database, event, source=Source.STRIPE, handlers={event.type: handler})


def called(database: Any) -> list[str]:
    return [call.args[0] for call in database.call.call_args_list]


def test_read_effect_is_stored_and_applied_in_one_call(database: Any) -> None:
    """An event whose effect needs no outside system costs one call, within a second."""
    remaining_s = []

    def answer(*_: Any, **__: Any) -> Any:
        remaining_s.append(deadline.remaining_s())
        return NEW | {"effect": effect()}

    database.call.side_effect = answer

    assert Outcome.PROCESSED == receive(database, READER)
    assert ["store_webhook_event"] == called(database)
    sent = database.call.call_args.kwargs
    assert ("apply_payment_canceled", {"order_id": ORDER_ID}) == (
        sent["effect"],
        sent["arguments"],
    )
    assert remaining_s[0] <= 1.0


def test_event_without_a_handler_is_stored_and_ignored_in_one_call(database: Any) -> None:
    """Stripe sends many types that mean nothing to us."""
    database.call.return_value = NEW | {"effect": effect("ignored")}

    outcome = inbox.receive(database, EVENT, source=Source.STRIPE, handlers={})

    assert Outcome.IGNORED == outcome
    sent = database.call.call_args.kwargs
    assert ("ignore_webhook_event", {"reason": "unhandled_type"}) == (
        sent["effect"],
        sent["arguments"],
    )


def test_failed_effect_of_a_stored_event_is_tried_alone(database: Any) -> None:
    """After a failed effect of a stored event the effect RPC is called alone, with retries."""
    failed = NEW | {"effect_error": {"code": "55P03", "message": "lock"}}
    database.call.side_effect = [failed, effect()]

    assert Outcome.PROCESSED == receive(database, READER)
    assert ["store_webhook_event", "apply_payment_canceled"] == called(database)


def test_effect_that_fails_again_is_recorded(database: Any) -> None:
    """The failure is recorded under the lease of the call that stored the event."""
    failed = NEW | {"effect_error": {"code": "PT422", "message": "PAYLOAD_UNREADABLE"}}
    database.call.side_effect = [failed, RejectedError("PAYLOAD_UNREADABLE"), FAILED]

    assert Outcome.RETRYING == receive(database, READER)
    first, _, last = database.call.call_args_list
    assert ("fail_webhook_event", "PAYLOAD_UNREADABLE") == (
        last.args[0],
        last.kwargs["error_code"],
    )
    assert first.kwargs["lease_token"] == last.kwargs["lease_token"]


@pytest.mark.parametrize(
    "error", [TransientError("DATABASE_BUSY"), MarketError("DATABASE_ERROR", "57014")]
)
def test_event_is_stored_alone_after_a_failed_call(database: Any, error: Exception) -> None:
    """A slow effect, or a database without the function, must not keep an event from the inbox."""
    database.call.side_effect = [error, NEW, effect()]

    assert Outcome.PROCESSED == receive(database, READER)
    assert ["store_webhook_event", "store_webhook_event", "apply_payment_canceled"] == called(
        database
    )
    first, second, _ = database.call.call_args_list
    assert first.kwargs["lease_token"] == second.kwargs["lease_token"]


def test_event_that_cannot_be_stored_is_an_error(database: Any) -> None:
    """Only this error reaches the route, and Stripe sends the event again."""
    database.call.side_effect = TransientError("DATABASE_UNREACHABLE")

    with pytest.raises(TransientError):
        receive(database, READER)


def test_event_is_stored_though_its_reader_fails(database: Any) -> None:
    """A bug in a reader is recorded like every other failure, so the event is not lost."""
    database.call.side_effect = [NEW, FAILED]

    assert Outcome.RETRYING == receive(database, Reader(lambda event: event.data["no"]))
    assert ["store_webhook_event", "fail_webhook_event"] == called(database)
    assert "INTERNAL_ERROR" == database.call.call_args.kwargs["error_code"]


def test_worker_applies_a_read_effect(database: Any) -> None:
    """A claimed event goes through the same reader as in the request."""
    database.call.return_value = effect()

    assert Outcome.PROCESSED == inbox.process(database, STORED, {"t": READER})
    database.call.assert_called_once_with(
        "apply_payment_canceled", event_id="evt_1", order_id=ORDER_ID
    )


def test_event_is_stored_with_what_it_is_found_by(database: Any) -> None:
    """Order, intent and object are read from the event, and its content gets a hash."""
    content = (
        b'{"created":1767225600,"data":{"object":{"id":"pi_1","metadata":{"order_id":"order-1"},'
        b'"object":"payment_intent"}},"type":"t"}'
    )

    event = dataclasses.replace(EVENT, api_version="2026-10-28.endive")
    receive(database, succeed, event)

    database.call.assert_called_once_with(
        "store_webhook_event",
        event_id="evt_1",
        source="stripe",
        type="t",
        livemode=False,
        created=1_767_225_600,
        order_ref="order-1",
        payment_intent_id="pi_1",
        object_id="pi_1",
        payload=EVENT.data,
        payload_sha256=hashlib.sha256(content).hexdigest(),
        lease_token=database.call.call_args.kwargs["lease_token"],
        api_version="2026-10-28.endive",
    )


@pytest.mark.parametrize("value", ["x" * 256, 7, None, {"a": 1}, ["pi_1"]])
def test_value_that_is_no_id_is_not_indexed(database: Any, value: Any) -> None:
    """An event is stored whatever its ids are; its handler names what it cannot read."""
    data = {"object": "payment_intent", "id": value, "metadata": {"order_id": value}}

    receive(database, succeed, make_event(data=data))

    stored = database.call.call_args.kwargs
    assert {None} == {stored[key] for key in ("order_ref", "payment_intent_id", "object_id")}
    assert data == stored["payload"]


def test_event_of_another_object_names_its_intent(database: Any) -> None:
    """A refund or dispute is found by the payment that it takes back."""
    event = make_event(data=make_refund(metadata=None))

    receive(database, succeed, event)

    stored = database.call.call_args.kwargs
    expected = (None, "pi_00001", "re_1")
    assert expected == (stored["order_ref"], stored["payment_intent_id"], stored["object_id"])


def test_each_store_has_a_lease_of_its_own(database: Any) -> None:
    """Two requests with one event hold different tokens, so only one of them holds the lease."""
    for _ in range(2):
        receive(database, succeed)

    first, second = (call.kwargs for call in database.call.call_args_list)
    assert first["lease_token"] != second["lease_token"]


@pytest.mark.parametrize("status", ["processed", "ignored"])
def test_settled_event_is_left_alone(database: Any, status: str) -> None:
    """A settled event needs no second call."""
    database.call.return_value = NEW | {"stored": False, "status": status}

    assert Outcome.ALREADY_PROCESSED == receive(database, never)
    assert 1 == database.call.call_count


@pytest.mark.parametrize("status", ["received", "failed", "dead"])
def test_open_event_is_driven_again(database: Any, status: str) -> None:
    """A redelivered open event is processed again."""
    database.call.return_value = NEW | {"stored": False, "status": status}

    assert Outcome.PROCESSED == receive(database, succeed)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("processed", Outcome.ALREADY_PROCESSED), ("failed", Outcome.RETRYING)],
)
def test_other_content_takes_no_effect(database: Any, status: str, outcome: Outcome) -> None:
    """A second content under a known id has no effect, and raises an alert."""
    before = count_of("alerts", alert="webhook_event_content_differed")
    database.call.return_value = NEW | {"status": status, "hash_conflict": True, "leased": False}

    assert outcome == receive(database, never)
    assert before + 1 == count_of("alerts", alert="webhook_event_content_differed")


def test_other_shape_of_an_event_is_processed(database: Any) -> None:
    """An endpoint that is moved to another version sends an open event again in another shape."""
    alerts = count_of("alerts", alert="webhook_event_content_differed")
    before = count_of("stripe_event_shapes_differed")
    database.call.return_value = NEW | {"status": "failed", "version_conflict": True}

    assert Outcome.PROCESSED == receive(database, succeed)
    assert before + 1 == count_of("stripe_event_shapes_differed")
    assert alerts == count_of("alerts", alert="webhook_event_content_differed")


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (TransientError("DATABASE_BUSY", "f"), "DATABASE_BUSY", "f"),
        (RejectedError("PREDECESSOR_MISSING", "f"), "PREDECESSOR_MISSING", "f"),
        (KeyError("id"), "INTERNAL_ERROR", "KeyError"),
    ],
)
def test_failure_is_recorded(database: Any, error: Exception, code: str, message: str) -> None:
    """A failure is recorded with its code, and a worker tries again."""
    database.call.return_value = FAILED

    def fail(_event: StripeEvent) -> Outcome:
        raise error

    assert Outcome.RETRYING == inbox.process(database, STORED, {"t": fail})
    database.call.assert_called_once_with(
        "fail_webhook_event",
        event_id="evt_1",
        error_code=code,
        error_message=message,
        lease_token="token-1",
    )


def test_dead_event_is_an_alert(database: Any) -> None:
    """An event without tries left raises an alert."""
    before = count_of("alerts", alert="webhook_event_dead")
    database.call.return_value = FAILED | {"alerts": ["webhook_event_dead"]}

    def fail(_event: StripeEvent) -> Outcome:
        raise MarketError("DATABASE_ERROR")

    inbox.process(database, STORED, {"t": fail})

    assert before + 1 == count_of("alerts", alert="webhook_event_dead")


def test_stale_failure_is_no_matter(database: Any) -> None:
    """A failure that is recorded without a lease changes nothing."""
    database.call.side_effect = [TransientError("DATABASE_BUSY"), {"stale": True}]

    assert Outcome.RETRYING == inbox.process(database, STORED, {})


def test_lost_database_leaves_the_event_open(database: Any) -> None:
    """An event stays open if its failure cannot be recorded."""
    database.call.side_effect = TransientError("DATABASE_UNREACHABLE")

    assert Outcome.RETRYING == inbox.process(database, STORED, {})


def test_event_without_a_handler_is_ignored(database: Any) -> None:
    """An event without a handler is stored as ignored."""
    database.call.return_value = effect("ignored")

    assert Outcome.IGNORED == inbox.process(database, STORED, {})
    database.call.assert_called_once_with(
        "ignore_webhook_event", event_id="evt_1", reason="unhandled_type"
    )


def test_alerts_of_an_effect_are_raised(database: Any) -> None:
    """Each alert that SQL answers becomes an error in the log with its ids, and is confirmed."""
    before = count_of("alerts", alert="order_not_found")
    answer = effect("order_not_found", "order_not_found")

    with structlog.testing.capture_logs() as logs:
        outcome = inbox.read_outcome(database, answer, event_id="evt_1")

    assert Outcome.ORDER_NOT_FOUND == outcome
    assert before + 1 == count_of("alerts", alert="order_not_found")
    assert [("error", "evt_1", ORDER_ID)] == [
        (line["log_level"], line["event_id"], line["order_id"]) for line in logs
    ]
    database.call.assert_called_once_with(
        "confirm_alerts", subject="evt_1", names=["order_not_found"]
    )


@pytest.fixture
def claimed() -> dict[str, Any]:
    return {
        "event_id": EVENT.id,
        "type": EVENT.type,
        "created": EVENT.created,
        "livemode": EVENT.livemode,
        "payload": EVENT.data,
        "lease_token": "token-1",
    }


def test_drain_processes_what_it_claimed(database: Any, claimed: dict[str, Any]) -> None:
    """A claimed event goes through the same handler as in the request."""
    database.call.return_value = [claimed]
    handled = []

    def handle(event: StripeEvent) -> Outcome:
        handled.append(event)
        return Outcome.PROCESSED

    assert 1 == inbox.drain(database, {"t": handle}, limit=5)
    assert [EVENT] == handled
    database.call.assert_called_once_with("claim_webhook_retries", max_rows=5, lease_s=60)


def test_drain_fails_under_its_lease(database: Any, claimed: dict[str, Any]) -> None:
    """A failure names its claim, so that a worker whose lease has lapsed changes nothing."""
    database.call.side_effect = [[claimed], FAILED]

    def fail(_event: StripeEvent) -> Outcome:
        raise TransientError("DATABASE_BUSY")

    inbox.drain(database, {"t": fail}, limit=5)

    assert "token-1" == database.call.call_args.kwargs["lease_token"]


def test_poison_event_holds_up_no_other(database: Any, claimed: dict[str, Any]) -> None:
    """An event that crashes its handler does not stop the batch."""
    poison = claimed | {"event_id": "evt_poison"}
    database.call.side_effect = [[poison, claimed], FAILED]
    handled = []

    def handle(event: StripeEvent) -> Outcome:
        if event.id == "evt_poison":
            raise ZeroDivisionError
        handled.append(event.id)
        return Outcome.PROCESSED

    assert 2 == inbox.drain(database, {"t": handle}, limit=5)
    assert ["evt_1"] == handled


def test_drain_waits_out_a_lost_database(database: Any) -> None:
    """A lost database makes the round fail."""
    database.call.side_effect = TransientError("DATABASE_UNREACHABLE")

    with pytest.raises(TransientError):
        inbox.drain(database, {}, limit=5)


def test_event_is_found(database: Any) -> None:
    """The canary gets the times at which its event was stored and settled."""
    found = {"event_id": "evt_1", "processed_at": None}
    database.call.return_value = {"found": True, "event": found}
    since = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

    assert found == inbox.find(database, event_id=None, type_="t", since=since)
    database.call.assert_called_once_with(
        "find_webhook_event", event_id=None, type="t", since="2026-01-01T00:00:00+00:00"
    )


@pytest.mark.parametrize(
    ("since", "asked"),
    [
        (dt.datetime.max.replace(tzinfo=dt.UTC), "2099-01-01T00:00:00+00:00"),
        (dt.datetime.min.replace(tzinfo=dt.UTC), "2000-01-01T00:00:00+00:00"),
        (
            dt.datetime(2026, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=23, minutes=59))),
            "2026-01-01T00:01:00+00:00",
        ),
    ],
)
def test_any_time_with_an_offset_may_be_asked_for(
    database: Any, since: dt.datetime, asked: str
) -> None:
    """A time is sent to SQL in a form that SQL accepts."""
    database.call.return_value = {"found": False}

    assert inbox.find(database, event_id=None, type_="t", since=since) is None
    assert asked == database.call.call_args.kwargs["since"]


def test_unknown_event_is_not_found(database: Any) -> None:
    """A look-up of an unknown event returns None."""
    database.call.return_value = {"found": False}

    assert inbox.find(database, event_id="evt_2", type_=None, since=None) is None


def ages(stage: str) -> float:
    return sample("webhook_event_age_seconds_count", stage=stage)


@pytest.mark.parametrize(
    ("answer", "stored", "applied"),
    [
        (NEW | {"effect": effect()}, 1, 1),
        (NEW | {"effect": effect("ignored")}, 1, 1),
        (NEW | {"stored": False, "effect": effect()}, 0, 1),
        (NEW | {"stored": False, "effect": effect("already_processed")}, 0, 0),
        (NEW | {"stored": False, "status": "processed"}, 0, 0),
    ],
)
def test_age_is_measured_when_stored_and_when_applied(
    database: Any, answer: Any, stored: int, applied: int
) -> None:
    """A redelivery of an applied event says nothing about our speed."""
    before = ages("stored"), ages("applied")
    database.call.return_value = answer

    receive(database, READER)

    assert (before[0] + stored, before[1] + applied) == (ages("stored"), ages("applied"))


def test_event_from_a_faster_clock_has_no_negative_age(database: Any) -> None:
    """An age is never negative, because a histogram whose sum falls looks like a restart."""
    before = sample("webhook_event_age_seconds_sum", stage="stored")
    database.call.return_value = NEW | {"effect": effect()}

    receive(database, READER, dataclasses.replace(EVENT, created=4_000_000_000))

    assert before == sample("webhook_event_age_seconds_sum", stage="stored")


def test_retry_of_the_worker_is_counted_by_its_outcome(database: Any) -> None:
    """The age of a retried event counts when its effect is applied at last."""
    row = {
        "event_id": "evt_1",
        "type": "t",
        "created": EVENT.created,
        "livemode": False,
        "payload": {},
        "lease_token": "token-1",
    }
    before = count_of("webhook_retries", outcome="processed"), ages("applied")
    database.call.return_value = [row]

    assert 1 == inbox.drain(database, {"t": succeed}, limit=5)

    assert (before[0] + 1, before[1] + 1) == (
        count_of("webhook_retries", outcome="processed"),
        ages("applied"),
    )


def test_lost_lease_is_counted(database: Any) -> None:
    """A lost lease is counted."""
    before = count_of("leases_lost", queue="inbox")
    database.call.return_value = {"stale": True}

    def fail(_event: StripeEvent) -> Outcome:
        raise MarketError("DATABASE_ERROR")

    inbox.process(database, STORED, {"t": fail})

    assert before + 1 == count_of("leases_lost", queue="inbox")
