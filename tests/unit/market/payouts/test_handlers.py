"""`market.payouts.handlers`: what an event about a Connect account does."""

from typing import Any
from unittest.mock import create_autospec

import pytest

from market import inbox
from market.database import Database
from market.inbox import Outcome
from market.payouts.handlers import stripe_handlers
from market.stripe_api import StripeApi
from tests.factories import effect, make_event


@pytest.fixture
def stripe_api() -> Any:
    stripe_api = create_autospec(StripeApi, instance=True)
    stripe_api.retrieve_account.return_value = {
        "id": "acct_1",
        "payouts_enabled": True,
        "capabilities": {"transfers": "active"},
    }
    return stripe_api


@pytest.fixture
def database() -> Any:
    return create_autospec(Database, instance=True)


def handle(stripe_api: Any, database: Any, **changes: Any) -> Outcome:
    event = make_event(**changes)
    return inbox.handle(database, event, stripe_handlers(stripe_api, database))


def test_account_is_read_again(stripe_api: Any, database: Any) -> None:
    """The body of an event may be out of date; Stripe's answer is not."""
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
