"""`market.payouts.transfers`: the calls to Stripe that a transfer or a reversal needs."""

from typing import Any
from unittest.mock import create_autospec

import pytest

from market.database import Database
from market.errors import MarketError, RejectedError, TransientError
from market.outbox import Sent
from market.payouts.transfers import outbox_senders
from market.stripe_api import StripeApi
from tests.support.factories import ORDER_ID, make_outbox_row
from tests.unit.specs import spec_of


TRANSFER: dict[str, Any] = {
    "kind": "transfer",
    "dedupe_key": f"transfer:{ORDER_ID}",
    "payload": {
        "order_id": ORDER_ID,
        "seller_id": "seller-1",
        "amount_cents": 9500,
        "currency": "aud",
        "destination": "acct_1",
        "source_transaction": "ch_1",
        "transfer_group": ORDER_ID,
        "transferred_cents": 0,
    },
}
REVERSAL: dict[str, Any] = {
    "kind": "transfer_reversal",
    "dedupe_key": "reversal:refund:1",
    "payload": {
        "order_id": ORDER_ID,
        "seller_id": "seller-1",
        "transfer_id": "tr_1",
        "amount_cents": 2850,
        "reversed_cents": 0,
        "cause": "refund:1",
    },
}
ACCOUNT = {"id": "acct_1", "payouts_enabled": True, "capabilities": {"transfers": "inactive"}}


@pytest.fixture
def stripe_api() -> Any:
    stripe_api = spec_of(StripeApi)
    stripe_api.list_transfers.return_value = iter([])
    stripe_api.list_reversals.return_value = iter([])
    stripe_api.create_transfer.return_value = {"id": "tr_1", "amount": 9500}
    stripe_api.create_reversal.return_value = {"id": "trr_1", "amount": 2850}
    stripe_api.retrieve_account.return_value = ACCOUNT
    return stripe_api


@pytest.fixture
def database() -> Any:
    database = create_autospec(Database, instance=True)
    database.call.side_effect = [{"read_number": 4}, {"success": True}]
    return database


def send(stripe_api: Any, database: Any, row: dict[str, Any], **changes: Any) -> Sent:
    made = make_outbox_row(**(row | changes))
    return outbox_senders(stripe_api, database)[made.kind](made)


def metadata(row: dict[str, Any]) -> dict[str, str]:
    return {"outbox_id": "outbox-1", "dedupe_key": row["dedupe_key"], "order_id": ORDER_ID}


def test_transfer_is_made_from_its_charge(stripe_api: Any, database: Any) -> None:
    """Everything that Stripe gets comes from the row, under the row's key."""
    sent = send(stripe_api, database, TRANSFER, answered_errors=2)

    assert Sent(stripe_object_id="tr_1", result={"amount_cents": 9500}) == sent
    stripe_api.create_transfer.assert_called_once_with(
        {
            "amount": 9500,
            "currency": "aud",
            "destination": "acct_1",
            "source_transaction": "ch_1",
            "transfer_group": ORDER_ID,
            "metadata": metadata(TRANSFER),
        },
        idempotency_key=f"transfer:{ORDER_ID}:2",
    )
    database.call.assert_not_called()


def test_transfer_without_a_charge_uses_the_balance(stripe_api: Any, database: Any) -> None:
    """A transfer without a known charge comes from the balance."""
    payload = TRANSFER["payload"] | {"source_transaction": None}

    send(stripe_api, database, TRANSFER, payload=payload)

    assert "source_transaction" not in stripe_api.create_transfer.call_args.args[0]


def test_transfer_that_was_made_is_not_made_again(stripe_api: Any, database: Any) -> None:
    """A transfer that was made earlier is found, and not made again."""
    stripe_api.list_transfers.return_value = iter(
        [
            {"id": "tr_8", "amount": 1, "metadata": {"dedupe_key": f"transfer:{ORDER_ID}:2"}},
            {"id": "tr_9", "amount": 9000, "metadata": metadata(TRANSFER)},
        ]
    )

    sent = send(stripe_api, database, TRANSFER)

    assert Sent(stripe_object_id="tr_9", result={"amount_cents": 9000}) == sent
    stripe_api.list_transfers.assert_called_once_with(ORDER_ID)
    stripe_api.create_transfer.assert_not_called()


def test_reversal_takes_the_rows_amount(stripe_api: Any, database: Any) -> None:
    """A reversal has the row's transfer and amount."""
    sent = send(stripe_api, database, REVERSAL)

    assert Sent(stripe_object_id="trr_1", result={"amount_cents": 2850}) == sent
    stripe_api.create_reversal.assert_called_once_with(
        "tr_1",
        {"amount": 2850, "metadata": metadata(REVERSAL)},
        idempotency_key="reversal:refund:1:0",
    )


def test_reversal_that_was_made_is_not_made_again(stripe_api: Any, database: Any) -> None:
    """A reversal that was made earlier is found by its metadata."""
    stripe_api.list_reversals.return_value = iter(
        [{"id": "trr_9", "amount": 2850, "metadata": metadata(REVERSAL)}]
    )

    assert "trr_9" == send(stripe_api, database, REVERSAL).stripe_object_id
    stripe_api.list_reversals.assert_called_once_with("tr_1")
    stripe_api.create_reversal.assert_not_called()


def test_transfer_waits_for_one_that_we_did_not_know(stripe_api: Any, database: Any) -> None:
    """A transfer waits if Stripe lists one whose event is still missing."""
    outside = {
        "id": "tr_8",
        "amount": 4000,
        "amount_reversed": 0,
        "currency": "aud",
        "transfer_group": ORDER_ID,
    }
    stripe_api.list_transfers.side_effect = lambda _: iter([outside])
    stripe_api.retrieve_transfer.return_value = outside
    database.call.side_effect = [{"outcome": "processed", "alerts": []}]

    with pytest.raises(TransientError) as caught:
        send(stripe_api, database, TRANSFER)

    assert "TRANSFER_UNKNOWN" == caught.value.code
    assert "record_transfer" == database.call.call_args.args[0]
    assert "tr_8" == database.call.call_args.kwargs["stripe_transfer_id"]
    stripe_api.create_transfer.assert_not_called()


def test_reversal_waits_for_one_that_we_did_not_know(stripe_api: Any, database: Any) -> None:
    """A reversal waits if Stripe lists one whose event is still missing."""
    stripe_api.list_reversals.side_effect = lambda _: iter([{"id": "trr_8", "amount": 850}])
    stripe_api.retrieve_transfer.return_value = {
        "id": "tr_1",
        "amount": 9500,
        "amount_reversed": 850,
        "currency": "aud",
        "transfer_group": ORDER_ID,
    }
    database.call.side_effect = [{"outcome": "processed", "alerts": []}]

    with pytest.raises(TransientError) as caught:
        send(stripe_api, database, REVERSAL)

    assert "REVERSAL_UNKNOWN" == caught.value.code
    assert "record_transfer" == database.call.call_args.args[0]
    [reversal] = database.call.call_args.kwargs["reversals"]
    assert ("trr_8", 850) == (reversal["id"], reversal["amount_cents"])
    stripe_api.create_reversal.assert_not_called()


@pytest.mark.parametrize("row", [TRANSFER, REVERSAL])
def test_row_is_not_sent_blindly(stripe_api: Any, database: Any, row: dict[str, Any]) -> None:
    """No row is sent if Stripe's objects cannot be listed."""
    for listing in (stripe_api.list_transfers, stripe_api.list_reversals):
        listing.side_effect = TransientError("STRIPE_UNREACHABLE")

    with pytest.raises(TransientError):
        send(stripe_api, database, row)

    stripe_api.create_transfer.assert_not_called()
    stripe_api.create_reversal.assert_not_called()


@pytest.mark.parametrize("code", ["STRIPE_BALANCE_INSUFFICIENT", "STRIPE_ACCOUNT_UNABLE"])
def test_failure_with_the_account_reads_it_again(stripe_api: Any, database: Any, code: str) -> None:
    """An error about the account leads to a new reading of it."""
    stripe_api.create_transfer.side_effect = TransientError(code)

    with pytest.raises(TransientError) as caught:
        send(stripe_api, database, TRANSFER)

    assert code == caught.value.code
    assert {
        "account_id": "acct_1",
        "read_number": 4,
        "payouts_enabled": False,
    } == database.call.call_args.kwargs


def test_account_that_cannot_be_read_is_left(stripe_api: Any, database: Any) -> None:
    """An account that cannot be read is skipped, and the row waits."""
    stripe_api.create_transfer.side_effect = TransientError("STRIPE_ACCOUNT_UNABLE")
    stripe_api.retrieve_account.side_effect = MarketError("STRIPE_ERROR")

    with pytest.raises(TransientError):
        send(stripe_api, database, TRANSFER)

    assert ["begin_account_read"] == [call.args[0] for call in database.call.call_args_list]


@pytest.mark.parametrize(
    "error", [RejectedError("STRIPE_REFUSED"), TransientError("STRIPE_UNREACHABLE")]
)
def test_other_failure_reads_no_account(stripe_api: Any, database: Any, error: MarketError) -> None:
    """Another error does not lead to a reading of the account."""
    stripe_api.create_transfer.side_effect = error

    with pytest.raises(type(error)):
        send(stripe_api, database, TRANSFER)

    database.call.assert_not_called()


@pytest.mark.parametrize("missing", ["amount_cents", "currency", "destination", "transfer_group"])
def test_transfer_needs_its_values(stripe_api: Any, database: Any, missing: str) -> None:
    """A row without one of its values is not sent."""
    payload = {key: value for key, value in TRANSFER["payload"].items() if key != missing}

    with pytest.raises(MarketError) as caught:
        send(stripe_api, database, TRANSFER, payload=payload)

    assert "BAD_PAYLOAD" == caught.value.code
    stripe_api.create_transfer.assert_not_called()
