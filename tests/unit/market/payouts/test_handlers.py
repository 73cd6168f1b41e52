"""`market.payouts.handlers`: the effect of an event about a Connect account."""

from typing import Any

import pytest

from market import inbox
from market.errors import RejectedError
from market.inbox import Outcome
from market.payouts.handlers import stripe_handlers
from market.stripe_api import StripeApi
from tests.support.factories import ORDER_ID, effect, make_event
from tests.unit.specs import spec_of


@pytest.fixture
def stripe_api() -> Any:
    stripe_api = spec_of(StripeApi)
    stripe_api.retrieve_account.return_value = {
        "id": "acct_1",
        "payouts_enabled": True,
        "capabilities": {"transfers": "active"},
    }
    return stripe_api


def handle(stripe_api: Any, database: Any, **changes: Any) -> Outcome:
    event = make_event(**changes)
    return inbox.handle(database, event, stripe_handlers(stripe_api, database))


def test_account_is_read_again(stripe_api: Any, database: Any) -> None:
    """The account is read from Stripe again, because the event may be out of date."""
    database.call.side_effect = [{"read_number": 7}, effect()]
    body = {"id": "acct_1", "object": "account", "payouts_enabled": False}

    outcome = handle(stripe_api, database, type="account.updated", data=body)

    assert Outcome.PROCESSED == outcome
    assert {
        "event_id": "evt_1",
        "account_id": "acct_1",
        "read_number": 7,
        "payouts_enabled": True,
    } == database.call.call_args.kwargs


@pytest.mark.parametrize("body", [{"id": "acct_9"}, {"id": None}, {}])
def test_unknown_account_is_ignored(stripe_api: Any, database: Any, body: dict[str, Any]) -> None:
    """Stripe is not called about an account that no seller has."""
    database.call.side_effect = lambda function, **_: (
        {"read_number": None} if function == "begin_account_read" else effect("ignored")
    )

    assert Outcome.IGNORED == handle(stripe_api, database, type="account.updated", data=body)
    stripe_api.retrieve_account.assert_not_called()
    assert "account_unknown" == database.call.call_args.kwargs["reason"]


TRANSFER: dict[str, Any] = {
    "id": "tr_1",
    "object": "transfer",
    "amount": 9500,
    "amount_reversed": 0,
    "currency": "aud",
    "source_transaction": "ch_1",
    "transfer_group": ORDER_ID,
    "metadata": {"outbox_id": "outbox-1", "dedupe_key": "transfer:1", "order_id": ORDER_ID},
}
APPLIED = {
    "event_id": "evt_1",
    "stripe_transfer_id": "tr_1",
    "outbox_id": "outbox-1",
    "dedupe_key": "transfer:1",
    "order_ref": ORDER_ID,
    "charge_id": "ch_1",
    "amount_cents": 9500,
    "currency": "aud",
    "reversals": [],
}


@pytest.mark.parametrize("type_", ["transfer.created", "transfer.reversed"])
def test_transfer_is_read_again(stripe_api: Any, database: Any, type_: str) -> None:
    """The transfer is read from Stripe again, for both types of event."""
    database.call.return_value = effect()
    stripe_api.retrieve_transfer.return_value = TRANSFER

    outcome = handle(stripe_api, database, type=type_, data={"id": "tr_1", "amount": 1})

    assert Outcome.PROCESSED == outcome
    database.call.assert_called_once_with("apply_transfer", **APPLIED)
    stripe_api.list_reversals.assert_not_called()


def test_reversals_are_listed(stripe_api: Any, database: Any) -> None:
    """The object of an event shows the newest ten; the list has all."""
    database.call.return_value = effect()
    stripe_api.retrieve_transfer.return_value = TRANSFER | {"amount_reversed": 900}
    stripe_api.list_reversals.return_value = iter(
        [
            {"id": "trr_2", "amount": 500, "metadata": {}},
            {
                "id": "trr_1",
                "amount": 400,
                "metadata": {"outbox_id": "outbox-2", "dedupe_key": "reversal:1"},
            },
        ]
    )

    handle(stripe_api, database, type="transfer.reversed", data={"id": "tr_1"})

    assert [
        {"id": "trr_2", "amount_cents": 500, "outbox_id": None, "dedupe_key": None},
        {"id": "trr_1", "amount_cents": 400, "outbox_id": "outbox-2", "dedupe_key": "reversal:1"},
    ] == database.call.call_args.kwargs["reversals"]


def test_transfer_of_the_dashboard_names_its_group(stripe_api: Any, database: Any) -> None:
    """A dashboard transfer is found by its group, because it has no metadata of ours."""
    database.call.return_value = effect()
    stripe_api.retrieve_transfer.return_value = TRANSFER | {"metadata": {}}

    handle(stripe_api, database, type="transfer.created", data={"id": "tr_1"})

    assert APPLIED | {"outbox_id": None, "dedupe_key": None} == database.call.call_args.kwargs


@pytest.mark.parametrize("data", [{}, {"id": 7}])
def test_event_without_a_transfer_is_unreadable(
    stripe_api: Any, database: Any, data: dict[str, Any]
) -> None:
    """An event without a transfer stays open, and Stripe is not called."""
    with pytest.raises(RejectedError) as caught:
        handle(stripe_api, database, type="transfer.created", data=data)

    assert "PAYLOAD_UNREADABLE" == caught.value.code


@pytest.mark.parametrize("amount", [None, 0, "5", -1])
def test_reversal_without_an_amount_is_unreadable(
    stripe_api: Any, database: Any, amount: object
) -> None:
    """A reversal without an amount leaves the event open, and nothing is booked."""
    stripe_api.retrieve_transfer.return_value = TRANSFER | {"amount_reversed": 900}
    stripe_api.list_reversals.return_value = iter([{"id": "trr_1", "amount": amount}])

    with pytest.raises(RejectedError):
        handle(stripe_api, database, type="transfer.reversed", data={"id": "tr_1"})

    database.call.assert_not_called()
