"""Commanded faults of the API, seen by the official client."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import stripe

from devstack.supervisor import processes
from tests.support.fake_server import Account
from tests.support.waits import ANSWER_S


def wait_until_hit(account: Account) -> None:
    """Wait until every fault has hit its request."""
    assert processes.wait_until(lambda: account.command("GET", "/faults")["faults"] == [], ANSWER_S)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, stripe.AuthenticationError),
        (403, stripe.PermissionError),
        (429, stripe.RateLimitError),
        (500, stripe.APIError),
        (503, stripe.APIError),
    ],
)
def test_fault_raises_the_librarys_error(
    account: Account, status: int, error: type[stripe.StripeError]
) -> None:
    """A fault hits as many requests of its path as the command says."""
    account.command("POST", "/faults", status=status, times=2, path="/v1/refunds*")
    assert 0 == len(account.client.v1.payment_intents.list().data)

    for _ in range(2):
        with pytest.raises(error) as failure:
            account.client.v1.refunds.list()
        assert status == failure.value.http_status

    assert [] == account.client.v1.refunds.list().data


def test_connection_breaks_before_anything_is_done(account: Account) -> None:
    """A reset is a connection error of the library, and has no effect on the fake."""
    account.command("POST", "/faults", reset=True, method="POST")

    with pytest.raises(stripe.APIConnectionError):
        account.intent()

    assert [] == account.client.v1.payment_intents.list().data


def test_faults_can_be_read_and_deleted(account: Account) -> None:
    """A test may read and delete its pending faults."""
    listed = account.command("POST", "/faults", status=500, times=9)["faults"]
    account.command("DELETE", "/faults")

    assert [(500, 9)] == [(fault["status"], fault["times"]) for fault in listed]
    assert [] == account.client.v1.payment_intents.list().data


def test_too_many_requests_is_as_stripe_says_it(account: Account) -> None:
    """A 429 has the code rate_limit and a header with the reason (docs.stripe.com/rate-limits)."""
    account.command("POST", "/faults", status=429)

    with pytest.raises(stripe.RateLimitError) as refusal:
        account.client.v1.balance.retrieve()

    assert refusal.value.error is not None
    assert refusal.value.headers is not None
    assert ("rate_limit", "global-rate") == (
        refusal.value.error.code,
        refusal.value.headers["Stripe-Rate-Limited-Reason"],
    )


def test_retries_of_the_library_make_one_intent(account: Account) -> None:
    """The library retries after a lost answer with one key, so one intent is made."""
    account.command("POST", "/faults", reset=True, when="after")
    client = stripe.StripeClient(
        account.config.secret_key,
        base_addresses={"api": account.config.url},
        max_network_retries=1,
    )

    intent = client.v1.payment_intents.create({"amount": 5000, "currency": "aud"})

    assert [intent.id] == [found.id for found in client.v1.payment_intents.list().data]


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_slow_answer_is_given_up_by_the_caller(account: Account, when: str, made: int) -> None:
    """A caller that gives up cannot know the outcome."""
    account.command("POST", "/faults", delay_s=600, when=when, method="POST")
    client = stripe.StripeClient(
        account.config.secret_key,
        base_addresses={"api": account.config.url},
        http_client=stripe.RequestsClient(timeout=0.5),
        max_network_retries=0,
    )

    with pytest.raises(stripe.APIConnectionError):
        client.v1.payment_intents.create({"amount": 5000, "currency": "aud"})

    wait_until_hit(account)
    assert made == len(account.client.v1.payment_intents.list().data)


def test_delay_ends_in_a_usual_answer(account: Account) -> None:
    """A delayed call is executed after its delay, or fails with the fault's status."""
    account.command("POST", "/faults", delay_s=0.01, method="POST")
    account.command("POST", "/faults", delay_s=0.01, status=503, method="POST")

    assert "requires_payment_method" == account.intent().status
    with pytest.raises(stripe.APIError) as failure:
        account.intent()
    assert 503 == failure.value.http_status


@pytest.mark.parametrize("end", ["/faults", "/reset"])
def test_delayed_call_is_dropped_with_its_fault(account: Account, end: str) -> None:
    """A call that is still delayed at a test's end has no effect in the next test."""
    account.command("POST", "/faults", delay_s=600, method="POST")
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(account.intent)
        wait_until_hit(account)
        account.command("DELETE" if end == "/faults" else "POST", end)

    assert isinstance(call.exception(), stripe.APIConnectionError)
    assert [] == account.client.v1.payment_intents.list().data


@pytest.mark.parametrize(
    "body",
    [{}, {"status": 200}, {"status": 429, "times": 0}, {"delay_s": -1}, {"colour": "red"}],
)
def test_fault_that_makes_no_sense_is_refused(account: Account, body: dict[str, Any]) -> None:
    """A fault must have an effect, and hit at least one request."""
    assert 400 == account.control.post("/faults", json=body).status_code
