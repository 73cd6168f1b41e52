"""The service: webhooks against a route that makes one trivial call, and a route with a session."""

import functools
import json
import statistics
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import psycopg
import stripe

from bench import load, noop, stack
from bench.figures import ROUNDS, Figure, Steps, percentile
from bench.fixtures import create_fixtures, create_unpaid_orders
from bench.gateway import sign_up


SENDERS = 16
PARTS = "postgres,gateway,stripe"
WEBHOOKS = "/api/webhooks/stripe"
#: Simple routes with a session: each checks token and session, and reads one row or list.
SESSION_ROUTES = {"payouts": "/api/payouts", "kyc": "/api/kyc", "orders": "/api/orders/{order_id}"}
#: A 2-core machine pays fewer orders in a second, so each round has enough of them.
ORDERS_PER_SECOND = 800
#: PostgreSQL and Python keep plans and connections after this time of load.
WARM_UP_S = 1.0
#: The newest user becomes the buyer of an order.
BUY = """
  update public.orders set buyer_id = (select id from public.users order by created_at desc limit 1)
  where id = (select id from public.orders where state = 'pending_payment' limit 1)
  returning id::text
"""


def figures(*, seconds: float, show: Steps) -> Iterator[Figure]:
    """Pay orders by webhooks, in turns with the trivial route; then read as a signed-in user."""
    show("starting a stack with the service")
    with stack.running(only=PARTS) as running, noop.serving(running.environment) as port:
        yield from _webhooks(running.environment, port, seconds / ROUNDS, show)
        yield from _session_routes(running.environment, port, seconds, show)


def _webhooks(env: Mapping[str, str], port: int, seconds: float, show: Steps) -> Iterator[Figure]:
    paid, noops = _rounds(env, port, seconds, show)
    latencies = [latency for answered in paid for latency in answered.latencies_s]
    rate, noop_rate = (
        statistics.median(answered.per_second for answered in each) for each in (paid, noops)
    )
    yield Figure(
        key="webhook_p99",
        name=f"webhook, {SENDERS} senders, acknowledged, p99",
        value=1000 * percentile(latencies, 99),
        unit="ms",
        target=200.0,
        is_ceiling=True,
        note=f"p50 {1000 * percentile(latencies, 50):.1f} ms",
        samples=[1000 * each for each in latencies],
    )
    yield Figure(
        key="webhook_rate",
        name=f"webhook with its effect, {SENDERS} senders, throughput",
        value=rate,
        unit="events/s",
    )
    yield Figure(
        key="webhook_against_noop",
        name=f"webhook with its effect, {SENDERS} senders, against a no-op route",
        value=statistics.median(
            one.per_second / other.per_second for one, other in zip(paid, noops, strict=True)
        ),
        unit="x",
        target=0.4,
        note=f"{rate:,.0f}/s against {noop_rate:,.0f}/s; median of {ROUNDS} rounds",
    )


def _rounds(
    env: Mapping[str, str], port: int, seconds: float, show: Steps
) -> tuple[list[load.Answered], list[load.Answered]]:
    """Return the answers to webhooks and of the no-op route, for each round."""
    show("selling things for the webhooks")
    count = round(ORDERS_PER_SECOND * (seconds * ROUNDS + WARM_UP_S))
    orders = iter(create_unpaid_orders(env["DATABASE_URL"], count))
    idle = load.Request(method="GET", path=noop.PATH, headers={})

    def pay(_sender: int) -> load.Request:
        return payment_of(next(orders), env["STRIPE_WEBHOOK_SECRETS"].split(",")[0])

    def send(make: Callable[[int], load.Request], seconds: float) -> load.Answered:
        return load.send(port, make, connections=SENDERS, seconds=seconds)

    paid, noops = [], []
    sent_count = len(send(pay, WARM_UP_S).latencies_s)
    for number in range(ROUNDS):
        show(f"webhooks and no-op route, {SENDERS} senders: round {number + 1} of {ROUNDS}")
        paid.append(send(pay, seconds))
        noops.append(send(lambda _sender: idle, seconds))
    sent_count += sum(len(answered.latencies_s) for answered in paid)
    _check_effects(env["DATABASE_URL"], sent_count)
    return paid, noops


def _check_effects(database_url: str, sent_count: int) -> None:
    """Raise unless each event has paid its order."""
    query = "select count(*) from public.orders where state = 'paid'"
    with psycopg.connect(database_url) as owner:
        [(paid_count,)] = owner.execute(query).fetchall()
    if paid_count != sent_count:
        raise RuntimeError(f"{sent_count} events paid {paid_count} orders")


def payment_of(order: Mapping[str, Any], secret: str) -> load.Request:
    """Return the signed event of a PaymentIntent that has paid an order."""
    event = {
        "id": f"evt_{uuid.uuid4().hex}",
        "object": "event",
        "api_version": stripe.api_version,
        "created": int(time.time()),
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": "req_bench", "idempotency_key": str(uuid.uuid4())},
        "type": "payment_intent.succeeded",
        "data": {"object": _intent(order)},
    }
    payload = json.dumps(event, indent=2)
    signature = stripe.WebhookSignature.generate_signature_header(payload, secret)
    return load.Request(
        method="POST",
        path=WEBHOOKS,
        headers={"content-type": "application/json", "stripe-signature": signature},
        body=payload.encode(),
    )


def _intent(order: Mapping[str, Any]) -> dict[str, Any]:
    """Return an intent with the fields that Stripe sends."""
    amount_cents = order["amount_cents"]
    return {
        "id": order["intent_id"],
        "object": "payment_intent",
        "amount": amount_cents,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": amount_cents,
        "application": None,
        "automatic_payment_methods": {"allow_redirects": "always", "enabled": True},
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"{order['intent_id']}_secret_bench",
        "confirmation_method": "automatic",
        "created": int(time.time()),
        "currency": "aud",
        "customer": None,
        "description": "A thing to bid for",
        "last_payment_error": None,
        "latest_charge": f"ch_{order['intent_id']}",
        "livemode": False,
        "metadata": {"order_id": order["order_id"], "buyer_id": order["buyer_id"]},
        "next_action": None,
        "payment_method": "pm_bench",
        "payment_method_options": {
            "card": {"network": None, "request_three_d_secure": "automatic"}
        },
        "payment_method_types": ["card", "link"],
        "processing": None,
        "receipt_email": "bidder@example.test",
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "status": "succeeded",
        "transfer_data": None,
        "transfer_group": order["order_id"],
    }


def _same(request: load.Request, _connection: int) -> load.Request:
    return request


def _session_routes(
    env: Mapping[str, str], port: int, seconds: float, show: Steps
) -> Iterator[Figure]:
    """Read as a signed-in user, who has bought something."""
    create_fixtures(env["DATABASE_URL"], bidders=0, auctions=0)  # for the rate limits
    headers = {"authorization": f"Bearer {sign_up(env, 0)}"}
    with psycopg.connect(env["DATABASE_URL"]) as owner:
        [(order_id,)] = owner.execute(BUY).fetchall()
    for key, route in SESSION_ROUTES.items():
        show(f"routes with a session, one connection: {route}")
        path = route.format(order_id=order_id)
        read = load.Request(method="GET", path=path, headers=headers)
        send = functools.partial(load.send, port, functools.partial(_same, read), connections=1)
        send(seconds=WARM_UP_S)
        one = send(seconds=seconds / len(SESSION_ROUTES))
        yield Figure(
            key=f"session_{key}_p95",
            name=f"simple API route with session, GET {route}, p95",
            value=1000 * percentile(one.latencies_s, 95),
            unit="ms",
            target=25.0,
            is_ceiling=True,
            note=f"p50 {1000 * percentile(one.latencies_s, 50):.1f} ms, one connection",
        )
