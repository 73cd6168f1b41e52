"""`service.webhooks`: the answers to Stripe, and the calls before them."""

import json
import time
from typing import Any
from unittest.mock import create_autospec

import pytest
import respx
import tenacity
from werkzeug.test import TestResponse

from market import database, retry
from market.adapters import Adapters
from market.auth_api import AuthApi
from market.errors import MarketError, TransientError
from market.settings import Environment
from market.storage import Storage
from market.stripe_api import StripeApi
from service.app import create_app
from tests.support.factories import (
    CONNECT_SECRET,
    IDENTITY_SECRET,
    WEBHOOK_SECRET,
    effect,
    make_event_json,
    make_intent,
    make_settings,
    signed,
)
from tests.support.metrics import count_of
from tests.unit.service.adapters import Service, make_service
from tests.unit.specs import spec_of


PATH = "/api/webhooks/stripe"
IDENTITY_PATH = "/api/webhooks/stripe/identity"
IDENTITY_TYPE = "identity.verification_session.verified"
STORED = {
    "stored": True,
    "status": "received",
    "outcome": None,
    "leased": True,
    "hash_conflict": False,
}
RECEIVED = STORED | {"effect": effect()}
FAILED = {"stale": False, "status": "failed", "alerts": []}


@pytest.fixture
def service() -> Service:
    service = make_service()
    service.database.call.return_value = RECEIVED
    return service


def deliver(
    client: Any, body: dict[str, Any] | None = None, path: str = PATH, **signing: Any
) -> TestResponse:
    payload, signature = signed(make_event_json() if body is None else body, **signing)
    answer: TestResponse = client.post(path, data=payload, headers={"Stripe-Signature": signature})
    return answer


def test_new_event_is_stored_and_processed(service: Service) -> None:
    """A signed event is stored and has taken effect when it is answered, by one call."""
    answer = deliver(service.client)

    expected = {"received": True, "processed": True, "idempotent": False, "status": "processed"}
    assert (200, expected) == (answer.status_code, answer.get_json())
    assert ["store_webhook_event"] == service.called


@pytest.mark.parametrize(
    ("path", "secret", "source", "type_"),
    [
        (PATH, WEBHOOK_SECRET, "stripe", "payment_intent.succeeded"),
        (IDENTITY_PATH, IDENTITY_SECRET, "stripe_identity", IDENTITY_TYPE),
    ],
)
def test_each_endpoint_has_its_secret(
    service: Service, path: str, secret: str, source: str, type_: str
) -> None:
    """The stored event names the endpoint that it arrived at."""
    body = make_event_json(type=type_)

    assert 200 == deliver(service.client, body, path=path, secret=secret).status_code
    assert source == service.database.call.call_args_list[0].kwargs["source"]


@pytest.mark.parametrize(
    ("path", "secret", "type_"),
    [
        (IDENTITY_PATH, IDENTITY_SECRET, "payment_intent.succeeded"),
        (PATH, WEBHOOK_SECRET, IDENTITY_TYPE),
    ],
)
def test_event_at_the_other_endpoint_has_no_effect(
    service: Service, path: str, secret: str, type_: str
) -> None:
    """A secret speaks for its own events alone. What is not kept may yet come in by its adapter."""
    before = count_of("alerts", alert="webhook_event_at_wrong_endpoint")

    answer = deliver(service.client, make_event_json(type=type_), path=path, secret=secret)

    assert (200, "ignored") == (answer.status_code, answer.get_json()["status"])
    assert [] == service.called
    assert before + 1 == count_of("alerts", alert="webhook_event_at_wrong_endpoint")


@pytest.mark.parametrize(
    ("path", "secret"), [(PATH, IDENTITY_SECRET), (IDENTITY_PATH, WEBHOOK_SECRET)]
)
def test_secret_of_the_other_endpoint_is_refused(service: Service, path: str, secret: str) -> None:
    """A secret of payments signs no identity event, nor the other way round."""
    assert 400 == deliver(service.client, path=path, secret=secret).status_code
    assert [] == service.called


def test_secret_may_be_replaced() -> None:
    """While one secret replaces another, what either has signed is taken."""
    service = make_service(stripe_webhook_secrets=("whsec_new", "whsec_former"))
    service.database.call.return_value = RECEIVED

    assert 200 == deliver(service.client, secret="whsec_former").status_code


@pytest.mark.parametrize("secret", ["whsec_new", "whsec_former"])
def test_connect_secret_may_be_replaced(secret: str) -> None:
    """While one Connect secret replaces another, both sign events of connected accounts."""
    service = make_service(stripe_connect_webhook_secrets=("whsec_new", "whsec_former"))
    service.database.call.side_effect = [STORED, {"read_number": None}, effect("ignored")]
    event = make_event_json({"id": "acct_1"}, type="account.updated", account="acct_1")

    assert 200 == deliver(service.client, event, secret=secret).status_code
    assert ["store_webhook_event", "begin_account_read", "ignore_webhook_event"] == service.called


def test_connect_secret_is_worth_nothing_where_none_is_set(service: Service) -> None:
    """A platform without connected accounts takes no events of theirs."""
    event = make_event_json(type="account.updated", account="acct_1")

    answer = deliver(service.client, event, secret=CONNECT_SECRET)

    assert (400, "Invalid signature") == (answer.status_code, answer.get_json()["error"])


def test_connect_event_of_the_other_mode_is_counted() -> None:
    """Stripe sends events of the other mode to every Connect endpoint, so none raises an alert."""
    service = make_service(stripe_connect_webhook_secrets=(CONNECT_SECRET,))
    before = count_of("stripe_connect_event_modes_differed")
    event = make_event_json(type="account.updated", account="acct_1", livemode=True)

    answer = deliver(service.client, event, secret=CONNECT_SECRET)

    assert (200, "ignored") == (answer.status_code, answer.get_json()["status"])
    assert [] == service.called
    assert before + 1 == count_of("stripe_connect_event_modes_differed")


@pytest.mark.parametrize(
    ("secret", "account"), [(CONNECT_SECRET, None), (WEBHOOK_SECRET, "acct_1")]
)
def test_account_that_contradicts_the_secret_is_refused(secret: str, account: str | None) -> None:
    """Sellers can write an order's id into a payment of their own, so it must not pass for ours."""
    service = make_service(stripe_connect_webhook_secrets=(CONNECT_SECRET,))
    before = count_of("alerts", alert="webhook_event_account_contradicted")
    event = make_event_json() | ({} if account is None else {"account": account})

    answer = deliver(service.client, event, secret=secret)

    assert (200, "ignored") == (answer.status_code, answer.get_json()["status"])
    assert [] == service.called
    assert before + 1 == count_of("alerts", alert="webhook_event_account_contradicted")


def test_failed_effect_is_acknowledged(service: Service) -> None:
    """A stored event gets a 200, even if its effect failed."""
    service.database.call.side_effect = [STORED, TransientError("DATABASE_BUSY"), FAILED]

    answer = deliver(service.client)

    expected = {"received": True, "processed": False, "idempotent": False, "status": "retrying"}
    assert (200, expected) == (answer.status_code, answer.get_json())
    store_call, *_, fail_call = service.database.call.call_args_list
    assert "fail_webhook_event" == fail_call.args[0]
    assert store_call.kwargs["lease_token"] == fail_call.kwargs["lease_token"]


def test_redelivery_has_the_same_hash(service: Service) -> None:
    """The hash covers the content, and not the count of pending webhooks."""
    event = make_event_json()

    for pending_webhooks in (2, 1):
        deliver(service.client, event | {"pending_webhooks": pending_webhooks})

    first, second = [call.kwargs for call in service.database.call.call_args_list]
    assert first["payload_sha256"] == second["payload_sha256"]


def test_settled_event_is_idempotent(service: Service) -> None:
    """An event that was done before is one call, and no effect."""
    settled = {"stored": False, "status": "processed", "effect": effect("already_processed")}
    service.database.call.return_value = STORED | settled

    answer = deliver(service.client)

    expected = {
        "received": True,
        "processed": True,
        "idempotent": True,
        "status": "already_processed",
    }
    assert (200, expected) == (answer.status_code, answer.get_json())


@pytest.mark.parametrize(
    ("outcome", "is_processed", "is_idempotent"),
    [
        ("already_processed", True, True),
        ("order_already_processed", True, True),
        ("order_not_found", False, True),
        ("ignored", False, False),
    ],
)
def test_outcome_is_told(
    service: Service, outcome: str, *, is_processed: bool, is_idempotent: bool
) -> None:
    """The answer has the outcome that the effect RPC gave."""
    service.database.call.return_value = STORED | {"effect": effect(outcome)}

    answer = deliver(service.client)

    expected = {
        "received": True,
        "processed": is_processed,
        "idempotent": is_idempotent,
        "status": outcome,
    }
    assert (200, expected) == (answer.status_code, answer.get_json())


def test_unhandled_event_is_stored_and_ignored(service: Service) -> None:
    """An event without a handler is stored and ignored."""
    service.database.call.return_value = STORED | {"effect": effect("ignored")}

    answer = deliver(service.client, make_event_json(type="product.created"))

    assert (200, "ignored") == (answer.status_code, answer.get_json()["status"])
    assert "ignore_webhook_event" == service.database.call.call_args.kwargs["effect"]


@pytest.mark.parametrize(
    "error", [TransientError("DATABASE_UNREACHABLE"), MarketError("DATABASE_ERROR")]
)
def test_event_that_cannot_be_stored_is_refused(service: Service, error: Exception) -> None:
    """An event that is not stored gets an error, so Stripe sends it again."""
    service.database.call.side_effect = error

    answer = deliver(service.client)

    body = answer.get_json()
    assert 500 == answer.status_code
    assert ("Webhook processing failed", "evt_1", "payment_intent.succeeded") == tuple(
        body[key] for key in ("error", "event_id", "event_type")
    )
    assert {"code", "correlationId", "timestamp"} < set(body)


@pytest.mark.parametrize("is_testing", [True, False])
@pytest.mark.parametrize("livemode", [True, False])
@pytest.mark.parametrize("environment", Environment)
def test_no_configuration_is_lenient(
    environment: Environment, *, livemode: bool, is_testing: bool
) -> None:
    """C23: forged signatures are refused and errors stay errors, in tests as in production."""
    key = f"sk_{'live' if livemode else 'test'}_1"
    service = make_service(environment=environment, stripe_livemode=livemode, stripe_secret_key=key)
    service.client.application.testing = is_testing
    service.database.call.side_effect = MarketError("DATABASE_ERROR")
    body = make_event_json(livemode=livemode)
    forgeries = [
        "t=0,v1=invalidsignature",
        "test",
        signed(body, secret="whsec_test")[1],
        signed(body, secret="test")[1],
        signed(body, secret="")[1],
        signed(body, secret=key)[1],
    ]

    for path in (PATH, IDENTITY_PATH):
        for forged in forgeries:
            answer = service.client.post(path, json=body, headers={"Stripe-Signature": forged})
            assert (400, "INVALID_SIGNATURE") == (answer.status_code, answer.get_json()["code"])
    assert [] == service.called
    failed = deliver(service.client, body)
    assert (500, "DATABASE_ERROR") == (failed.status_code, failed.get_json()["code"])


@pytest.mark.parametrize(("wait_s", "try_count"), [(2.5, 5), (3.5, 1)])
def test_answer_is_not_late(monkeypatch: pytest.MonkeyPatch, wait_s: float, try_count: int) -> None:
    """No call is retried later than three seconds into the request."""
    monkeypatch.setattr(retry.POLICY, "wait", tenacity.wait_fixed(wait_s))
    settings = make_settings()
    adapters = Adapters(
        database=database.connect(settings, database.SERVICE_TIMEOUTS),
        stripe_api=spec_of(StripeApi),
        auth_api=create_autospec(AuthApi, instance=True),
        storage=create_autospec(Storage, instance=True),
    )

    with respx.mock() as router:
        route = router.post("http://project.test:54321/rest/v1/rpc/store_webhook_event")
        route.respond(503, json={"message": "no healthy upstream"})

        assert 500 == deliver(create_app(settings, adapters).test_client()).status_code
        # The first call is the one that would also apply the effect.
        assert 1 + try_count == route.call_count


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({}, "Missing signature"),
        ({"Stripe-Signature": ""}, "Missing signature"),
        ({"Stripe-Signature": "t=0,v1=invalidsignature"}, "Invalid signature"),
        ({"Stripe-Signature": "t=1"}, "Invalid signature"),
        ({"Stripe-Signature": "v1=a"}, "Invalid signature"),
        ({"Stripe-Signature": "é"}, "Invalid signature"),
    ],
)
def test_unsigned_body_is_refused(service: Service, headers: dict[str, str], error: str) -> None:
    """An unsigned body stores nothing, and the answer states the reason."""
    answer = service.client.post(PATH, data=json.dumps(make_event_json()), headers=headers)

    assert (400, error) == (answer.status_code, answer.get_json()["error"])
    assert [] == service.called


@pytest.mark.parametrize(
    ("changes", "signing", "error"),
    [
        ({}, {"secret": "whsec_forged"}, "Invalid signature"),
        ({}, {"signed_in_s": -400}, "Invalid signature"),
        ({}, {"signed_in_s": 600}, "Event from future"),
        ({"created_in_s": 600}, {}, "Event from future"),
        ({"created_in_s": -700_000}, {}, "Event too old"),
        ({"livemode": True}, {}, "Livemode mismatch"),
    ],
)
def test_signed_event_that_is_not_to_be_taken_is_refused(
    service: Service, changes: dict[str, Any], signing: dict[str, Any], error: str
) -> None:
    """The texts are those that Stripe's dashboard shows us, and the canary looks for."""
    now = int(time.time())
    if "created_in_s" in changes:
        changes = {"created": now + changes["created_in_s"]}
    if "signed_in_s" in signing:
        signing = {"signed_at": now + signing["signed_in_s"]}

    answer = deliver(service.client, make_event_json(**changes), **signing)

    assert (400, error) == (answer.status_code, answer.get_json()["error"])
    assert [] == service.called


@pytest.mark.parametrize("body", [{"id": "evt_1"}, []])
def test_signed_body_that_is_no_event_is_refused(service: Service, body: Any) -> None:
    """A signed body that is no event is refused."""
    answer = deliver(service.client, body)

    assert (400, "Invalid payload") == (answer.status_code, answer.get_json()["error"])
    assert [] == service.called


@pytest.mark.parametrize("path", [PATH, IDENTITY_PATH])
def test_body_above_one_mebibyte_is_refused(service: Service, path: str) -> None:
    """A body above one mebibyte is refused unread."""
    body = make_event_json(make_intent(description="x" * 1024 * 1024))

    answer = deliver(service.client, body, path=path)

    assert (413, "PAYLOAD_TOO_LARGE") == (answer.status_code, answer.get_json()["code"])


def test_large_body_is_taken(service: Service) -> None:
    """A body of one mebibyte is accepted."""
    body = make_event_json(make_intent(description="x" * (1024 * 1024 - 2000)))

    assert 200 == deliver(service.client, body).status_code


def test_bad_signatures_are_limited_and_good_ones_are_not(service: Service) -> None:
    """A caller who guesses signatures is stopped, at an address that Stripe may share."""
    answers = [deliver(service.client, secret="whsec_forged") for _ in range(121)]

    assert [400] * 120 + [429] == [answer.status_code for answer in answers]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert 200 == deliver(service.client).status_code


def test_webhook_needs_no_origin(service: Service) -> None:
    """A webhook needs no origin, because a session cookie has no effect on it."""
    service.client.set_cookie("sb-project-auth-token", "x")

    assert 200 == deliver(service.client).status_code


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_only_post_is_taken(service: Service, method: str) -> None:
    """Another method than POST gets a 405."""
    answer = service.client.open(PATH, method=method.upper())

    assert (405, "METHOD_NOT_ALLOWED") == (answer.status_code, answer.get_json()["code"])
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize(
    ("secret", "changes", "answer", "outcome"),
    [
        (WEBHOOK_SECRET, {}, RECEIVED, "processed"),
        (WEBHOOK_SECRET, {}, TransientError("DATABASE_UNREACHABLE"), "not_stored"),
        (WEBHOOK_SECRET, {"type": IDENTITY_TYPE}, None, "not_ours"),
        ("whsec_wrong", {}, None, "invalid_signature"),
        (WEBHOOK_SECRET, {"livemode": True}, None, "livemode_mismatch"),
    ],
)
def test_each_delivery_is_counted_by_its_outcome(
    service: Service, secret: str, changes: Any, answer: Any, outcome: str
) -> None:
    """Refusals are counted by our codes, and not by input."""
    service.database.call.side_effect = None if answer is RECEIVED else answer
    service.database.call.return_value = answer
    before = count_of("webhook_deliveries", endpoint="stripe", outcome=outcome)

    deliver(service.client, make_event_json(**changes), secret=secret)

    assert before + 1 == count_of("webhook_deliveries", endpoint="stripe", outcome=outcome)
