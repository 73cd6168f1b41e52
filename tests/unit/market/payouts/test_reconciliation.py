"""`market.payouts.reconciliation`: accounts whose events are lost are read from Stripe again."""

from typing import Any
from unittest.mock import create_autospec

import pytest

from market.database import Database
from market.payouts import reconciliation
from market.stripe_api import StripeApi
from tests.support.factories import ORDER_ID, effect
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


def test_waiting_accounts_are_read_and_recorded(stripe_api: Any) -> None:
    """Each account is read once; one that has left its seller meanwhile is skipped."""
    database: Any = create_autospec(Database, instance=True)
    database.call.side_effect = [
        ["acct_0", "acct_1"],
        {"read_number": None},
        {"read_number": 2},
        {"success": True},
    ]
    [transfers, duty, _] = reconciliation.duties(stripe_api, database)

    assert ("queue_due_transfers", 2) == (transfers.name, duty.work(7))
    assert {"max_rows": 7} == database.call.call_args_list[0].kwargs
    assert {
        "account_id": "acct_1",
        "read_number": 2,
        "payouts_enabled": True,
    } == database.call.call_args.kwargs
    stripe_api.retrieve_account.assert_called_once_with("acct_1")


def test_transfers_of_an_order_that_differs_are_read_again(stripe_api: Any) -> None:
    """Transfers of an order that differs are read with their reversals, as by their events."""
    database: Any = create_autospec(Database, instance=True)
    database.call.side_effect = [[ORDER_ID], effect("processed")]
    stripe_api.list_transfers.return_value = iter([{"id": "tr_1"}])
    stripe_api.retrieve_transfer.return_value = {
        "id": "tr_1",
        "amount": 9_500,
        "amount_reversed": 500,
        "currency": "aud",
        "transfer_group": ORDER_ID,
        "source_transaction": "ch_1",
    }
    stripe_api.list_reversals.return_value = [{"id": "trr_1", "amount": 500}]

    assert 1 == reconciliation.reread_transfers(stripe_api, database, limit=7)

    stripe_api.list_transfers.assert_called_once_with(ORDER_ID)
    recorded = database.call.call_args
    assert ("record_transfer",) == recorded.args
    assert ("tr_1", ORDER_ID) == (
        recorded.kwargs["stripe_transfer_id"],
        recorded.kwargs["order_ref"],
    )
