"""Events of connected accounts: the secret that signed an event decides what it may change."""

import uuid
from typing import Any

import pytest

from tests.integration.service.shop import PAYMENTS_PATH, Order, Shop
from tests.support.factories import signed


pytestmark = pytest.mark.xdist_group("stack")

IGNORED = {"received": True, "processed": False, "idempotent": False, "status": "ignored"}
PROCESSED = {"received": True, "processed": True, "idempotent": False, "status": "processed"}
ACCOUNT = "acct_of_a_seller"
MONEY_TYPES = ("payment_intent.succeeded", "payment_intent.payment_failed", "charge.refunded")


@pytest.fixture
def order(shop: Shop) -> Order:
    return shop.awaiting(f"pi_{uuid.uuid4().hex}")


def connect_secret(shop: Shop) -> str:
    return shop.secret("STRIPE_CONNECT_WEBHOOK_SECRETS")


def payments_of(shop: Shop, order: Order) -> int:
    query = "select count(*) from public.payments where order_id = %s and status = 'captured'"
    return int(shop.value(query, order.id))


def seller_event(shop: Shop, **changes: Any) -> dict[str, Any]:
    account = {"id": ACCOUNT, "object": "account", "payouts_enabled": True}
    return shop.event(account, **({"type": "account.updated", "account": ACCOUNT} | changes))


@pytest.mark.parametrize("type_", MONEY_TYPES)
def test_event_of_a_connected_account_books_nothing(shop: Shop, order: Order, type_: str) -> None:
    """A seller can write our order's id into a payment of the seller's own account."""
    event = shop.event(order.paid_intent(), type=type_, account=ACCOUNT)

    answer = shop.post(event, secret=connect_secret(shop))

    assert (200, IGNORED) == (answer.status_code, answer.json())
    assert ("pending_payment", 0) == (shop.state(order), payments_of(shop, order))
    assert ["webhook_event_at_wrong_endpoint"] == shop.alerts_of(event["id"])


@pytest.mark.parametrize("type_", [*MONEY_TYPES, "account.updated"])
def test_own_secret_signs_no_event_of_an_account(shop: Shop, order: Order, type_: str) -> None:
    """Stripe signs a connected account's events with the Connect endpoint's secret alone."""
    event = shop.event(order.paid_intent(), type=type_, account=ACCOUNT)

    answer = shop.post(event)

    assert (200, IGNORED) == (answer.status_code, answer.json())
    assert ("pending_payment", 0) == (shop.state(order), payments_of(shop, order))
    assert ["webhook_event_account_contradicted"] == shop.alerts_of(event["id"])


@pytest.mark.parametrize("type_", [*MONEY_TYPES, "account.updated"])
def test_connect_secret_signs_no_event_without_an_account(
    shop: Shop, order: Order, type_: str
) -> None:
    """The Connect secret must not be able to pay our orders, not even if it leaks."""
    event = shop.event(order.paid_intent(), type=type_)

    answer = shop.post(event, secret=connect_secret(shop))

    assert (200, IGNORED) == (answer.status_code, answer.json())
    assert ("pending_payment", 0) == (shop.state(order), payments_of(shop, order))
    assert ["webhook_event_account_contradicted"] == shop.alerts_of(event["id"])


def test_event_that_a_wrong_secret_signed_still_counts_later(shop: Shop, order: Order) -> None:
    """Secrets that were mixed up lose no money: the event may come again under its id."""
    event = shop.event(order.paid_intent())
    assert IGNORED == shop.post(event, secret=connect_secret(shop)).json()

    assert PROCESSED == shop.post(event).json()
    assert "paid" == shop.state(order)
    shop.check_books()


@pytest.mark.parametrize("type_", ["account.updated", "account.application.deauthorized"])
def test_account_event_is_stored(shop: Shop, type_: str) -> None:
    """An account event is kept once; without a handler it is ignored without an alert."""
    event = seller_event(shop, id=f"evt_{uuid.uuid4().hex}", type=type_)

    first = shop.post(event, secret=connect_secret(shop))
    again = shop.post(event, secret=connect_secret(shop))

    assert (200, IGNORED) == (first.status_code, first.json())
    assert "already_processed" == again.json()["status"]
    assert ("ignored", ACCOUNT) == tuple(
        shop.event_row(event["id"])[key] for key in ("status", "object_id")
    )
    assert [] == shop.alerts_of(event["id"])


def test_live_event_of_a_connected_account_is_counted_and_dropped(shop: Shop) -> None:
    """Stripe sends events of the other mode to a Connect endpoint, and must not send them again."""
    event = seller_event(shop, livemode=True)

    answer = shop.post(event, secret=connect_secret(shop))

    assert (200, IGNORED) == (answer.status_code, answer.json())
    assert not shop.is_stored(event["id"])
    assert [] == shop.alerts_of(event["id"])


def test_live_event_under_our_own_secret_is_refused(shop: Shop) -> None:
    """Only Connect endpoints get events of both modes."""
    answer = shop.post(seller_event(shop, livemode=True))

    assert (400, "Livemode mismatch") == (answer.status_code, answer.json()["error"])


@pytest.mark.parametrize("account", ["", 7, {"id": ACCOUNT}, [ACCOUNT], True, "a" * 256])
def test_impossible_account_is_refused(shop: Shop, order: Order, account: Any) -> None:
    """An event whose account has another form than an account id is refused."""
    event = shop.event(order.paid_intent(), account=account)

    answers = [shop.post(event), shop.post(event, secret=connect_secret(shop))]

    assert [(400, "Invalid payload")] * 2 == [
        (answer.status_code, answer.json()["error"]) for answer in answers
    ]
    assert "pending_payment" == shop.state(order)


def test_null_account_is_no_account(shop: Shop, order: Order) -> None:
    """An event whose account is null counts as one without an account."""
    assert PROCESSED == shop.post(shop.event(order.paid_intent(), account=None)).json()


def test_connect_secret_signs_no_identity_event(shop: Shop) -> None:
    """The Connect secret signs no identity event, at either endpoint."""
    session = {"id": f"vs_{uuid.uuid4().hex}", "object": "identity.verification_session"}
    event = shop.event(session, type="identity.verification_session.verified", account=ACCOUNT)
    payload, signature = signed(event, secret=connect_secret(shop))

    answer = shop.post(event, secret=connect_secret(shop))
    at_identity = shop.http.post(
        f"{PAYMENTS_PATH}/identity", content=payload, headers={"Stripe-Signature": signature}
    )

    assert IGNORED == answer.json()
    assert (400, "Invalid signature") == (at_identity.status_code, at_identity.json()["error"])
    assert not shop.is_stored(event["id"])


def test_identity_event_of_a_connected_account_is_ignored(shop: Shop) -> None:
    """Each secret of ours signs events of our own account alone, the Identity secret too."""
    session = {"id": f"vs_{uuid.uuid4().hex}", "object": "identity.verification_session"}
    event = shop.event(session, type="identity.verification_session.verified", account=ACCOUNT)
    secret = shop.secret("STRIPE_IDENTITY_WEBHOOK_SECRETS")
    payload, signature = signed(event, secret=secret)

    answer = shop.http.post(
        f"{PAYMENTS_PATH}/identity", content=payload, headers={"Stripe-Signature": signature}
    )

    assert (200, IGNORED) == (answer.status_code, answer.json())
    assert not shop.is_stored(event["id"])
    assert ["webhook_event_account_contradicted"] == shop.alerts_of(event["id"])


def test_stripes_own_delivery_of_an_account_event_is_stored(shop: Shop) -> None:
    """Stripe signs Connect deliveries with the Connect secret, and we accept that signature."""
    capabilities: Any = {"card_payments": {"requested": True}, "transfers": {"requested": True}}
    account: Any = {"type": "express", "country": "AU", "capabilities": capabilities}
    seller = shop.stripe.v1.accounts.create(account)
    shop.command("POST", f"/accounts/{seller.id}/onboarding")

    query = """
      select count(*) from public.webhook_events where type = 'account.updated' and object_id = %s
    """
    shop.wait_for(lambda: shop.value(query, seller.id) > 0)
