"""Idempotency keys, as docs.stripe.com/api/idempotent_requests describes them."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import stripe

from tests.support.fake_server import Account


PARAMS: Any = {"amount": 5000, "currency": "aud", "payment_method_types": ["card"]}


def create(account: Account, key: str, **params: Any) -> stripe.PaymentIntent:
    return account.client.v1.payment_intents.create(PARAMS | params, {"idempotency_key": key})


def test_same_key_gets_the_first_answer(account: Account) -> None:
    """The second call makes nothing and returns the first answer, with its headers."""
    first = create(account, "k")
    account.client.v1.payment_intents.update(first.id, {"amount": 9000})

    again = create(account, "k")

    assert first.to_dict() == again.to_dict()
    assert first.last_response is not None
    assert again.last_response is not None
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert "true" == again.last_response.headers["Idempotent-Replayed"]
    assert first.last_response.request_id == again.last_response.headers["Original-Request"]
    assert [first.id] == [intent.id for intent in account.client.v1.payment_intents.list().data]


def test_key_with_other_parameters_is_refused(account: Account) -> None:
    """Other parameters or another path under the same key are an idempotency_error."""
    intent = create(account, "k")

    with pytest.raises(stripe.IdempotencyError, match="same parameters") as other_params:
        create(account, "k", amount=6000)
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        account.client.v1.payment_intents.cancel(intent.id, None, {"idempotency_key": "k"})

    assert 400 == other_params.value.http_status


def test_decline_is_replayed(account: Account) -> None:
    """The key replays a decline without a new charge."""
    intent = account.intent()
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            account.client.v1.payment_intents.confirm(
                intent.id, {"payment_method": "pm_card_chargeDeclined"}, {"idempotency_key": "k"}
            )

    assert 1 == len(account.client.v1.charges.list({"payment_intent": intent.id}).data)


def test_refusal_is_replayed(account: Account) -> None:
    """The key replays a refusal after its reason has gone."""
    intent = account.intent()
    refund: Any = {"payment_intent": intent.id}
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        account.client.v1.refunds.create(refund, {"idempotency_key": "k"})
    account.client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})

    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        account.client.v1.refunds.create(refund, {"idempotency_key": "k"})
    moved_on = account.client.v1.refunds.create(refund, {"idempotency_key": "k:1"})

    assert "succeeded" == moved_on.status


def test_invalid_parameters_are_not_remembered(account: Account) -> None:
    """A call with invalid parameters is not executed, so its key stays free."""
    with pytest.raises(stripe.InvalidRequestError):
        create(account, "k", amount=1)

    assert 5000 == create(account, "k").amount


def test_failure_of_stripe_is_replayed(account: Account) -> None:
    """The key replays a 500; only another key has another outcome."""
    account.command("POST", "/faults", status=500)
    for _ in range(2):
        with pytest.raises(stripe.APIError) as failure:
            create(account, "k")
        assert 500 == failure.value.http_status
        assert failure.value.headers is not None
        assert "false" == failure.value.headers["Stripe-Should-Retry"]

    assert "requires_payment_method" == create(account, "k:1").status
    assert 1 == len(account.client.v1.payment_intents.list().data)


@pytest.mark.parametrize(
    ("status", "error"), [(429, stripe.RateLimitError), (409, stripe.APIError)]
)
def test_conflict_is_not_remembered(
    account: Account, status: int, error: type[stripe.StripeError]
) -> None:
    """The same key may try again after a 429 or a lock conflict."""
    account.command("POST", "/faults", status=status)
    with pytest.raises(error):
        create(account, "k")

    assert "requires_payment_method" == create(account, "k").status


def test_lost_answer_is_found_by_its_key(account: Account) -> None:
    """The connection breaks after the execution; the same key returns the answer."""
    account.command("POST", "/faults", reset=True, when="after")
    with pytest.raises(stripe.APIConnectionError):
        create(account, "k")

    found = create(account, "k")

    assert [found.id] == [intent.id for intent in account.client.v1.payment_intents.list().data]


def test_failure_after_execution_is_replayed(account: Account) -> None:
    """The key replays a 500 that came after the execution, and the intent exists."""
    account.command("POST", "/faults", status=500, when="after")
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            create(account, "k")

    assert 1 == len(account.client.v1.payment_intents.list().data)


def test_key_under_way_is_a_conflict(account: Account) -> None:
    """A second call gets 409 while the first is running, and its answer afterwards."""
    # In this mode the first call ends only after the endpoint has answered.
    account.command("PUT", "/delivery", mode="before_answer")
    account.receiver.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(create, account, "k")
        account.receiver.next()
        with pytest.raises(stripe.APIError) as conflict:
            create(account, "k")
        account.receiver.gate.set()

    assert conflict.value.error is not None
    assert (409, "idempotency_key_in_use") == (
        conflict.value.http_status,
        conflict.value.error.code,
    )
    assert first.result().id == create(account, "k").id


def test_many_at_once_with_one_key_make_one_intent(account: Account) -> None:
    """Concurrent calls with one key get the same intent or a 409."""
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(create, account, "k") for _ in range(24)]

    made = {call.result().id for call in calls if call.exception() is None}
    refused = [error for call in calls if (error := call.exception()) is not None]
    listed = account.client.v1.payment_intents.list().data
    assert made == {intent.id for intent in listed}
    assert 1 == len(made)
    assert all(isinstance(e, stripe.APIError) and e.http_status == 409 for e in refused)


def test_key_that_is_too_long_is_refused(account: Account) -> None:
    """A key has at most 255 characters."""
    assert 5000 == create(account, "k" * 255).amount
    with pytest.raises(stripe.InvalidRequestError, match="255"):
        create(account, "k" * 256)
