"""A seller's onboarding by a link: https://docs.stripe.com/api/account_links."""

from typing import Any

import httpx
import pytest
import stripe

from tests.support.fake_server import Account, error_code
from tests.support.waits import ANSWER_S


REFRESH, RETURN = "https://market.example/refresh", "https://market.example/return?a=1&b=2"


def link_for(account: Account, seller: stripe.Account, **params: Any) -> stripe.AccountLink:
    usual: Any = {
        "account": seller.id,
        "type": "account_onboarding",
        "refresh_url": REFRESH,
        "return_url": RETURN,
    }
    return account.client.v1.account_links.create(usual | params)


def open_page(url: str) -> httpx.Response:
    return httpx.get(url, timeout=ANSWER_S)


def send_form(url: str, outcome: str = "active") -> httpx.Response:
    return httpx.post(url, json={"outcome": outcome}, timeout=ANSWER_S)


def test_link_opens_once(account: Account) -> None:
    """A link opens once within a few minutes; a later visit is redirected to refresh_url."""
    seller = account.seller(is_onboarded=False)

    link = link_for(account, seller)
    first, second = open_page(link.url), open_page(link.url)

    assert ("account_link", 300) == (link.object, link.expires_at - link.created)
    assert (200, True) == (first.status_code, seller.id in first.text)
    assert (303, REFRESH) == (second.status_code, second.headers["Location"])
    assert not account.client.v1.accounts.retrieve(seller.id).details_submitted


def test_expired_link_leads_to_refresh_url(account: Account) -> None:
    """A link that is not opened in time is redirected, and its form is not accepted."""
    seller = account.seller(is_onboarded=False)
    link = link_for(account, seller)
    account.age(link.url.rpartition("/")[2], 300)

    page, form = open_page(link.url), send_form(link.url)

    assert (303, REFRESH) == (page.status_code, page.headers["Location"])
    assert 410 == form.status_code
    assert not account.client.v1.accounts.retrieve(seller.id).details_submitted


def test_form_completes_the_onboarding(account: Account) -> None:
    """The form completes the onboarding as a seller's answers do, and leads to return_url."""
    seller = account.seller(is_onboarded=False)
    link = link_for(account, seller)
    open_page(link.url)

    answer = send_form(link.url)

    assert (200, {"redirect_to": RETURN}) == (answer.status_code, answer.json())
    assert account.client.v1.accounts.retrieve(seller.id).payouts_enabled
    account.deliveries(event_type="account.updated", object_id=seller.id)


def test_stripe_may_still_verify_a_field(account: Account) -> None:
    """A form whose document Stripe still checks is submitted and enables no payouts yet."""
    seller = account.seller(is_onboarded=False)
    link = link_for(account, seller)
    open_page(link.url)

    answer = send_form(link.url, "pending")

    now = account.client.v1.accounts.retrieve(seller.id)
    assert 200 == answer.status_code
    assert (True, False) == (now.details_submitted, now.payouts_enabled)


def test_form_is_accepted_once_and_only_behind_its_page(account: Account) -> None:
    """A form is refused before its page was opened, with an unknown outcome, and a second time."""
    seller = account.seller(is_onboarded=False)
    link = link_for(account, seller)

    unopened = send_form(link.url)
    open_page(link.url)
    unknown, first, second = send_form(link.url, "rich"), send_form(link.url), send_form(link.url)

    statuses = [answer.status_code for answer in (unopened, unknown, first, second)]
    assert [410, 400, 200, 410] == statuses


def test_address_that_is_no_link_opens_nothing(account: Account) -> None:
    """An unknown token or the id of another object is no page."""
    seller = account.seller()

    for token in ("setup_none", seller.id):
        url = f"{account.config.url}/setup/{token}"
        assert (404, 404) == (open_page(url).status_code, send_form(url).status_code)


def test_account_update_needs_a_platform_that_collects(account: Account) -> None:
    """Stripe refuses account_update for accounts whose requirements it collects itself."""
    express, custom = account.seller(), account.seller(type="custom")

    with pytest.raises(stripe.InvalidRequestError, match="account_onboarding"):
        link_for(account, express, type="account_update")

    assert link_for(account, custom, type="account_update").url


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"refresh_url": "nowhere"}, "url_invalid", "refresh_url"),
        ({"refresh_url": "http://[::1"}, "url_invalid", "refresh_url"),
        ({"return_url": "javascript:alert(1)"}, "url_invalid", "return_url"),
        ({"return_url": ""}, "parameter_invalid_empty", "return_url"),
        ({"type": "custom_account_verification"}, None, "type"),
        ({"colour": "red"}, "parameter_unknown", "colour"),
    ],
)
def test_wrong_link_is_refused(account: Account, params: Any, code: str | None, param: str) -> None:
    """A missing, empty, unknown or malformed parameter is a 400 that names it."""
    seller = account.seller(is_onboarded=False)

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        link_for(account, seller, **params)

    assert (400, code, param) == (
        refusal.value.http_status,
        refusal.value.code,
        refusal.value.param,
    )


def test_unconnected_account_gets_no_link(account: Account) -> None:
    """An account that is not connected to ours is 403 account_invalid."""
    unknown: Any = {"account": "acct_none", "type": "account_onboarding"}

    with pytest.raises(stripe.PermissionError) as refusal:
        account.client.v1.account_links.create(
            unknown | {"refresh_url": REFRESH, "return_url": RETURN}
        )

    assert "account_invalid" == error_code(refusal.value)


def test_express_dashboard_has_its_own_link(account: Account) -> None:
    """An onboarded Express account has a login link, and no other account has."""
    accounts = account.client.v1.accounts
    express, fresh = account.seller(), account.seller(is_onboarded=False)
    standard = account.seller(type="standard")

    link = accounts.login_links.create(express.id)

    assert ("login_link", True) == (link.object, express.id in link.url)
    with pytest.raises(stripe.InvalidRequestError, match="onboarding"):
        accounts.login_links.create(fresh.id)
    with pytest.raises(stripe.InvalidRequestError, match="Express"):
        accounts.login_links.create(standard.id)
