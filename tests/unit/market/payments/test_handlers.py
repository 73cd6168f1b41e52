"""`market.payments.handlers`: each payment event leads to one call of SQL."""

from typing import Any
from unittest.mock import create_autospec

import pytest

from market import inbox
from market.database import Database
from market.errors import RejectedError
from market.inbox import Outcome
from market.payments.handlers import stripe_handlers
from tests.support.factories import BUYER_ID, ORDER_ID, effect, make_event, make_intent, make_refund


REFUND_EVENTS = ("charge.refund.updated", "refund.created", "refund.failed", "refund.updated")


@pytest.fixture
def database() -> Any:
    database = create_autospec(Database, instance=True)
    database.call.return_value = effect()
    return database


def handle(stripe_api: Any, database: Any, event_type: str, data: dict[str, Any]) -> Outcome:
    event = make_event(type=event_type, data=data)
    return inbox.handle(database, event, stripe_handlers(stripe_api, database))


def test_payment_succeeded_is_applied_to_its_order(stripe_api: Any, database: Any) -> None:
    """The order named in the intent's metadata is settled with the amount that was received."""
    outcome = handle(stripe_api, database, "payment_intent.succeeded", make_intent())

    assert Outcome.PROCESSED == outcome
    database.call.assert_called_once_with(
        "apply_payment_succeeded",
        event_id="evt_1",
        order_id=ORDER_ID,
        payment_intent_id="pi_00001",
        charge_id="ch_1",
        amount_cents=12_500,
        currency="aud",
        buyer_id=BUYER_ID,
    )


@pytest.mark.parametrize(
    "event_type",
    [
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "payment_intent.amount_capturable_updated",
        "payment_intent.canceled",
    ],
)
def test_intent_is_read_without_a_call(stripe_api: Any, database: Any, event_type: str) -> None:
    """An intent is read from its event alone, so one call stores and applies it."""
    reader = stripe_handlers(stripe_api, database)[event_type]

    assert isinstance(reader, inbox.Reader)
    assert ORDER_ID == reader.read(make_event(type=event_type)).arguments["order_id"]
    assert [] == [*stripe_api.mock_calls, *database.mock_calls]


def test_strange_payment_is_left_to_the_database(stripe_api: Any, database: Any) -> None:
    """The order and buyer that an intent names are passed on unchanged; SQL recognises a stray."""
    intent = make_intent(metadata={"order_id": "no-uuid"}, currency="usd", amount_received=1)

    handle(stripe_api, database, "payment_intent.succeeded", intent)

    sent = database.call.call_args.kwargs
    assert ("no-uuid", None, "usd", 1) == tuple(
        sent[key] for key in ("order_id", "buyer_id", "currency", "amount_cents")
    )


@pytest.mark.parametrize(
    "event_type",
    [
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "payment_intent.amount_capturable_updated",
        "payment_intent.canceled",
    ],
)
@pytest.mark.parametrize("metadata", [{}, None, {"buyer_id": "x"}])
def test_intent_without_an_order_is_ignored(
    stripe_api: Any, database: Any, event_type: str, metadata: Any
) -> None:
    """An intent that we did not make is settled without an effect."""
    database.call.return_value = effect("ignored")

    outcome = handle(stripe_api, database, event_type, make_intent(metadata=metadata))

    assert Outcome.IGNORED == outcome
    database.call.assert_called_once_with(
        "ignore_webhook_event", event_id="evt_1", reason="order_id_missing"
    )


@pytest.mark.parametrize(
    ("error", "charge_id", "message"),
    [
        (
            {"charge": "ch_2", "decline_code": "lost_card", "code": "card_declined"},
            "ch_2",
            "lost_card",
        ),
        ({"code": "card_declined"}, "ch_1", "card_declined"),
        ({}, "ch_1", "unknown"),
        (None, "ch_1", "unknown"),
    ],
)
def test_decline_is_recorded_by_its_charge(
    stripe_api: Any, database: Any, error: Any, charge_id: str, message: str
) -> None:
    """Each decline is one fact with Stripe's code, and never with Stripe's text."""
    intent = make_intent(last_payment_error=error)

    assert Outcome.PROCESSED == handle(
        stripe_api, database, "payment_intent.payment_failed", intent
    )
    database.call.assert_called_once_with(
        "apply_payment_failed",
        event_id="evt_1",
        order_id=ORDER_ID,
        payment_intent_id="pi_00001",
        charge_id=charge_id,
        error_message=message,
    )


def test_authorized_amount_is_recorded(stripe_api: Any, database: Any) -> None:
    """An authorization is recorded, and the order waits for the capture."""
    event_type = "payment_intent.amount_capturable_updated"

    handle(stripe_api, database, event_type, make_intent(amount_capturable=12_500))

    database.call.assert_called_once_with(
        "apply_payment_authorized",
        event_id="evt_1",
        order_id=ORDER_ID,
        payment_intent_id="pi_00001",
        capturable_cents=12_500,
    )


def test_canceled_intent_is_detached(stripe_api: Any, database: Any) -> None:
    """A canceled intent is detached from its order."""
    handle(stripe_api, database, "payment_intent.canceled", make_intent(status="canceled"))

    database.call.assert_called_once_with(
        "apply_payment_canceled",
        event_id="evt_1",
        order_id=ORDER_ID,
        payment_intent_id="pi_00001",
    )


@pytest.mark.parametrize("event_type", REFUND_EVENTS)
def test_refund_is_applied_as_stripe_has_it_now(
    stripe_api: Any, database: Any, event_type: str
) -> None:
    """An event that was overtaken does not bring back an old state."""
    stripe_api.retrieve_refund.return_value = make_refund(status="succeeded")

    outcome = handle(stripe_api, database, event_type, make_refund(status="pending"))

    assert Outcome.PROCESSED == outcome
    database.call.assert_called_once_with(
        "apply_refund",
        event_id="evt_1",
        stripe_refund_id="re_1",
        outbox_id="outbox-1",
        payment_intent_id="pi_00001",
        amount_cents=500,
        status="succeeded",
        order_ref=None,
    )


def test_refund_made_outside_names_no_row(stripe_api: Any, database: Any) -> None:
    """A refund from the dashboard has none of our metadata."""
    stripe_api.retrieve_refund.return_value = make_refund(metadata=None)

    handle(stripe_api, database, "refund.created", make_refund())

    assert database.call.call_args.kwargs["outbox_id"] is None


def test_refund_of_an_unknown_intent_asks_whose_it_is(stripe_api: Any, database: Any) -> None:
    """A refund may come before its payment: then the intent itself names the order."""
    stripe_api.retrieve_refund.return_value = make_refund()
    stripe_api.retrieve_payment_intent.return_value = make_intent()
    database.call.side_effect = [RejectedError("INTENT_UNKNOWN"), effect()]

    assert Outcome.PROCESSED == handle(stripe_api, database, "refund.created", make_refund())
    assert ORDER_ID == database.call.call_args.kwargs["order_ref"]


def test_refund_before_its_payment_waits(stripe_api: Any, database: Any) -> None:
    """A refund before its payment fails with a code, so the inbox retries it."""
    stripe_api.retrieve_refund.return_value = make_refund()
    stripe_api.retrieve_payment_intent.return_value = make_intent()
    database.call.side_effect = [
        RejectedError("INTENT_UNKNOWN"),
        RejectedError("PREDECESSOR_MISSING"),
    ]

    with pytest.raises(RejectedError) as caught:
        handle(stripe_api, database, "refund.created", make_refund())

    assert "PREDECESSOR_MISSING" == caught.value.code


def test_refused_refund_asks_for_no_intent(stripe_api: Any, database: Any) -> None:
    """An unknown intent is the only reason to look for the order at Stripe."""
    stripe_api.retrieve_refund.return_value = make_refund()
    database.call.side_effect = [RejectedError("PREDECESSOR_MISSING")]

    with pytest.raises(RejectedError, match="PREDECESSOR_MISSING"):
        handle(stripe_api, database, "refund.created", make_refund())

    stripe_api.retrieve_payment_intent.assert_not_called()


def test_refund_of_somebody_elses_intent_is_ignored(stripe_api: Any, database: Any) -> None:
    """An intent that names no order of ours was made by something else on the account."""
    stripe_api.retrieve_refund.return_value = make_refund()
    stripe_api.retrieve_payment_intent.return_value = make_intent(metadata={})
    database.call.side_effect = [RejectedError("INTENT_UNKNOWN"), effect("ignored")]

    assert Outcome.IGNORED == handle(stripe_api, database, "refund.created", make_refund())
    assert "order_id_missing" == database.call.call_args.kwargs["reason"]


def test_refund_without_an_intent_is_ignored(stripe_api: Any, database: Any) -> None:
    """Every charge of ours belongs to an intent, so this one is not ours."""
    stripe_api.retrieve_refund.return_value = make_refund(payment_intent=None)
    database.call.return_value = effect("ignored")

    assert Outcome.IGNORED == handle(stripe_api, database, "refund.created", make_refund())


def charge(**changes: Any) -> dict[str, Any]:
    return {"id": "ch_1", "object": "charge", "payment_intent": "pi_00001"} | changes


@pytest.mark.parametrize(
    ("created", "applied"),
    [
        ((1_767_225_000, 1_767_225_600, 1_767_225_700), "re_1"),
        ((1_767_225_601, 1_767_225_602), "re_1"),
    ],
)
def test_refunded_charge_means_its_latest_refund(
    stripe_api: Any, database: Any, created: tuple[int, ...], applied: str
) -> None:
    """A charge event is about the latest refund that was made before the event."""
    stripe_api.list_refunds.return_value = [
        make_refund(id=f"re_{number}", created=second) for number, second in enumerate(created)
    ]

    assert Outcome.PROCESSED == handle(stripe_api, database, "charge.refunded", charge())
    assert applied == database.call.call_args.kwargs["stripe_refund_id"]


@pytest.mark.parametrize("data", [charge(), charge(payment_intent=None)])
def test_charge_without_a_refund_is_ignored(stripe_api: Any, database: Any, data: Any) -> None:
    """A refunded charge without a refund is ignored."""
    stripe_api.list_refunds.return_value = []
    database.call.return_value = effect("ignored")

    assert Outcome.IGNORED == handle(stripe_api, database, "charge.refunded", data)


HOSTILE: list[Any] = [None, "", 0, -1, True, 1.5, 10**30, "x" * 256, [], {}, [{}], {"id": {}}]
INTENT_EVENTS = (
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
)


def apply_if_known(function: str, **arguments: Any) -> dict[str, Any]:
    """Answer as SQL does for the refund of an unknown intent."""
    if function == "apply_refund" and arguments["order_ref"] is None:
        raise RejectedError("INTENT_UNKNOWN")
    return effect()


def check_arguments(database: Any) -> None:
    """Check that SQL gets values of the types and sizes that it takes."""
    for sent in database.call.call_args_list:
        for name, value in sent.kwargs.items():
            if name == "amount_cents":
                assert value is None or (type(value) is int and 0 <= value < 10**12)
            else:
                assert value is None or (type(value) is str and len(value) <= 255)


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("event_type", INTENT_EVENTS)
def test_intent_of_any_form_reaches_sql_or_is_ignored(
    stripe_api: Any, database: Any, event_type: str, value: Any
) -> None:
    """No field of an intent raises another error; SQL decides what it can do without."""
    intent = make_intent(last_payment_error={"charge": "ch_2", "code": "x"})
    for name in intent:
        handle(stripe_api, database, event_type, intent | {name: value})
        missing = {kept: field for kept, field in intent.items() if kept != name}
        handle(stripe_api, database, event_type, missing)
    for name in ("charge", "code", "decline_code"):
        handle(stripe_api, database, event_type, intent | {"last_payment_error": {name: value}})
    for name in ("order_id", "buyer_id"):
        handle(stripe_api, database, event_type, intent | {"metadata": {name: value}})

    check_arguments(database)


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("name", list(make_refund()))
def test_refund_of_any_form_has_a_result(
    stripe_api: Any, database: Any, name: str, value: Any
) -> None:
    """Each field may have another form at Stripe and in the event."""
    refund = make_refund() | {name: value}
    stripe_api.retrieve_refund.return_value = refund
    stripe_api.list_refunds.return_value = [refund, make_refund()]
    stripe_api.retrieve_payment_intent.return_value = make_intent(metadata={"order_id": value})

    database.call.side_effect = apply_if_known

    codes = set()
    for event_type in (*REFUND_EVENTS, "charge.refunded"):
        try:
            handle(stripe_api, database, event_type, refund)
        except RejectedError as error:
            codes.add(error.code)

    assert codes <= {"PAYLOAD_UNREADABLE"}
    check_arguments(database)
