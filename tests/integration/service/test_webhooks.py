"""The webhook endpoint over HTTP: refusals, stored events, and effects."""

import hashlib
import hmac
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.integration.service.processes import logs_of
from tests.integration.service.shop import AMOUNT, PAYMENTS_PATH, Order, Shop
from tests.support.factories import signed


pytestmark = pytest.mark.xdist_group("stack")

IGNORED = {"received": True, "processed": False, "idempotent": False, "status": "ignored"}
NO_ORDER = {"received": True, "processed": False, "idempotent": True, "status": "order_not_found"}
PROCESSED = {"received": True, "processed": True, "idempotent": False, "status": "processed"}
TWO_HOURS_S = 7200


@pytest.fixture
def order(shop: Shop) -> Order:
    return shop.awaiting(f"pi_{uuid.uuid4().hex}")


def refused(answer: httpx.Response, text: str) -> bool:
    return (400, text) == (answer.status_code, answer.json()["error"])


def bad_signatures(payload: bytes, secret: str) -> dict[str, Any]:
    """Return every kind of invalid signature."""
    now = int(time.time())
    good = signed(payload.decode(), secret=secret)[1]
    time_part, digest = good.split(",")
    return {
        "time alone": time_part,
        "digest alone": digest,
        "no digest": f"{time_part},v1=",
        "no time": f"t=,{digest}",
        "other scheme": good.replace("v1=", "v0="),
        "other secret": signed(payload.decode(), secret="whsec_of_another")[1],
        "empty secret": signed(payload.decode(), secret="")[1],
        "another time": f"t={now - 1},{digest}" if time_part != f"t={now - 1}" else f"t=1,{digest}",
        "time is no number": f"t=soon,{digest}",
        "time is endless": f"t={'9' * 400},{digest}",
        "not ASCII": b"t=1,v1=\xc3\xa9",
        "the canary's": "t=0,v1=invalidsignature",
        "words": "please",
        "commas": ",,,=,",
        "signed long ago": signed(payload.decode(), secret=secret, signed_at=now - 301)[1],
    }


def test_bad_signature_is_refused_in_every_shape(shop: Shop, order: Order) -> None:
    """A signature of any wrong form gets 400, and nothing is kept.

    Case 17, C23.
    """
    event = shop.event(order.paid_intent())
    payload, _ = signed(event)

    answers = {
        name: shop.http.post(
            PAYMENTS_PATH, content=payload, headers={"Stripe-Signature": signature}
        )
        for name, signature in bad_signatures(payload, shop.secret()).items()
    }

    assert {} == {
        name: (answer.status_code, answer.text)
        for name, answer in answers.items()
        if not refused(answer, "Invalid signature")
    }
    assert not shop.is_stored(event["id"])
    assert "pending_payment" == shop.state(order)


@pytest.mark.parametrize("headers", [{}, {"Stripe-Signature": ""}])
def test_missing_signature_is_refused(shop: Shop, headers: dict[str, str]) -> None:
    """A missing signature has its own error text, because the cause is mostly a wrong set-up."""
    answer = shop.http.post(PAYMENTS_PATH, json=shop.event({}), headers=headers)

    assert refused(answer, "Missing signature")
    assert {"error", "code", "correlationId", "timestamp"} == set(answer.json())


def test_identity_secret_signs_no_payment(shop: Shop, order: Order) -> None:
    """Each endpoint has its own secrets, and refuses those of the other."""
    event = shop.event(order.paid_intent())

    answer = shop.post(event, secret=shop.secret("STRIPE_IDENTITY_WEBHOOK_SECRETS"))

    assert refused(answer, "Invalid signature")


def test_identity_endpoint_pays_no_order(shop: Shop, order: Order) -> None:
    """The identity endpoint ignores an event of the payments endpoint, which still applies it."""
    event = shop.event(order.paid_intent())
    payload, signature = signed(event, secret=shop.secret("STRIPE_IDENTITY_WEBHOOK_SECRETS"))

    answer = shop.http.post(
        f"{PAYMENTS_PATH}/identity", content=payload, headers={"Stripe-Signature": signature}
    )

    assert IGNORED == answer.json()
    assert ("pending_payment", False) == (shop.state(order), shop.is_stored(event["id"]))
    assert PROCESSED == shop.post(event).json()


@pytest.mark.parametrize("text", ["a\0b", "half \ud800", float("inf")])
def test_event_that_postgres_cannot_keep_is_kept_as_it_can(
    shop: Shop, order: Order, text: Any
) -> None:
    """An event with a text that no row can hold is stored in another form, and its money counts."""
    event = shop.event(order.paid_intent(description=text))

    assert PROCESSED == shop.post(event).json()
    assert PROCESSED | {"idempotent": True, "status": "already_processed"} == (
        shop.post(event).json()
    )


@pytest.mark.parametrize("metadata", [{"order_id": "a\0b"}, {"order_id": {"a": 1}}, ["a"], "a"])
def test_strange_metadata_names_no_order(shop: Shop, metadata: Any) -> None:
    """An event with metadata of any form is kept and settled."""
    intent = Order(id="", buyer_id="", intent_id=f"pi_{uuid.uuid4().hex}")

    answer = shop.post(shop.event(intent.paid_intent(metadata=metadata)))

    assert answer.json()["status"] in {"order_not_found", "ignored"}


def test_changed_body_is_refused(shop: Shop, order: Order) -> None:
    """A body with one changed byte is refused."""
    payload, signature = signed(shop.event(order.paid_intent()), secret=shop.secret())
    changed = payload.replace(b'"aud"', b'"usd"')
    assert changed != payload

    answer = shop.http.post(PAYMENTS_PATH, content=changed, headers={"Stripe-Signature": signature})

    assert refused(answer, "Invalid signature")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        '"event"',
        '{"id": "evt_1"}',
        '{"id": 7, "type": "x", "created": 1, "livemode": false, "data": {"object": {}}}',
        "[" * 100_000,
        '{"a":' * 100_000,
        "7" * 5000,
    ],
)
def test_signed_nonsense_is_refused(shop: Shop, body: str) -> None:
    """A signed body that is no event is refused (case 17)."""
    assert refused(shop.post(body), "Invalid payload")


@pytest.mark.parametrize("key", ["id", "type", "account", "api_version"])
@pytest.mark.parametrize("value", ["", "x" * 256, "x" * 100_000, 7, {"a": 1}, ["evt_1"], True])
def test_field_of_the_event_has_one_form(shop: Shop, order: Order, key: str, value: Any) -> None:
    """An event whose fields are too long for an index, or no text, is refused."""
    event = shop.event(order.paid_intent()) | {key: value}

    assert refused(shop.post(event), "Invalid payload")
    assert "pending_payment" == shop.state(order)


@pytest.mark.parametrize("body", [b"\xff\xfe", b'{"id": "\xff"}', "{}".encode("utf-16")])
def test_signed_body_that_is_no_utf_8_is_refused(shop: Shop, body: bytes) -> None:
    """A signed body that is no UTF-8 is refused, and no worker crashes."""
    now = int(time.time())
    digest = hmac.new(shop.secret().encode(), b"%d." % now + body, hashlib.sha256).hexdigest()

    answer = shop.http.post(
        PAYMENTS_PATH, content=body, headers={"Stripe-Signature": f"t={now},v1={digest}"}
    )

    assert refused(answer, "Invalid signature")
    crashes = [
        line
        for log in logs_of(shop.environment["SERVICE_URL"])
        if log.name == "service.log"
        for line in log.read_text().splitlines()
        if "request_crashed" in line
    ]
    assert [] == crashes


@pytest.mark.parametrize("type_", ["customer.created", "payment_intent.created"])
@pytest.mark.parametrize("value", ["x" * 256, "x" * 100_000, 7, {"a": 1}, None])
def test_object_without_an_id_is_kept(shop: Shop, type_: str, value: Any) -> None:
    """An event is stored even if its object has no valid id."""
    data = {"object": "payment_intent", "id": value, "metadata": {"order_id": value}}
    event = shop.event(data, type=type_)

    assert IGNORED == shop.post(event).json()
    row = shop.event_row(event["id"])
    assert {None} == {row[key] for key in ("object_id", "payment_intent_id", "order_ref")}


def test_large_body_is_refused_unread(shop: Shop) -> None:
    """A body of more than a mebibyte gets a 413, even with a valid signature."""
    event = shop.event({"object": "x", "text": "x" * 1024 * 1024})
    payload, signature = signed(event, secret=shop.secret())

    # gunicorn closes a connection with an unread body, so this request has its own.
    answer = httpx.post(
        f"{shop.environment['SERVICE_URL']}{PAYMENTS_PATH}",
        content=payload,
        headers={"Stripe-Signature": signature},
    )

    assert (413, "PAYLOAD_TOO_LARGE") == (answer.status_code, answer.json()["code"])
    assert not shop.is_stored(event["id"])


def test_event_that_is_just_small_enough_is_kept(shop: Shop) -> None:
    """The limit counts the bytes of the body as sent."""
    event = shop.event({"object": "x", "text": "x" * (1024 * 1024 - 4096)}, type="test.large")

    assert IGNORED == shop.post(event).json()
    shop.check_books()


def test_event_from_the_future_is_refused(shop: Shop, order: Order) -> None:
    """An event is refused if its signature or its creation lies in the future (case 17)."""
    soon = int(time.time()) + 600
    event = shop.event(order.paid_intent())

    assert refused(shop.post(event, signed_at=soon), "Event from future")
    assert refused(shop.post(event | {"created": soon}), "Event from future")
    assert not shop.is_stored(event["id"])


def test_old_event_is_taken_until_stripe_gives_up(shop: Shop, order: Order) -> None:
    """Stripe sends for three days; a week is too old.

    Case 17, C6.
    """
    three_days_s, week_s = 3 * 24 * 3600, 7 * 24 * 3600
    now = int(time.time())

    too_old = shop.post(shop.event(order.paid_intent(), created=now - week_s - 60))
    taken = shop.post(shop.event(order.paid_intent(), created=now - three_days_s))

    assert refused(too_old, "Event too old")
    assert PROCESSED == taken.json()
    shop.check_books()


def test_signature_of_two_hours_ago_is_refused(shop: Shop, order: Order) -> None:
    """Stripe signs each try anew, so an old signature is somebody's replay."""
    answer = shop.post(shop.event(order.paid_intent()), signed_at=int(time.time()) - TWO_HOURS_S)

    assert refused(answer, "Invalid signature")


def test_live_event_is_refused_in_test_mode(shop: Shop, order: Order) -> None:
    """Events of live mode are refused in test mode."""
    event = shop.event(order.paid_intent(), livemode=True)

    assert refused(shop.post(event), "Livemode mismatch")
    assert not shop.is_stored(event["id"])


@pytest.mark.parametrize(
    "order_id", ["3f1c2f6e-8f0a-4c8e-9d53-0b8a1f6d2c11", "no uuid", "' or 1=1 --", "", "7"]
)
def test_unknown_order_is_kept_and_answered_as_done(shop: Shop, order_id: str) -> None:
    """An event about an unknown order gets a 200, so Stripe does not send it again (case 17)."""
    intent = Order(id=order_id, buyer_id="nobody", intent_id=f"pi_{uuid.uuid4().hex}")
    event = shop.event(intent.paid_intent())

    answer = shop.post(event)

    assert (200, NO_ORDER) == (answer.status_code, answer.json())
    assert "order_not_found" == shop.event_row(event["id"])["outcome"]
    shop.check_books()


@pytest.mark.parametrize(
    "type_", ["payment_intent.succeeded", "payment_intent.payment_failed", "charge.refunded"]
)
def test_event_without_an_order_is_ignored(shop: Shop, type_: str) -> None:
    """A payment without an order belongs to another use of the account (case 17)."""
    intent = {"id": f"pi_{uuid.uuid4().hex}", "object": "payment_intent", "metadata": {}}
    event = shop.event(intent, type=type_)

    answer = shop.post(event)

    assert (200, IGNORED) == (answer.status_code, answer.json())
    assert "ignored" == shop.event_row(event["id"])["status"]


def test_unhandled_type_is_kept_and_ignored(shop: Shop) -> None:
    """An event of a type without a handler is stored and ignored (case 17)."""
    event = shop.event({"id": "cus_1", "object": "customer"}, type="customer.created")

    answer = shop.post(event)

    assert (200, IGNORED) == (answer.status_code, answer.json())
    assert "already_processed" == shop.post(event).json()["status"]


def test_other_version_of_the_api_is_taken(shop: Shop, order: Order) -> None:
    """An event of another API version is accepted; an account may move before our library."""
    event = shop.event(order.paid_intent(), api_version="2019-01-01")

    assert PROCESSED == shop.post(event).json()
    assert "paid" == shop.state(order)


def test_same_id_with_other_content_changes_nothing(shop: Shop, order: Order) -> None:
    """A second event with the same id and other content changes nothing (case 14)."""
    event = shop.event(order.paid_intent())
    assert PROCESSED == shop.post(event).json()
    before = shop.event_row(event["id"])

    later = shop.post(event | {"created": event["created"] + 1})
    other = shop.post(event | {"data": {"object": order.paid_intent(amount_received=1)}})

    assert [True, True] == [answer.json()["idempotent"] for answer in (later, other)]
    assert before == shop.event_row(event["id"])
    shop.check_books()


def paid_intent(shop: Shop, order: Order, **params: Any) -> str:
    """Pay for an order at Stripe by an intent that is not the order's own."""
    usual = {"metadata": order.metadata, "confirm": True, "payment_method": "pm_card_visa"}
    return shop.intent(**(usual | params)).id


def wait_for_refund(shop: Shop, intent_id: str) -> None:
    query = """
      select exists (
        select from public.refunds as r join public.payments as p on p.id = r.payment_id
        where p.stripe_payment_intent_id = %s and r.status = 'succeeded'
      )
    """
    shop.wait_for(lambda: bool(shop.value(query, intent_id)))


def refunded_cents(shop: Shop, intent_id: str) -> list[int]:
    refunds = shop.stripe.v1.refunds.list({"payment_intent": intent_id}).data
    return [refund.amount for refund in refunds if refund.status == "succeeded"]


@pytest.mark.parametrize("terms", [{"amount": AMOUNT - 1}, {"currency": "usd"}])
def test_wrong_terms_never_pay_and_go_back(shop: Shop, terms: dict[str, Any]) -> None:
    """A payment on wrong terms is booked and refunded, and pays no order (case 16)."""
    order = shop.sold()

    intent_id = paid_intent(shop, order, **terms)

    wait_for_refund(shop, intent_id)
    assert [terms.get("amount", AMOUNT)] == refunded_cents(shop, intent_id)
    assert "pending_payment" == shop.state(order)
    shop.check_books()


def test_second_intent_of_a_paid_order_goes_back(shop: Shop) -> None:
    """The second payment of an order is refunded; the order stays paid by the first (case 16)."""
    order = shop.paid()

    intent_id = paid_intent(shop, order)

    wait_for_refund(shop, intent_id)
    assert ([AMOUNT], []) == (
        refunded_cents(shop, intent_id),
        refunded_cents(shop, order.intent_id),
    )
    assert "paid" == shop.state(order)
    shop.check_books()


def test_payment_of_a_cancelled_order_goes_back(shop: Shop) -> None:
    """A payment that arrives after the order was cancelled is booked and refunded (case 16).

    The buyer pays before the worker can cancel the intent, and the event arrives after the
    order's end.
    """
    order = shop.awaiting()
    shop.command("PUT", "/delivery", mode="hold", event_types=["payment_intent.succeeded"])
    try:
        shop.pay(order)
        answer = shop.service.call(
            "transition_order",
            order_id=order.id,
            to_state="cancelled",
            actor_id=None,
            actor_kind="system",
            reason="test",
        )
        assert answer["success"], answer
    finally:
        shop.command("PUT", "/delivery", mode="normal")
        shop.command("POST", "/deliveries/release")

    wait_for_refund(shop, order.intent_id)
    assert [AMOUNT] == refunded_cents(shop, order.intent_id)
    assert "cancelled" == shop.state(order)
    shop.check_books()


def test_flood_of_good_and_bad_events_is_sorted(shop: Shop) -> None:
    """Of a hundred parallel events each good one has one effect, and each bad one is refused.

    Case 19.
    """
    orders = [shop.awaiting(f"pi_{uuid.uuid4().hex}") for _ in range(20)]
    text = "x" * 4500
    good = [shop.event(order.paid_intent(description=text)) for order in orders]
    declined = [
        shop.event(
            order.paid_intent(last_payment_error={"code": "card_declined", "charge": None}),
            type="payment_intent.payment_failed",
        )
        for order in orders
    ]
    other = [shop.event({"text": text}, type="test.flood") for _ in range(40)]
    bad = [shop.event(order.paid_intent(description=text)) for order in orders]

    with ThreadPoolExecutor(16) as pool:
        answers = pool.map(shop.post, [*good, *declined, *other])
        refusals = pool.map(lambda event: shop.post(event, secret="whsec_of_another"), bad)
        statuses = [answer.status_code for answer in answers]
        refused_statuses = [answer.status_code for answer in refusals]

    assert [200] * 80 == statuses
    assert [400] * 20 == refused_statuses
    shop.wait_for(lambda: all(shop.is_settled(event["id"]) for event in (*good, *declined)))
    assert 20 == shop.count_paid(orders)
    assert not any(shop.is_stored(event["id"]) for event in bad)
    shop.check_books()
