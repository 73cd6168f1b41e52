"""`market.accounts.deletion`: the duty that finishes deletions at Auth."""

from typing import Any
from unittest.mock import call, create_autospec

import pytest

from market.accounts.deletion import duties, finish_deletions
from market.auth_api import AuthApi
from market.errors import MarketError, TransientError


@pytest.fixture
def auth_api() -> Any:
    return create_autospec(AuthApi, instance=True)


@pytest.mark.parametrize("error", [TransientError("AUTH_UNREACHABLE"), MarketError("AUTH_ERROR")])
def test_failure_stops_no_other_user(database: Any, auth_api: Any, error: MarketError) -> None:
    """A failed deletion stops no other one; SQL offers the user again later."""
    database.call.return_value = ["u_1", "u_2", "u_3"]
    auth_api.soft_delete_user.side_effect = [None, error, None]

    assert 2 == finish_deletions(database, auth_api, limit=100)

    assert [call("u_1"), call("u_2"), call("u_3")] == auth_api.soft_delete_user.call_args_list


def test_batch_is_small(database: Any, auth_api: Any) -> None:
    """A batch is small, because each user costs a call of Auth."""
    database.call.return_value = []
    [duty] = duties(database, auth_api)

    assert 0 == duty.work(100)

    database.call.assert_called_once_with("claim_account_deletions", max_rows=20)
