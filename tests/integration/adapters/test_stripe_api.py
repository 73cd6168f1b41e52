"""`market.stripe_api` against the fake Stripe: keys, lost answers, errors, refusals, webhooks."""

import dataclasses
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from market import stripe_api
from market.errors import MarketError, RejectedError, TransientError
from market.stripe_api import StripeApi
from market.stripe_webhook import EventRules, read_event
from tests.support.factories import make_settings
from tests.support.fake_server import SECRET, Account, Receiver, running


INTENTS, REFUNDS = "/v1/payment_intents", "/v1/refunds"
TRIES = 5
RULES = EventRules(tolerance_s=300, future_s=300, max_age_s=3600, livemode=False)
INTENT: dict[str, Any] = {"amount": 5000, "currency": "aud", "payment_method_types": ["card"]}


@pytest.fixture(scope="module")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with (
        Receiver() as receiver,
        running(tmp_path_factory.mktemp("stripe"), receiver, async_after_s=0.01) as account,
    ):
        yield account


@pytest.fixture
def account(_server: Account) -> Account:
    """Give the fake with an empty memory."""
    _server.command("POST", "/reset")
    _server.receiver.forget()
    return _server


@pytest.fixture
def adapter(account: Account) -> StripeApi:
    settings = make_settings(
        stripe_api_base=account.config.url, stripe_secret_key=account.config.secret_key
    )
    return stripe_api.connect(settings, 5.0)


@pytest.fixture
def key() -> str:
    return f"key-{uuid.uuid4()}"


def intent_ids(account: Account) -> list[str]:
    return [intent.id for intent in account.client.v1.payment_intents.list().data]


def test_same_key_gets_the_same_intent(adapter: StripeApi, account: Account, key: str) -> None:
    """A repeated key gets the same intent, and another key gets another one."""
    first = adapter.create_payment_intent(INTENT, idempotency_key=key)
    again = adapter.create_payment_intent(INTENT, idempotency_key=key)
    other = adapter.create_payment_intent(INTENT, idempotency_key=f"{key}-2")

    assert first == again
    assert {first["id"], other["id"]} == set(intent_ids(account))
    assert first == adapter.retrieve_payment_intent(first["id"])


def test_what_comes_back_is_plain(adapter: StripeApi, key: str) -> None:
    """The adapter returns plain dicts at every level; the library's own types are no JSON."""
    intent = adapter.create_payment_intent(
        INTENT | {"metadata": {"order_id": "1"}}, idempotency_key=key
    )

    assert (dict, dict) == (type(intent), type(intent["metadata"]))


def test_key_for_something_else_is_a_bug_of_ours(adapter: StripeApi, key: str) -> None:
    """A key reused with other parameters is neither retried nor reported as a refusal."""
    adapter.create_payment_intent(INTENT, idempotency_key=key)

    with pytest.raises(MarketError) as caught:
        adapter.create_payment_intent(INTENT | {"amount": 1000}, idempotency_key=key)

    assert ("STRIPE_ERROR", False) == (
        caught.value.code,
        isinstance(caught.value, TransientError),
    )


@pytest.mark.parametrize("when", ["before", "after"])
def test_broken_connection_makes_one_intent(
    adapter: StripeApi, account: Account, key: str, when: str
) -> None:
    """A retry after a broken connection makes no second intent."""
    account.command("POST", "/faults", reset=True, when=when, times=3, method="POST", path=INTENTS)

    intent = adapter.create_payment_intent(INTENT, idempotency_key=key)

    assert [intent["id"]] == intent_ids(account)
    assert [] == account.command("GET", "/faults")["faults"]


def test_stripe_that_is_away_is_given_up(adapter: StripeApi, account: Account, key: str) -> None:
    """The adapter gives up after the last try, and the same call under the same key works later."""
    account.command("POST", "/faults", reset=True, times=TRIES, method="POST", path=INTENTS)

    with pytest.raises(TransientError) as caught:
        adapter.create_payment_intent(INTENT, idempotency_key=key)

    assert "STRIPE_UNREACHABLE" == caught.value.code
    assert [] == account.command("GET", "/faults")["faults"]
    adapter.create_payment_intent(INTENT, idempotency_key=key)
    assert 1 == len(intent_ids(account))


@pytest.mark.parametrize("status", [409, 429])
def test_what_decides_nothing_is_tried_again(
    adapter: StripeApi, account: Account, key: str, status: int
) -> None:
    """The adapter retries answers that Stripe does not keep under the key."""
    account.command("POST", "/faults", status=status, times=2, method="POST", path=INTENTS)

    intent = adapter.create_payment_intent(INTENT, idempotency_key=key)

    assert [intent["id"]] == intent_ids(account)


def test_error_of_stripes_own_stays_under_its_key(
    adapter: StripeApi, account: Account, key: str
) -> None:
    """Stripe replays an error under its key, so the caller takes another key."""
    account.command("POST", "/faults", status=500, method="POST", path=INTENTS)

    for _ in range(2):
        with pytest.raises(TransientError) as caught:
            adapter.create_payment_intent(INTENT, idempotency_key=key)
        assert "STRIPE_ERROR" == caught.value.code
    intent = adapter.create_payment_intent(INTENT, idempotency_key=f"{key}-2")

    assert [intent["id"]] == intent_ids(account)


def test_read_is_repeated_after_an_error(adapter: StripeApi, account: Account) -> None:
    """A read is retried, because it has no key under which Stripe keeps an error."""
    intent = account.intent()
    account.command("POST", "/faults", status=500, times=3, method="GET")

    assert intent.id == adapter.retrieve_payment_intent(intent.id)["id"]


@pytest.mark.parametrize(
    ("card", "code"),
    [("pm_card_visa_chargeDeclined", "STRIPE_REFUSED"), ("pm_of_nobody", "RESOURCE_NOT_FOUND")],
)
def test_bad_card_is_a_refusal(adapter: StripeApi, key: str, card: str, code: str) -> None:
    """A declined card and an invalid one are both final refusals."""
    with pytest.raises(RejectedError) as caught:
        adapter.create_payment_intent(
            INTENT | {"confirm": True, "payment_method": card}, idempotency_key=key
        )

    assert code == caught.value.code


def test_what_is_not_there_is_told_by_its_code(adapter: StripeApi) -> None:
    """A missing object of each kind raises an error with its own code."""
    for look_up in (adapter.retrieve_payment_intent, adapter.retrieve_refund):
        with pytest.raises(RejectedError) as caught:
            look_up("xx_of_nobody")
        assert "RESOURCE_NOT_FOUND" == caught.value.code


def test_wrong_secret_is_a_matter_for_a_person(account: Account) -> None:
    """A wrong API key is neither retried nor reported as a refusal."""
    settings = make_settings(stripe_api_base=account.config.url, stripe_secret_key="sk_test_x")

    with pytest.raises(MarketError) as caught:
        stripe_api.connect(settings, 5.0).ping()

    assert ("STRIPE_ERROR", MarketError) == (caught.value.code, type(caught.value))


def test_refunds_are_made_once_and_found_again(
    adapter: StripeApi, account: Account, key: str
) -> None:
    """Refunds are found by their metadata, the newest first."""
    intent = account.paid()
    parameters = {"payment_intent": intent.id, "amount": 1000, "metadata": {"dedupe_key": "a"}}

    account.command("POST", "/faults", reset=True, when="after", method="POST", path=REFUNDS)
    first = adapter.create_refund(parameters, idempotency_key=key)
    second = adapter.create_refund(parameters | {"amount": 500}, idempotency_key=f"{key}-2")

    assert [second["id"], first["id"]] == [one["id"] for one in adapter.list_refunds(intent.id)]
    assert {"dedupe_key": "a"} == adapter.retrieve_refund(first["id"])["metadata"]


def test_more_than_was_paid_is_refused(adapter: StripeApi, account: Account, key: str) -> None:
    """Stripe refuses a refund of more than the payment."""
    intent = account.paid()

    with pytest.raises(RejectedError) as caught:
        adapter.create_refund({"payment_intent": intent.id, "amount": 5001}, idempotency_key=key)

    assert "STRIPE_REFUSED" == caught.value.code
    assert [] == adapter.list_refunds(intent.id)


def test_intent_is_canceled_once(adapter: StripeApi, account: Account, key: str) -> None:
    """A repeated key gets the same answer; a paid intent is not canceled."""
    intent, paid = account.intent(), account.paid()

    first = adapter.cancel_payment_intent(intent.id, idempotency_key=key)
    again = adapter.cancel_payment_intent(intent.id, idempotency_key=key)
    with pytest.raises(RejectedError) as caught:
        adapter.cancel_payment_intent(paid.id, idempotency_key=f"{key}-2")

    assert ("canceled", first) == (first["status"], again)
    assert "STRIPE_REFUSED" == caught.value.code


def test_events_of_stripe_are_taken(account: Account) -> None:
    """Events are accepted as Stripe sends them, also while a second secret is in use."""
    intent = account.intent()
    received = account.receiver.next()
    signature = received.headers["Stripe-Signature"]

    event = read_event(received.body, signature, secrets=["whsec_of_tomorrow", SECRET], rules=RULES)

    assert ("payment_intent.created", intent.id) == (event.type, event.data["id"])
    assert time.time() - event.created < 60


@pytest.mark.parametrize(
    ("rules", "secret", "code"),
    [
        (RULES, "whsec_of_another", "INVALID_SIGNATURE"),
        (dataclasses.replace(RULES, livemode=True), SECRET, "LIVEMODE_MISMATCH"),
        (dataclasses.replace(RULES, max_age_s=-60), SECRET, "EVENT_TOO_OLD"),
        (dataclasses.replace(RULES, future_s=-60), SECRET, "EVENT_FROM_FUTURE"),
    ],
)
def test_events_that_are_not_for_us_are_refused(
    account: Account, rules: EventRules, secret: str, code: str
) -> None:
    """Each kind of event that is not for us is refused with its own code."""
    account.intent()
    received = account.receiver.next()

    with pytest.raises(RejectedError) as caught:
        read_event(
            received.body, received.headers["Stripe-Signature"], secrets=[secret], rules=rules
        )

    assert code == caught.value.code


def test_event_that_was_changed_on_its_way_is_refused(account: Account) -> None:
    """An attacker who changes the body cannot sign it."""
    account.command("PUT", "/delivery", mode="corrupt")
    account.intent()
    received = account.receiver.next()

    with pytest.raises(RejectedError) as caught:
        read_event(
            received.body, received.headers["Stripe-Signature"], secrets=[SECRET], rules=RULES
        )

    assert "INVALID_SIGNATURE" == caught.value.code
