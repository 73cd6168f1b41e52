"""`market.payments.disputes`: a dispute event leads to a reading that SQL applies."""

from typing import Any
from unittest.mock import create_autospec

import pytest

from market.database import Database
from market.errors import RejectedError
from market.inbox import Outcome
from market.payments.disputes import dispute_in, stripe_handlers
from tests.support.factories import ORDER_ID, effect, make_dispute, make_event, make_intent


EVENTS = (
    "charge.dispute.created",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.updated",
    "charge.dispute.closed",
)


@pytest.fixture
def database() -> Any:
    database = create_autospec(Database, instance=True)
    database.call.return_value = effect()
    return database


def handle(
    stripe_api: Any, database: Any, data: dict[str, Any], type_: str = "charge.dispute.created"
) -> Outcome:
    return stripe_handlers(stripe_api, database)[type_](make_event(type=type_, data=data))


@pytest.mark.parametrize("type_", EVENTS)
def test_dispute_is_read_again(stripe_api: Any, database: Any, type_: str) -> None:
    """SQL gets the dispute as Stripe has it now, and not as the event has it."""
    stripe_api.retrieve_dispute.return_value = make_dispute(status="under_review")

    outcome = handle(stripe_api, database, make_dispute(amount=1, status="won"), type_)

    assert Outcome.PROCESSED == outcome
    stripe_api.retrieve_dispute.assert_called_once_with("du_1")
    database.call.assert_called_once_with(
        "apply_dispute",
        event_id="evt_1",
        stripe_dispute_id="du_1",
        payment_intent_id="pi_00001",
        charge_id="ch_1",
        amount_cents=12_500,
        currency="aud",
        status="under_review",
        reason="fraudulent",
        withdrawn_cents=12_500,
        reinstated_cents=0,
        created=1_767_225_600,
        order_ref=None,
    )


def moved(*amounts: int, currency: str = "aud") -> list[dict[str, Any]]:
    return [{"amount": cents, "net": cents - 2_500, "currency": currency} for cents in amounts]


@pytest.mark.parametrize(
    ("transactions", "totals"),
    [
        ([], (0, 0)),
        (moved(-7_000), (7_000, 0)),
        (moved(7_000, -7_000), (7_000, 7_000)),
        (moved(-7_000, 4_000, -1_000, 0, 500), (8_000, 4_500)),
        # The bank took 125.00 dollars, whatever they are in euros.
        (moved(-7_712, 7_698, currency="eur"), (12_500, 12_500)),
        (None, (None, None)),
        ([None], (None, None)),
        ([{"currency": "aud"}], (None, None)),
        ([{"amount": True, "currency": "aud"}], (None, None)),
        ([{"amount": 10**13, "currency": "aud"}], (None, None)),
    ],
)
def test_money_follows_from_the_amounts(
    transactions: Any, totals: tuple[int | None, int | None]
) -> None:
    """The money is the sum of the amounts, not of the net amounts, which include fees."""
    dispute = dispute_in(make_dispute(balance_transactions=transactions))

    assert totals == (dispute.withdrawn_cents, dispute.reinstated_cents)


def test_unknown_intent_names_its_order(stripe_api: Any, database: Any) -> None:
    """A dispute may come before its payment: then the intent itself names the order."""
    stripe_api.retrieve_dispute.return_value = make_dispute()
    stripe_api.retrieve_payment_intent.return_value = make_intent()
    database.call.side_effect = [RejectedError("INTENT_UNKNOWN"), effect()]

    assert Outcome.PROCESSED == handle(stripe_api, database, make_dispute())
    assert ORDER_ID == database.call.call_args.kwargs["order_ref"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({}, "order_id_missing"), ({"payment_intent": None}, "payment_intent_missing")],
)
def test_dispute_of_other_money_is_ignored(
    stripe_api: Any, database: Any, *, changes: dict[str, Any], reason: str
) -> None:
    """A dispute of a charge that is not ours is ignored."""
    stripe_api.retrieve_dispute.return_value = make_dispute(**changes)
    stripe_api.retrieve_payment_intent.return_value = make_intent(metadata={})
    database.call.side_effect = [RejectedError("INTENT_UNKNOWN"), effect("ignored")]

    assert Outcome.IGNORED == handle(stripe_api, database, make_dispute())
    assert reason == database.call.call_args.kwargs["reason"]


def test_dispute_before_its_payment_waits(stripe_api: Any, database: Any) -> None:
    """A dispute before its payment fails with a code, so the inbox retries it."""
    stripe_api.retrieve_dispute.return_value = make_dispute()
    stripe_api.retrieve_payment_intent.return_value = make_intent()
    database.call.side_effect = [
        RejectedError("INTENT_UNKNOWN"),
        RejectedError("PREDECESSOR_MISSING"),
    ]

    with pytest.raises(RejectedError, match="PREDECESSOR_MISSING"):
        handle(stripe_api, database, make_dispute())


HOSTILE: list[Any] = [None, "", 0, -1, True, 1.5, 10**30, "x" * 256, [], {}, [{}], {"id": {}}]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("name", list(make_dispute()))
def test_dispute_of_any_form_has_a_result(
    stripe_api: Any, database: Any, *, name: str, value: Any
) -> None:
    """Each field may have another form; SQL gets values of the types and sizes that it takes."""
    dispute = make_dispute() | {name: value}
    stripe_api.retrieve_dispute.return_value = dispute

    codes = set()
    try:
        handle(stripe_api, database, dispute)
    except RejectedError as error:
        codes.add(error.code)

    assert codes <= {"PAYLOAD_UNREADABLE"}
    for call in database.call.call_args_list:
        for argument in call.kwargs.values():
            is_text = type(argument) is str and len(argument) <= 255
            assert argument is None or is_text or type(argument) is int
