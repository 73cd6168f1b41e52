"""The fake refuses unknown callers and unknown routes."""

import httpx
import pytest
import stripe

from tests.support.fake_server import PUBLISHABLE_KEY, SECRET_KEY, Account
from tests.support.waits import ANSWER_S


def client_with(account: Account, key: str, version: str | None = None) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        stripe_version=version,
        base_addresses={"api": account.config.url},
        max_network_retries=0,
    )


@pytest.mark.parametrize("key", ["sk_test_wrong", PUBLISHABLE_KEY])
def test_wrong_key_is_refused(account: Account, key: str) -> None:
    """A wrong secret key is 401, and so is a publishable key on a secret route."""
    with pytest.raises(stripe.AuthenticationError) as refusal:
        client_with(account, key).v1.payment_intents.list()

    assert 401 == refusal.value.http_status


def test_other_publishable_key_is_refused(account: Account) -> None:
    """Another account's publishable key reads no intent, even with its client secret."""
    intent = account.intent()
    url = f"{account.config.url}/v1/payment_intents/{intent.id}"

    def status(key: str) -> int:
        headers = {"Authorization": f"Bearer {key}"}
        params = {"client_secret": str(intent.client_secret)}
        return httpx.get(url, headers=headers, params=params, timeout=ANSWER_S).status_code

    assert [401, 200] == [status("pk_test_of_another_account"), status(PUBLISHABLE_KEY)]


def test_call_without_a_key_is_refused(account: Account) -> None:
    """A call without Authorization is 401; HTTP Basic with the key as user works like Bearer."""
    url = f"{account.config.url}/v1/balance"

    assert 401 == httpx.get(url, timeout=ANSWER_S).status_code
    assert 200 == httpx.get(url, auth=(SECRET_KEY, ""), timeout=ANSWER_S).status_code


def test_other_api_version_is_refused(account: Account) -> None:
    """The fake refuses another API version, whose objects differ."""
    with pytest.raises(stripe.InvalidRequestError, match="API version"):
        client_with(account, SECRET_KEY, "2020-08-27").v1.balance.retrieve()


def test_missing_route_is_404_and_is_named(account: Account) -> None:
    """The error of an unknown path or method names it."""
    with pytest.raises(stripe.InvalidRequestError, match=r"GET: /v1/products.*fake") as refusal:
        account.client.v1.products.list()
    with pytest.raises(stripe.InvalidRequestError, match="POST: /v1/refunds/re_1/cancel"):
        account.client.v1.refunds.cancel("re_1")

    assert 404 == refusal.value.http_status


def test_answers_name_their_request(account: Account) -> None:
    """Every answer, also an error, has a Request-Id (docs.stripe.com/api/request_ids)."""
    intent = account.intent()
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        account.client.v1.charges.retrieve("ch_none")

    assert intent.last_response is not None
    assert str(intent.last_response.request_id).startswith("req_")
    assert str(refusal.value.request_id).startswith("req_")


@pytest.mark.parametrize(
    "body",
    [
        b"amount=%FF",
        b"a[b=1",
        b"a=1&a[b]=2",
        b"a[b]=2&a=1",
        b"a" * 5 + b"[b]" * 30 + b"=1",
        b"\xff",
    ],
)
def test_broken_body_is_a_400(account: Account, body: bytes) -> None:
    """An unreadable body answers 400 in Stripe's form."""
    answer = httpx.post(
        f"{account.config.url}/v1/payment_intents",
        content=body,
        headers={
            "Authorization": f"Bearer {SECRET_KEY}",
            "Content-Type": "application/x-www-form-urlencoded",
        },
        timeout=ANSWER_S,
    )

    assert (400, "invalid_request_error") == (answer.status_code, answer.json()["error"]["type"])
