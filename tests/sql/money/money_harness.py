"""Makes each change in the database and in the oracle, and compares the two."""

import dataclasses
import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import Connection
from psycopg.pq import TransactionStatus

from tests.sql.actors import Actor, signed_up
from tests.sql.auctioning import auctioned, set_setting
from tests.sql.bidding.bidding_world import BEGINNING, STOPPED_CLOCK
from tests.sql.money.bank import BankDispute, BankRefund, BankTransfer, Intent
from tests.sql.money.money_view import faults, in_database, in_oracle
from tests.sql.money.oracle import Market
from tests.sql.money.records import Order, OwnDispute, Payment
from tests.sql.paying import service_of, stored


ACCOUNT = "acct_seller"
PAYMENT_DUE = timedelta(hours=48)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event of Stripe about one object; it may arrive several times, or never."""

    kind: str
    intent: Intent
    subject: Any = None
    id: str = dataclasses.field(default_factory=lambda: f"evt_{uuid4().hex}")


class MoneyHarness:
    """A market in the database and in the oracle. `executed` counts the changes and answers."""

    def __init__(self, owner: Connection, executed: Counter[str]) -> None:
        self.owner = owner
        self.executed = executed
        self.service = service_of(owner)
        self.market = Market()
        self.now = BEGINNING
        self.intents: list[Intent] = []
        self.events: list[Event] = []
        self.settled: set[str] = set()
        self.requests: dict[UUID, tuple[Order, str | None, int | None, str]] = {}
        self.count_of = Counter[str]()
        owner.execute("savepoint example")
        self.people = self._people()

    def undo(self) -> None:
        """Check the deferred constraints, and undo all changes."""
        if self.owner.info.transaction_status is TransactionStatus.INTRANS:
            self.owner.execute("set constraints all immediate")
            self.owner.execute("set constraints all deferred")
        self.owner.execute("rollback to savepoint example")
        self.owner.execute("release savepoint example")

    def compare(self) -> None:
        """Compare all rows with the oracle, and check rules that hold in every state."""
        self.learn_outbox_ids()
        self.owner.execute("set constraints all immediate")
        self.owner.execute("set constraints all deferred")
        found, expected = in_database(self.owner), in_oracle(self.market)
        for name in expected:
            assert (name, {}, {}) == (
                name,
                dict(expected[name] - found[name]),
                dict(found[name] - expected[name]),
            )
        assert faults(self.owner) == {}
        self.executed["steps"] += 1

    def count(self, what: str) -> None:
        """Count a step under its name."""
        self.executed[what] += 1

    def new_id(self, kind: str) -> str:
        """Return an id as Stripe gives them, the same in each run."""
        self.count_of[kind] += 1
        return f"{kind}_{self.count_of[kind]}"

    def set_time(self, now: datetime) -> None:
        """Stop the clock at `now`."""
        self.now = now
        self.owner.execute("update private.stopped_clock set now_at = %s", [now])

    def sell(self, cents: int) -> Order:
        """Sell an item at this price."""
        auction_id = auctioned(self.people["seller"], start_cents=cents)
        bid = self.people["buyer"].call("place_bid", auction_id=auction_id, amount_cents=cents)
        assert bid["success"], bid
        answer = self.service.call("end_auction", auction_id=auction_id, force=True)
        order = Order(
            id=UUID(answer["order_id"]),
            cents=cents,
            buyer_id=self.people["buyer"].id,
            seller_id=self.people["seller"].id,
            due_at=self.now + PAYMENT_DUE,
        )
        self.market.orders[order.id] = order
        return order

    def begin(self, order: Order, *, is_attached: bool) -> None:
        """Make an intent for the order at Stripe, and attach it as the service does."""
        intent = Intent(
            id=self.new_id("pi"), order_id=order.id, cents=order.cents, buyer_id=order.buyer_id
        )
        self.intents.append(intent)
        if not is_attached:
            self.count("made an intent")
            return
        begun = self.service.call("begin_payment", order_id=order.id, buyer_id=order.buyer_id)
        refusal = self.market.attach(order, intent, self.now)
        assert (refusal is None) == begun["success"]
        answer = self.service.call(
            "attach_payment_intent",
            order_id=order.id,
            attempt=begun.get("attempt", 1),
            payment_intent_id=intent.id,
        )
        self._check_refusal("attached", refusal, answer)
        if refusal is None:
            assert order.intent_id == answer["payment_intent_id"]

    def deliver(self, event: Event, index: int) -> None:
        """Deliver an event with the reading of its object that has this index."""
        is_settled = event.id in self.settled
        deliver = {
            "paid": self._deliver_paid,
            "declined": self._deliver_declined,
            "canceled": self._deliver_canceled,
            "refund": self._deliver_refund,
            "dispute": self._deliver_dispute,
            "transfer": self._deliver_transfer,
        }[event.kind]
        self._store(event)
        outcome, call = deliver(event, index)
        answer = call(event.id)
        if answer == "INTENT_UNKNOWN":
            assert self.market.payment(event.intent.id) is None
            answer = call(event.id, order_ref=str(event.intent.order_id))
        expected = "already_processed" if is_settled else outcome()
        assert (event.kind, expected) == (event.kind, answer)
        if answer not in ("PREDECESSOR_MISSING", "REFUND_CONTRADICTED"):
            self.settled.add(event.id)
        self.count(f"{event.kind}: {answer}")

    def confirm(self, intent: Intent) -> None:
        """Apply a success that reconcile has read, without an event."""
        order = self.market.orders.get(intent.order_id)
        if order is None or intent.status != "succeeded":
            return
        expected = self.market.succeeded(intent.order_id, intent, self.now)
        answer = self.service.call("record_intent", **self._paid(intent), status="succeeded")
        assert answer["outcome"] == ("order_not_found" if expected == "ignored" else expected)
        self.count("read an intent")

    def read_refund(self, intent: Intent, refund: BankRefund) -> None:
        """Apply a refund that reconcile has read, without an event."""
        expected = self.market.refunded(intent, refund, refund.status, self.now, is_event=False)
        answer = self.service.call(
            "record_refund",
            stripe_refund_id=refund.id,
            outbox_id=refund.outbox_id,
            payment_intent_id=intent.id,
            amount_cents=refund.cents,
            status=refund.status,
        )
        assert answer["outcome"] == ("ignored" if expected == "PREDECESSOR_MISSING" else expected)
        self.count("read a refund")

    def act(self, order: Order, action: str, who: str) -> None:
        """Let a party take an action."""
        expected = self.market.act(order, action, who, self.now)
        answer = self.service.call(
            "act_on_order", order_id=order.id, user_id=self.people[who].id, action=action
        )
        self._check_refusal(action, expected, answer)
        if expected is None:
            assert order.state == answer["state"]

    def request_refund(
        self, order: Order, payment: Payment | None, cents: int | None, who: str, key: UUID
    ) -> None:
        """Ask for a refund, of one payment by its intent or of the order's."""
        request = (order, None if payment is None else payment.intent_id, cents, who)
        is_known = key in self.requests
        if not is_known:
            expected = self.market.request(
                order, self._source(order, payment), cents, who, str(key)
            )
            if expected is None:
                self.requests[key] = request
        else:
            expected = None if self.requests[key] == request else "REQUEST_ID_REUSED"
        user_id = None if who == "us" else self.people[who].id
        common = {"refund_reason": "agreed", "user_id": user_id, "client_request_id": key}
        if payment is None:
            answer = self.service.call(
                "process_refund_transaction",
                order_id=order.id,
                refund_amount_cents=cents,
                **common,
            )
        else:
            answer = self.service.call(
                "refund_payment", payment_intent_id=payment.intent_id, **common
            )
        self._check_refusal("refund repeated" if is_known else "refund", expected, answer)

    def open_dispute(self, order: Order, who: str) -> None:
        """Open a dispute between the parties."""
        expected = self.market.open_dispute(order, who)
        answer = self.people[who].call(
            "open_dispute",
            order_id=order.id,
            dispute_type="item_not_received",
            reason="It never came",
            description=None,
        )
        if expected is None:
            self.market.add_dispute(order, UUID(answer["dispute_id"]), self.now)
        self._check_refusal("open_dispute", expected, answer)

    def decide(self, order: Order, dispute: OwnDispute, decision: str, cents: int) -> None:
        """Let staff decide a dispute between the parties."""
        amount = cents if decision == "partial" else None
        expected = self.market.decide(order, dispute, decision, amount, self.now)
        answer = self.people["staff"].call(
            "resolve_dispute",
            dispute_id=dispute.id,
            decision=decision,
            note="Looked at both sides",
            refund_cents=amount,
        )
        self._check_refusal(f"decided {decision}", expected, answer)

    def move(self, order: Order, state: str, kind: str, *, is_legal: bool) -> None:
        """Move an order as one of our processes does, or try a move that is forbidden."""
        answer = self._try(
            "transition_order",
            order_id=order.id,
            to_state=state,
            actor_id=None,
            actor_kind=kind,
            reason=None,
        )
        if is_legal:
            order.move(state, self.now)
            assert answer["state"] == state
        elif order.state == state:
            assert answer["success"]
        else:
            assert answer == f"Invalid order state transition from {order.state} to {state}"
        self.count("moved" if is_legal else "moved nothing")

    def run_deadlines(self) -> None:
        """Run the jobs of all deadlines."""
        assert self.market.expire(self.now) == self.service.call("expire_unpaid_orders")
        assert self.market.settle_due(self.now) == self.service.call("settle_due_orders")
        self.count("deadlines")

    def set_seller_ready(self, *, is_ready: bool) -> None:
        """Let Stripe say whether it pays out to the seller."""
        number = self.service.call("begin_account_read", account_id=ACCOUNT)["read_number"]
        answer = self.service.call(
            "record_account_read",
            account_id=ACCOUNT,
            read_number=number,
            payouts_enabled=is_ready,
        )
        assert answer["success"]
        self.market.is_seller_ready = is_ready
        self.count("account read")

    def _people(self) -> dict[str, Actor]:
        self.owner.execute(STOPPED_CLOCK)
        self.set_time(BEGINNING)
        many = {"max": 1_000_000, "window_s": 60}
        actions = ("place_bid", "check_listing", "create_listing", "check_dispute", "open_dispute")
        limits = dict.fromkeys(actions, many)
        set_setting(self.owner, "rate_limits", json.dumps(limits))
        people = {
            "seller": signed_up(self.owner, "seller", role="seller"),
            "buyer": signed_up(self.owner, "buyer"),
            "other": signed_up(self.owner, "other"),
            "staff": signed_up(self.owner, "staff", role="moderator").with_second_factor(),
        }
        answer = self.service.call(
            "set_connect_account", user_id=people["seller"].id, account_id=ACCOUNT
        )
        assert answer["success"], answer
        return people

    def _source(self, order: Order, payment: Payment | None) -> Payment | None:
        """Return the payment that a refund comes from: the named one, or the order's."""
        if payment is not None:
            return payment if payment.is_captured else None
        if order.settling is not None and not order.is_ended:
            return order.settling
        owed = [p for p in order.payments.values() if p.is_captured and p.money().left > 0]
        return next((p for p in owed if p.settles), owed[0] if owed else None)

    def _store(self, event: Event) -> None:
        query = "select 1 from public.webhook_events where event_id = %s"
        if self.owner.execute(query, [event.id]).fetchone() is None:
            stored(self.owner, event.kind, event.intent.id, event_id=event.id)

    @staticmethod
    def _paid(intent: Intent) -> dict[str, Any]:
        return {
            "order_id": str(intent.order_id),
            "payment_intent_id": intent.id,
            "charge_id": intent.charge_id,
            "amount_cents": intent.cents,
            "currency": intent.currency,
            "buyer_id": None if intent.buyer_id is None else str(intent.buyer_id),
        }

    def _deliver_paid(self, event: Event, _index: int) -> Any:
        intent = event.intent
        return (
            lambda: self.market.succeeded(intent.order_id, intent, self.now),
            self._effect("apply_payment_succeeded", **self._paid(intent)),
        )

    def _deliver_declined(self, event: Event, _index: int) -> Any:
        order = self.market.orders[event.intent.order_id]
        return (
            lambda: self.market.declined(order, event.intent, event.subject),
            self._effect(
                "apply_payment_failed",
                order_id=str(order.id),
                payment_intent_id=event.intent.id,
                charge_id=event.subject,
                error_message="Your card was declined.",
            ),
        )

    def _deliver_canceled(self, event: Event, _index: int) -> Any:
        order = self.market.orders[event.intent.order_id]
        return (
            lambda: self.market.canceled(order, event.intent),
            self._effect(
                "apply_payment_canceled",
                order_id=str(order.id),
                payment_intent_id=event.intent.id,
            ),
        )

    def _deliver_refund(self, event: Event, index: int) -> Any:
        refund: BankRefund = event.subject
        status = refund.history[index % len(refund.history)]
        return (
            lambda: self.market.refunded(event.intent, refund, status, self.now, is_event=True),
            self._effect(
                "apply_refund",
                stripe_refund_id=refund.id,
                outbox_id=refund.outbox_id,
                payment_intent_id=event.intent.id,
                amount_cents=refund.cents,
                status=status,
            ),
        )

    def _deliver_dispute(self, event: Event, index: int) -> Any:
        dispute: BankDispute = event.subject
        index %= len(dispute.history)
        reading = dispute.history[index]
        return (
            lambda: self.market.disputed(event.intent, dispute, index, self.now),
            self._effect(
                "apply_dispute",
                stripe_dispute_id=dispute.id,
                payment_intent_id=event.intent.id,
                charge_id=event.intent.charge_id,
                amount_cents=dispute.cents,
                currency=event.intent.currency,
                status=reading.status,
                reason="fraudulent",
                withdrawn_cents=reading.withdrawn,
                reinstated_cents=reading.reinstated,
                created=1_790_000_000,
            ),
        )

    def _deliver_transfer(self, event: Event, _index: int) -> Any:
        transfer: BankTransfer = event.subject
        return (
            lambda: self.market.transferred(transfer),
            self._effect(
                "apply_transfer",
                stripe_transfer_id=transfer.id,
                outbox_id=transfer.outbox_id,
                dedupe_key=transfer.dedupe_key,
                charge_id=event.intent.charge_id,
                amount_cents=transfer.cents,
                currency="aud",
                order_ref=str(transfer.order_id),
                reversals=json.dumps(
                    [
                        {
                            "id": reversal.id,
                            "amount_cents": reversal.cents,
                            "outbox_id": reversal.outbox_id,
                            "dedupe_key": reversal.dedupe_key,
                        }
                        for reversal in transfer.reversals
                    ]
                ),
            ),
        )

    def _effect(self, function: str, **arguments: object) -> Any:
        def call(event_id: str, **more: object) -> Any:
            answer = self._try(function, event_id=event_id, **(arguments | more))
            return answer["outcome"] if isinstance(answer, dict) else answer

        return call

    def _try(self, function: str, **arguments: object) -> Any:
        """Call an RPC; return its answer, or the message of the error that it raises."""
        try:
            return self.service.call(function, **arguments)
        except psycopg.Error as error:
            return error.diag.message_primary

    def _check_refusal(self, what: str, expected: str | None, answer: Any) -> None:
        assert (what, expected) == (what, answer.get("code")), answer
        assert answer["success"] == (expected is None)
        self.count(what if expected is None else f"{what}: {expected}")

    def learn_outbox_ids(self) -> None:
        """Copy to the oracle which outbox row sends which refund; only the database knows."""
        query = """
          select o.id::text, o.payload ->> 'payment_intent_id', r.amount_cents
          from public.outbox as o join public.refunds as r on o.payload ->> 'refund_id' = r.id::text
        """
        refunds = [
            (payment.intent_id, refund)
            for order in self.market.orders.values()
            for payment in order.payments.values()
            for refund in payment.refunds
        ]
        known = {refund.outbox_id for _, refund in refunds}
        for outbox_id, intent_id, cents in self.owner.execute(query):
            if outbox_id not in known:
                refund = next(
                    r
                    for other_id, r in refunds
                    if (other_id, r.cents) == (intent_id, cents)
                    and r.key is not None
                    and r.outbox_id is None
                )
                refund.outbox_id = outbox_id
