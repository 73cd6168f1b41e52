"""A seller gets a Connect account over HTTP, and is paid into it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.integration.service.browser import Browser
from tests.integration.service.shop import Shop


pytestmark = pytest.mark.xdist_group("stack")

ONBOARD, PAYOUTS = "/api/payouts/onboard", "/api/payouts"


@pytest.fixture
def seller(shop: Shop, signed_in: Callable[[], Browser]) -> Browser:
    """Sign up a verified seller without an account."""
    person = signed_in()
    shop.db.execute("update public.users set role = 'seller' where id = %s", [person.actor.id])
    return person


@pytest.fixture
def no_faults(shop: Shop) -> Iterator[None]:
    yield
    shop.command("DELETE", "/faults")


def onboard(person: Browser) -> httpx.Response:
    return person.post(ONBOARD, {})


def listed(person: Browser) -> Any:
    return person.shop.http.get(PAYOUTS, headers=person.bearer).json()


def accounts_of(shop: Shop, person: Browser) -> list[str]:
    """Return the accounts that Stripe has for a person."""
    found = shop.stripe.v1.accounts.list({"limit": 100}).data
    user_id = str(person.actor.id)
    return [one.id for one in found if one.to_dict()["metadata"].get("user_id") == user_id]


def account_of(shop: Shop, person: Browser) -> str:
    query = "select stripe_connect_account_id from public.users where id = %s"
    return str(shop.value(query, person.actor.id))


def test_seller_onboards_and_can_be_paid(shop: Shop, seller: Browser) -> None:
    """The link leads to Stripe's form; when the form is complete, payouts are enabled."""
    answer = onboard(seller)

    assert (200, {"success", "url", "expires_at"}) == (answer.status_code, set(answer.json()))
    assert [account_of(shop, seller)] == accounts_of(shop, seller)
    assert not listed(seller)["payouts_enabled"]
    shop.command("POST", f"/accounts/{account_of(shop, seller)}/onboarding")
    shop.wait_for(lambda: listed(seller)["payouts_enabled"])
    shop.command("POST", f"/accounts/{account_of(shop, seller)}/restriction")
    shop.wait_for(lambda: not listed(seller)["payouts_enabled"])


def test_account_is_express_and_asks_for_transfers(shop: Shop, seller: Browser) -> None:
    """Stripe gives an Australian account transfers together with card payments."""
    onboard(seller)

    account = shop.stripe.v1.accounts.retrieve(account_of(shop, seller)).to_dict()
    assert ("express", "AU", {"card_payments", "transfers"}) == (
        account["type"],
        account["country"],
        set(account["capabilities"]),
    )


def test_concurrent_calls_make_one_account(shop: Shop, seller: Browser) -> None:
    """Each call gets a link of its own, to the same account."""
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: onboard(seller), range(4)))

    assert [200] * 4 == [answer.status_code for answer in answers]
    assert 4 == len({answer.json()["url"] for answer in answers})
    assert [account_of(shop, seller)] == accounts_of(shop, seller)


@pytest.mark.usefixtures("no_faults")
@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500, "when": "before"},
        {"status": 500, "when": "after"},
        {"reset": True, "when": "after"},
        {"reset": True, "when": "before"},
    ],
)
def test_trouble_at_stripe_makes_no_second_account(
    shop: Shop, seller: Browser, fault: dict[str, Any]
) -> None:
    """Stripe may have made the account whose answer is lost, and an error must not block a day."""
    shop.command("POST", "/faults", method="POST", path="/v1/accounts", times=1, **fault)

    first, second = onboard(seller), onboard(seller)

    assert first.status_code in (200, 502, 503)
    assert 200 == second.status_code
    assert [account_of(shop, seller)] == accounts_of(shop, seller)


def test_person_without_kyc_is_refused(shop: Shop, signed_in: Callable[[], Browser]) -> None:
    """Without verification there is no account."""
    person = signed_in()
    shop.db.execute(
        "update public.users set kyc = 'pending', role = 'seller' where id = %s", [person.actor.id]
    )

    answer = onboard(person)

    assert (403, "KYC_REQUIRED") == (answer.status_code, answer.json()["code"])
    assert [] == accounts_of(shop, person)


def test_request_without_a_session_is_refused(shop: Shop) -> None:
    """Neither route answers without a token."""
    answers = [shop.http.post(ONBOARD), shop.http.get(PAYOUTS)]

    assert [401, 401] == [answer.status_code for answer in answers]


def test_onboarding_has_a_limit(shop: Shop, seller: Browser) -> None:
    """The sixth call within an hour is refused, and answers when to try again."""
    limits = shop.value("select value::text from private.app_settings where key = 'rate_limits'")
    change = "update private.app_settings set value = value || %s::jsonb where key = 'rate_limits'"
    shop.db.execute(change, ['{"onboard_payouts": {"max": 5, "window_s": 3600}}'])
    try:
        statuses = [onboard(seller).status_code for _ in range(6)]
    finally:
        shop.db.execute(change, [limits])

    assert [200] * 5 + [429] == statuses
