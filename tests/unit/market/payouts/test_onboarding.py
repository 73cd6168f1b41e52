"""`market.payouts.onboarding`: one account per seller, and links to it."""

import datetime as dt
from typing import Any
from unittest.mock import create_autospec

import pytest

from market.database import Database
from market.errors import MarketError, RejectedError, TransientError
from market.payouts import onboarding
from market.stripe_api import StripeApi
from tests.unit.specs import spec_of


USER = "7b0d3d52-4a3e-4f0e-8a77-5c9b6a1e2d22"
LINK = {"object": "account_link", "url": "https://connect.stripe.test/1", "expires_at": 1_800_000}
SET = {"success": True}


def terms(account_id: str | None = None, errors: int = 0) -> dict[str, Any]:
    return {
        "success": True,
        "account_id": account_id,
        "answered_errors": errors,
        "seller_since": 10_000,
    }


@pytest.fixture
def stripe_api() -> Any:
    stripe_api = spec_of(StripeApi)
    stripe_api.list_accounts.return_value = iter([])
    stripe_api.create_account.return_value = {"id": "acct_1"}
    stripe_api.create_account_link.return_value = LINK
    return stripe_api


@pytest.fixture
def database() -> Any:
    database = create_autospec(Database, instance=True)
    database.call.side_effect = [terms(), SET]
    return database


def open_link(stripe_api: Any, database: Any) -> Any:
    return onboarding.open_link(stripe_api, database, user_id=USER, site="https://shop.test")


def called(database: Any) -> list[str]:
    return [call.args[0] for call in database.call.call_args_list]


def keys(stripe_api: Any) -> list[str]:
    return [call.kwargs["idempotency_key"] for call in stripe_api.create_account.call_args_list]


def test_first_call_makes_the_account(stripe_api: Any, database: Any) -> None:
    """The account is Express in Australia, can be paid, and names its seller."""
    link = open_link(stripe_api, database)

    assert (LINK["url"], dt.datetime.fromtimestamp(1_800_000, dt.UTC)) == (
        link.url,
        link.expires_at,
    )
    stripe_api.create_account.assert_called_once_with(
        {
            "type": "express",
            "country": "AU",
            "capabilities": {
                "card_payments": {"requested": True},
                "transfers": {"requested": True},
            },
            "metadata": {"user_id": USER, "dedupe_key": f"connect:{USER}"},
        },
        idempotency_key=f"connect:{USER}:0",
    )
    assert ["begin_onboarding", "set_connect_account"] == called(database)


def test_link_leads_back_to_the_site(stripe_api: Any, database: Any) -> None:
    """The link returns the seller to our own site only."""
    open_link(stripe_api, database)

    [(parameters,)] = [call.args for call in stripe_api.create_account_link.call_args_list]
    assert {
        "account": "acct_1",
        "type": "account_onboarding",
        "return_url": "https://shop.test/account?payouts=returned",
        "refresh_url": "https://shop.test/account?payouts=expired",
    } == parameters


def test_later_call_makes_a_link_alone(stripe_api: Any, database: Any) -> None:
    """A later call makes a new link to the same account."""
    database.call.side_effect = [terms("acct_0")]

    open_link(stripe_api, database)

    stripe_api.create_account.assert_not_called()
    assert "acct_0" == stripe_api.create_account_link.call_args.args[0]["account"]


def test_account_that_a_lost_answer_hid_is_found(stripe_api: Any, database: Any) -> None:
    """An account whose answer was lost is found by its metadata."""
    stripe_api.list_accounts.return_value = iter(
        [
            {"id": "acct_8", "metadata": {"dedupe_key": "connect:other"}},
            {"id": "acct_9", "metadata": {"dedupe_key": f"connect:{USER}"}},
        ]
    )

    open_link(stripe_api, database)

    stripe_api.create_account.assert_not_called()
    assert "acct_9" == database.call.call_args.kwargs["account_id"]
    stripe_api.list_accounts.assert_called_once_with(created_since=10_000 - 3600)


def test_answered_error_does_not_block_the_seller(stripe_api: Any, database: Any) -> None:
    """Stripe replays an error for a day under its key, so the second try has another key."""
    stripe_api.create_account.side_effect = [MarketError("STRIPE_ERROR"), {"id": "acct_1"}]
    stripe_api.list_accounts.side_effect = lambda **_: iter([])
    database.call.side_effect = [terms(), SET, terms(errors=1), SET]

    open_link(stripe_api, database)

    assert [f"connect:{USER}:0", f"connect:{USER}:1"] == keys(stripe_api)
    assert "record_connect_error" == called(database)[1]


def test_refusal_is_counted_and_raised(stripe_api: Any, database: Any) -> None:
    """The same call would be refused again, so there is no second try."""
    stripe_api.create_account.side_effect = RejectedError("STRIPE_REFUSED")

    with pytest.raises(RejectedError):
        open_link(stripe_api, database)

    assert ["begin_onboarding", "record_connect_error"] == called(database)
    assert 1 == len(keys(stripe_api))


def test_missing_answer_is_not_counted(stripe_api: Any, database: Any) -> None:
    """Stripe may have made the account, so the key must stay."""
    stripe_api.create_account.side_effect = TransientError("STRIPE_UNREACHABLE")

    with pytest.raises(TransientError):
        open_link(stripe_api, database)

    assert ["begin_onboarding"] == called(database)


def test_call_that_lost_the_race_uses_the_winners_account(stripe_api: Any, database: Any) -> None:
    """A slower call uses the account that the faster one attached."""
    refused = {"success": False, "code": "CONFLICT", "error": "A seller has one account for ever"}
    database.call.side_effect = [terms(), refused, terms("acct_0")]

    open_link(stripe_api, database)

    assert "acct_0" == stripe_api.create_account_link.call_args.args[0]["account"]


@pytest.mark.parametrize(
    "broken", [{"url": None}, {"expires_at": None}, {"expires_at": "soon"}, {"expires_at": 10**18}]
)
def test_link_without_its_parts_is_unreadable(
    stripe_api: Any, database: Any, broken: dict[str, Any]
) -> None:
    """A link without its URL or expiry is an error."""
    stripe_api.create_account_link.return_value = LINK | broken

    with pytest.raises(RejectedError) as caught:
        open_link(stripe_api, database)

    assert "PAYLOAD_UNREADABLE" == caught.value.code


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        ({"payouts_enabled": True, "capabilities": {"transfers": "active"}}, True),
        ({"payouts_enabled": False, "capabilities": {"transfers": "active"}}, False),
        ({"payouts_enabled": True, "capabilities": {"transfers": "pending"}}, False),
        ({"payouts_enabled": True, "capabilities": {"transfers": "inactive"}}, False),
        ({"payouts_enabled": True, "capabilities": {}}, False),
        ({"payouts_enabled": True}, False),
        ({"payouts_enabled": "true", "capabilities": {"transfers": "active"}}, False),
    ],
)
def test_payouts_need_both_flags(
    stripe_api: Any, database: Any, account: dict[str, Any], *, expected: bool
) -> None:
    """Stripe must pay out, and must let us transfer to the account."""
    database.call.side_effect = [{"read_number": 3}]
    stripe_api.retrieve_account.return_value = {"id": "acct_1"} | account

    state = onboarding.read_account(stripe_api, database, account_id="acct_1")

    assert state is not None
    assert ("acct_1", 3, expected) == (state.account_id, state.read_number, state.payouts_enabled)


def test_account_of_nobody_is_not_read(stripe_api: Any, database: Any) -> None:
    """Stripe is not called about an account that no seller has."""
    database.call.side_effect = [{"read_number": None}]

    assert onboarding.read_account(stripe_api, database, account_id="acct_1") is None
    stripe_api.retrieve_account.assert_not_called()


def test_closed_account_cannot_be_paid(stripe_api: Any, database: Any) -> None:
    """An account that Stripe does not show counts as disabled."""
    database.call.side_effect = [{"read_number": 3}]
    stripe_api.retrieve_account.side_effect = TransientError("STRIPE_ACCOUNT_UNABLE")

    state = onboarding.read_account(stripe_api, database, account_id="acct_1")

    assert state is not None
    assert not state.payouts_enabled


def test_stripe_that_does_not_answer_says_nothing_of_the_account(
    stripe_api: Any, database: Any
) -> None:
    """An outage of Stripe leaves the event open."""
    database.call.side_effect = [{"read_number": 3}]
    stripe_api.retrieve_account.side_effect = TransientError("STRIPE_UNREACHABLE")

    with pytest.raises(TransientError):
        onboarding.read_account(stripe_api, database, account_id="acct_1")
