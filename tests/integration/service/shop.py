"""A running system as its tests use it: people, auctions, orders, payments and webhooks."""

import contextlib
import dataclasses
import json
import re
import uuid
from collections.abc import Collection, Iterator, Mapping
from typing import Any, LiteralString, Self

import httpx
import psycopg
import stripe
from psycopg import sql
from psycopg.types.json import Jsonb

from devstack.supervisor.processes import wait_until
from tests.integration.service import books
from tests.integration.service.processes import Gunicorn, logs_of
from tests.sql.actors import Actor, signed_up
from tests.sql.auctioning import auctioned
from tests.support import described
from tests.support.factories import make_event_json, make_intent, signed
from tests.support.gateway_control import GatewayControl, commanded
from tests.support.waits import ANSWER_S


#: A look at the database costs two processes a few milliseconds.
LOOK_S = 0.03
AMOUNT = 10_000
#: A call is repeated at most four times.
_RETRIES = 4
_TOKENS = re.compile(r"^market_retry_budget_tokens (\S+)$", re.MULTILINE)
PAYMENTS_PATH = "/api/webhooks/stripe"
#: Short soft close and retry delays, so that tests need not wait.
_SETTINGS = {
    "snipe_window_s": "1",
    "snipe_extend_s": "1",
    # Tests stop all workers for longer than an outage takes.
    "outage_window_s": "0",
    "queue_retry_base_s": "0.2",
}
_RAISE_LIMITS = """
  update private.app_settings
  set value = (
    select jsonb_object_agg(key, '{"max": 1000000, "window_s": 86400}'::jsonb)
    from jsonb_each(value)
  )
  where key = 'rate_limits'
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Something sold, and the intent that pays for it."""

    id: str
    buyer_id: str
    intent_id: str = ""

    @property
    def metadata(self) -> dict[str, str]:
        """Return the metadata of an intent that our service makes."""
        return {"order_id": self.id, "buyer_id": self.buyer_id}

    def paid_intent(self, **changes: Any) -> dict[str, Any]:
        """Return the paid intent as Stripe's events contain it."""
        described = make_intent(
            id=self.intent_id,
            latest_charge=f"ch_of_{self.intent_id}",
            amount=AMOUNT,
            amount_received=AMOUNT,
            metadata=self.metadata,
        )
        return described | changes


class Shop:
    """Acts on a running stack as users and Stripe do, and reads the database as its owner."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.db = psycopg.connect(
            environment["DATABASE_URL"], autocommit=True, options="-c search_path="
        )
        self.http = httpx.Client(
            base_url=environment["SERVICE_URL"],
            timeout=ANSWER_S,
            limits=httpx.Limits(max_connections=64),
            event_hooks={"response": [described.check]},
        )
        self.control = httpx.Client(base_url=environment["STRIPE_CONTROL_URL"], timeout=ANSWER_S)
        self.stripe = stripe.StripeClient(
            environment["STRIPE_SECRET_KEY"],
            http_client=stripe.RequestsClient(timeout=ANSWER_S),
            max_network_retries=0,
            base_addresses={"api": environment["STRIPE_API_BASE"]},
        )
        for key, value in _SETTINGS.items():
            self.db.execute(
                "update private.app_settings set value = %s where key = %s", [value, key]
            )
        self.db.execute(_RAISE_LIMITS)
        self.seller = self.person("seller", role="seller")
        self.buyer = self.person("buyer")
        self.service = Actor(connection=self.db, role="service_role")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.db.close()
        self.http.close()
        self.control.close()

    def person(self, name: str, **changes: str) -> Actor:
        """Sign up a user who has passed KYC, without a password."""
        return signed_up(self.db, f"{name}-{uuid.uuid4().hex[:12]}", **changes)

    def value(self, query: LiteralString, *values: object) -> Any:
        """Return the single value of a query, read as the schema's owner."""
        [(value,)] = self.db.execute(query, values).fetchall()
        return value

    @contextlib.contextmanager
    def setting(self, key: str, value: object) -> Iterator[None]:
        """Change a setting until the block ends."""
        before = self.value("select value from private.app_settings where key = %s", key)
        change = "update private.app_settings set value = %s where key = %s"
        self.db.execute(change, [Jsonb(value), key])
        try:
            yield
        finally:
            self.db.execute(change, [Jsonb(before), key])

    def limited(self, action: str, most: int) -> contextlib.AbstractContextManager[None]:
        """Give an action a limit per user until the block ends; its window outlasts the block."""
        limits = self.value("select value from private.app_settings where key = 'rate_limits'")
        return self.setting("rate_limits", limits | {action: {"max": most, "window_s": 10**8}})

    def sold(self, buyer: Actor | None = None, seller: Actor | None = None) -> Order:
        """Sell something to a buyer; the order waits for its payment."""
        buyer = buyer or self.buyer
        auction_id = self.auction(buyer, seller)
        answer = self.service.call("end_auction", auction_id=auction_id, force=True)
        assert answer["status"] == "finalized", answer
        return Order(id=answer["order_id"], buyer_id=str(buyer.id))

    def auction(self, bidder: Actor | None = None, seller: Actor | None = None) -> uuid.UUID:
        """Open an auction with a leader, which ends in an hour."""
        auction_id = auctioned(seller or self.seller)
        bid = (bidder or self.buyer).call("place_bid", auction_id=auction_id, amount_cents=AMOUNT)
        assert bid["success"], bid
        return auction_id

    def awaiting(
        self,
        intent_id: str | None = None,
        *,
        buyer: Actor | None = None,
        seller: Actor | None = None,
    ) -> Order:
        """Sell something; an intent is the order's current one, at Stripe too if not given."""
        order = self.sold(buyer, seller)
        if intent_id is None:
            intent_id = self.intent(metadata=order.metadata).id
        begun = self.service.call("begin_payment", order_id=order.id, buyer_id=order.buyer_id)
        attached = self.service.call(
            "attach_payment_intent",
            order_id=order.id,
            attempt=begun["attempt"],
            payment_intent_id=intent_id,
        )
        assert attached["success"], attached
        return dataclasses.replace(order, intent_id=intent_id)

    def intent(self, **params: Any) -> stripe.PaymentIntent:
        """Make an intent at Stripe; `params` add to the usual ones."""
        usual: Any = {"amount": AMOUNT, "currency": "aud", "payment_method_types": ["card"]}
        return self.stripe.v1.payment_intents.create(usual | params)

    def intents_of(self, order: Order) -> list[dict[str, Any]]:
        """Return the intents that Stripe has for an order."""
        found = [one.to_dict() for one in self.stripe.v1.payment_intents.list({"limit": 100}).data]
        return [one for one in found if one["metadata"].get("order_id") == order.id]

    def pay(self, order: Order, card: str = "pm_card_visa") -> None:
        """Confirm the order's intent at Stripe, as the buyer's browser does."""
        self.stripe.v1.payment_intents.confirm(order.intent_id, {"payment_method": card})

    def paid(self, buyer: Actor | None = None, seller: Actor | None = None) -> Order:
        """Sell an item that is paid at Stripe, and wait until the order is paid."""
        order = self.awaiting(buyer=buyer, seller=seller)
        self.pay(order)
        self.wait_for(lambda: self.state(order) == "paid")
        return order

    def state(self, order: Order) -> str:
        """Return the state of an order."""
        return str(self.value("select state::text from public.orders where id = %s", order.id))

    def count_paid(self, orders: Collection[Order]) -> int:
        """Return the number of paid orders among these."""
        return int(
            self.value(
                "select count(*) from public.orders where state = 'paid' and id = any(%s)",
                [uuid.UUID(order.id) for order in orders],
            )
        )

    def event_row(self, event_id: str) -> dict[str, Any]:
        """Return the inbox row of an event."""
        row: dict[str, Any] = self.value(
            "select to_jsonb(e) from public.webhook_events as e where event_id = %s", event_id
        )
        return row

    def is_stored(self, event_id: str) -> bool:
        """Return true if the inbox has an event."""
        query = "select exists (select from public.webhook_events where event_id = %s)"
        return bool(self.value(query, event_id))

    def is_settled(self, event_id: str) -> bool:
        """Return true if an event was stored and processed."""
        return bool(
            self.value(
                "select exists (select from public.webhook_events"
                " where event_id = %s and processed_at is not null)",
                event_id,
            )
        )

    def keep(self, event: Mapping[str, Any]) -> None:
        """Store an event as a request that was killed afterwards; its lease has expired."""
        data = event["data"]["object"]
        answer = self.service.call(
            "store_webhook_event",
            event_id=event["id"],
            source="stripe",
            type=event["type"],
            livemode=event["livemode"],
            created=event["created"],
            order_ref=data["metadata"]["order_id"],
            payment_intent_id=data["id"],
            object_id=data["id"],
            payload=json.dumps(data),
            payload_sha256=event["id"],
            lease_token=uuid.uuid4(),
        )
        assert answer["stored"], answer
        self.expire_leases()

    def dead_event(self) -> str:
        """Store an event that has used up its tries, of a type that nothing handles."""
        return str(
            self.value(
                """
                insert into public.webhook_events (
                  event_id, source, type, livemode, payload, payload_sha256, status, attempts,
                  error_code, created_at, received_at
                )
                select
                  'evt_' || md5(random()::text), 'stripe', 'a.new_type', false, '{}', 'aa', 'dead',
                  10, 'CRASHED', now(), now()
                returning event_id
                """
            )
        )

    def dead_outbox_row(self) -> str:
        """Queue the cancellation of an unknown intent, and use up its tries."""
        return str(
            self.value(
                """
                insert into public.outbox (
                  id, kind, payload, dedupe_key, status, attempts, last_error, next_attempt_at
                )
                select
                  md5('outbox:' || key)::uuid, 'cancel_intent',
                  jsonb_build_object('payment_intent_id', 'pi_unknown'), key, 'dead', 10,
                  'STRIPE_REFUSED', now()
                from (select 'dead:' || random() as key) as made
                returning id
                """
            )
        )

    def expire_leases(self) -> None:
        """Let every lease expire, as if its time had passed."""
        for table in ("outbox", "webhook_events"):
            self.db.execute(
                sql.SQL(
                    "update public.{} set leased_until = clock_timestamp()"
                    " where leased_until > clock_timestamp()"
                ).format(sql.Identifier(table))
            )

    def moved(self, order: Order, *states: str) -> None:
        """Move an order as its parties do, from one of these states to the next."""
        kinds = {"shipped": "seller", "delivered": "buyer", "released": "buyer"}
        for state in states:
            answer = self.service.call(
                "transition_order",
                order_id=order.id,
                to_state=state,
                actor_id=None,
                actor_kind=kinds[state],
                reason=None,
            )
            assert answer["success"], answer

    def disputed(self, order: Order, **details: Any) -> str:
        """Let the buyer's bank dispute the order's intent; return the dispute's id."""
        intent = self.stripe.v1.payment_intents.retrieve(order.intent_id)
        dispute = self.command("POST", f"/charges/{intent.latest_charge}/dispute", **details)
        return str(dispute["id"])

    def request_refund(self, order: Order, amount: int = AMOUNT, user: Actor | None = None) -> None:
        """Request a refund as the seller or another user; the outbox sends it."""
        answer = self.service.call(
            "process_refund_transaction",
            order_id=order.id,
            refund_amount_cents=amount,
            refund_reason="agreed",
            user_id=(user or self.seller).id,
            client_request_id=uuid.uuid4(),
        )
        assert answer["success"], answer

    def refunds_of(self, order: Order) -> list[dict[str, Any]]:
        """Return the refunds that Stripe has made of an order's payment."""
        found = self.stripe.v1.refunds.list({"payment_intent": order.intent_id, "limit": 100})
        return [one.to_dict() for one in found.data]

    def event(self, data: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        """Make an event with a new id."""
        return make_event_json(data, **({"id": f"evt_{uuid.uuid4().hex}"} | changes))

    def secret(self, name: str = "STRIPE_WEBHOOK_SECRETS") -> str:
        """Return the secret with which Stripe signs events."""
        return self.environment[name].split(",")[0]

    def post(self, body: Mapping[str, Any] | str, **signing: Any) -> httpx.Response:
        """Send a signed event as Stripe does."""
        payload, signature = signed(body, **({"secret": self.secret()} | signing))
        return self.http.post(
            PAYMENTS_PATH, content=payload, headers={"Stripe-Signature": signature}
        )

    def alerts_of(self, event_id: str) -> list[str]:
        """Return the alerts in the stack's logs that concern an event, oldest first."""
        lines = [
            json.loads(line)
            for log in logs_of(self.environment["SERVICE_URL"])
            for line in log.read_text(errors="replace").splitlines()
            if '"alert_raised"' in line and event_id in line
        ]
        return [line["alert"] for line in sorted(lines, key=lambda line: line["timestamp"])]

    def command(self, method: str, path: str, /, **body: Any) -> Any:
        """Send a command to the fake Stripe, which must accept it."""
        response = self.control.request(method, path, json=body)
        response.raise_for_status()
        return response.json()

    def gunicorn(self) -> Gunicorn:
        """Wait until the service answers with all of its workers; return its processes."""
        return Gunicorn.at(self.environment["SERVICE_URL"])

    def fault(self, **fault: Any) -> None:
        """Let the fake Stripe apply a fault to the next requests that match."""
        self.refill_retries()
        self.command("POST", "/faults", **fault)

    @contextlib.contextmanager
    def gateway(self) -> Iterator[GatewayControl]:
        """Give the control API of Supabase's gateway; end all its faults afterwards."""
        self.refill_retries()
        with commanded(self.environment["SUPABASE_URL"]) as control:
            yield control

    def refill_retries(self) -> None:
        """Make calls until each process of the service may repeat its next ones.

        The processes have a budget of retries, which the faults of earlier tests have used up.
        """
        self.wait_for(self._has_retries)

    def _has_retries(self) -> bool:
        bearer = {"Authorization": f"Bearer {self.environment['METRICS_TOKEN']}"}
        [tokens] = _TOKENS.findall(self.http.get("/metrics", headers=bearer).text)
        if float(tokens) >= _RETRIES:
            return True
        headers = {"x-canary-token": self.environment["CANARY_TOKEN"]}
        url = f"{self.environment['SERVICE_URL']}/api/canary/webhook-events?event_id=evt_none"
        for _ in range(10):
            # Each request has its own connection, which either process may accept.
            assert 404 == httpx.get(url, headers=headers, timeout=ANSWER_S).status_code
        return False

    def deliveries(self, *, count: int = 1, **query: Any) -> list[dict[str, Any]]:
        """Wait for `count` matching deliveries, and return all that match."""
        params = {"count": count, "wait_s": ANSWER_S, **query}
        response = self.control.get("/deliveries", params=params, timeout=2 * ANSWER_S)
        found: list[dict[str, Any]] = response.json()["deliveries"]
        assert len(found) >= count, f"only {len(found)} deliveries of {query}"
        return found

    def wait_for(
        self, is_true: Any, timeout_s: float = ANSWER_S, *, look_s: float = LOOK_S
    ) -> None:
        """Wait until the condition is true; fail after the timeout."""
        assert wait_until(is_true, timeout_s, look_s), "it did not come true in time"

    def check_books(self, *, dead_events: Collection[str] = ()) -> None:
        """Check that no row is lost, doubled or left open."""
        books.check(self.db, dead_events=dead_events)


def answers_of(delivery: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the bodies of our answers to the accepted tries of a delivery."""
    return [json.loads(one["body"]) for one in delivery["attempts"] if one["status"] == 200]
