"""`market.payouts.reconciliation`: accounts whose events are lost are read from Stripe again."""

from typing import Any
from unittest.mock import create_autospec

import pytest

from market.database import Database
from market.payouts import reconciliation
from market.stripe_api import StripeApi


@pytest.fixture
def stripe_api() -> Any:
    stripe_api = create_autospec(StripeApi, instance=True)
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
    [transfers, duty] = reconciliation.duties(stripe_api, database)

    assert ("queue_due_transfers", 2) == (transfers.name, duty.work(7))
    assert {"max_rows": 7} == database.call.call_args_list[0].kwargs
    assert {
        "account_id": "acct_1",
        "read_number": 2,
        "payouts_enabled": True,
    } == database.call.call_args.kwargs
    stripe_api.retrieve_account.assert_called_once_with("acct_1")
