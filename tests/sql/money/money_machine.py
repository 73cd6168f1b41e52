"""Random steps of orders and their money, in any sequence."""

from collections import Counter
from datetime import timedelta
from uuid import UUID, uuid5

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from psycopg import Connection

from tests.sql.bidding.bidding_machine import NOWHERE
from tests.sql.money.bank import BankDispute, BankRefund, Intent, Reading
from tests.sql.money.money_harness import Event, MoneyHarness
from tests.sql.money.money_sender import OUTCOMES, MoneySender
from tests.sql.money.oracle import ACTIONS
from tests.sql.money.records import MOVES, OPEN_AT_STRIPE, Order, Payment


WHICH = st.integers(0, 50)
MOST_ORDERS = 5
MOST_ROUNDS = 12
#: Prices at which the fee of 5 % is whole, half a cent, or next to it.
PRICES = st.sampled_from([100, 101, 110, 130, 3_333, 9_990, 10_000, 10_010, 99_999_999])
SHARES = st.sampled_from([1, 10, 33, 50, 90, 100, 110])
SPANS = st.sampled_from([61, 61, 3_700, 86_401, 3 * 86_400, 14 * 86_400])
PARTIES = st.sampled_from(["buyer", "seller", "buyer", "seller", "other"])
ASKERS = st.sampled_from(["seller", "seller", "staff", "staff", "staff", "us", "buyer"])
ON_ITS_WAY = [
    ("paid", "ready_for_handover", "seller"),
    ("paid", "shipped", "seller"),
    ("paid", "delivered", "buyer"),
    ("ready_for_handover", "shipped", "seller"),
    ("ready_for_handover", "delivered", "buyer"),
    ("shipped", "delivered", "buyer"),
    ("delivered", "released", "buyer"),
]
#: The moves from the payment to each stage.
JOURNEY: dict[str, list[tuple[str, str]]] = {
    "pending_payment": [],
    "paid": [],
    "shipped": [("shipped", "seller")],
    "delivered": [("shipped", "seller"), ("delivered", "buyer")],
    "released": [("shipped", "seller"), ("delivered", "buyer"), ("released", "buyer")],
}
#: An order of the last stage is released, and its money is with the seller if it could be sent.
STAGES = st.sampled_from([*JOURNEY, "delivered", "paid out", "paid out", "paid out", "paid out"])
#: Steps that seldom move money.
ASIDE = st.sampled_from(["forbidden", "forbidden", "sell", "seller", "seller", "outsider"])
KINDS = st.sampled_from(["buyer", "seller", "system", "stripe", "admin"])
#: Moves for which every actor is refused.
FORBIDDEN = [
    (before, after)
    for before in MOVES
    for after in MOVES
    if after not in MOVES[before] or after in ("refunded", "pending_payment")
]


class MoneyMachine(RuleBasedStateMachine):
    """Several orders, with Stripe, parties, staff, workers and a clock."""

    def __init__(self, owner: Connection, executed: Counter[str]) -> None:
        super().__init__()
        self.harness = MoneyHarness(owner, executed)
        self.market = self.harness.market
        self.sender = MoneySender(self.harness)
        self.keys: list[UUID] = []

    def teardown(self) -> None:
        """Undo the example."""
        self.harness.undo()

    @invariant()
    def all_that_was_written_is_the_oracles(self) -> None:
        """Compare the database with the oracle after each step."""
        self.harness.compare()

    @initialize(
        prices=st.tuples(PRICES, PRICES, PRICES),
        stages=st.tuples(STAGES, STAGES, STAGES),
        is_seller_ready=st.sampled_from([True, True, False]),
    )
    def open_orders(
        self, prices: tuple[int, ...], stages: tuple[str, ...], *, is_seller_ready: bool
    ) -> None:
        """Sell items that are paid and handed over up to some stage."""
        self.harness.set_seller_ready(is_ready=is_seller_ready)
        for cents, stage in zip(prices, stages, strict=True):
            order = self.harness.sell(cents)
            self.harness.begin(order, is_attached=True)
            if stage != "pending_payment":
                self._pay(self.harness.intents[-1])
                self.harness.deliver(self.harness.events[-1], 0)
            for state, kind in JOURNEY["released" if stage == "paid out" else stage]:
                self.harness.move(order, state, kind, is_legal=True)
            if stage == "paid out":
                self.sender.send(["done"])

    @rule(which=WHICH, is_attached=st.sampled_from([True, True, False]))
    def begin(self, which: int, *, is_attached: bool) -> None:
        """Begin a payment, or create an intent that the order does not know."""
        order = self._order(which)
        if order.state == "pending_payment" or not is_attached or which % 4 == 0:
            self.harness.begin(order, is_attached=is_attached)

    @precondition(lambda self: self._open_intents())
    @rule(which=WHICH, twist=st.sampled_from(["", "", "", "", "cents", "currency", "buyer"]))
    def pay(self, which: int, twist: str) -> None:
        """Pay an intent; some payments have wrong terms, so they are strays."""
        intents = self._open_intents()
        intent = intents[which % len(intents)]
        intent.cents += {"cents": 1}.get(twist, 0)
        intent.currency = {"currency": "usd"}.get(twist, intent.currency)
        intent.buyer_id = None if twist == "buyer" else intent.buyer_id
        self._pay(intent)
        self.harness.count("paid at Stripe")

    @precondition(lambda self: self._open_intents())
    @rule(which=WHICH, is_canceled=st.sampled_from([False, False, True]))
    def decline(self, which: int, *, is_canceled: bool) -> None:
        """Decline a card, or let the intent be canceled at Stripe."""
        intents = self._open_intents()
        intent = intents[which % len(intents)]
        if is_canceled:
            intent.status = "canceled"
            self.harness.events.append(Event(kind="canceled", intent=intent))
        else:
            charge_id = self.harness.new_id("ch_declined")
            self.harness.events.append(Event(kind="declined", intent=intent, subject=charge_id))
        self.harness.count("declined at Stripe")

    @precondition(lambda self: self._unsettled())
    @rule(which=WHICH, age=st.sampled_from([0, 0, 0, 1, 2]))
    def deliver_news(self, which: int, age: int) -> None:
        """Deliver an event that had no effect yet, sometimes with an old reading."""
        events = self._unsettled()
        self._deliver(events[which % len(events)], age)

    @precondition(lambda self: self.harness.events)
    @rule(which=WHICH, age=st.sampled_from([0, 1]), is_same=st.booleans())
    def deliver_again(self, which: int, age: int, *, is_same: bool) -> None:
        """Deliver an event again, under its own id or another one."""
        event = self.harness.events[which % len(self.harness.events)]
        if not is_same:
            event = Event(kind=event.kind, intent=event.intent, subject=event.subject)
        self._deliver(event, age)

    @precondition(lambda self: self.harness.intents)
    @rule(which=WHICH)
    def read(self, which: int) -> None:
        """Read an intent and its refunds from Stripe, as reconcile does."""
        intent = self.harness.intents[which % len(self.harness.intents)]
        self.harness.confirm(intent)
        for refund in intent.refunds:
            self.harness.read_refund(intent, refund)

    @rule(which=WHICH, action=st.sampled_from(sorted({a for a, _ in ACTIONS})), who=PARTIES)
    def act(self, which: int, action: str, who: str) -> None:
        """Let a party take an action."""
        self.harness.act(self._order(which), action, who)

    @precondition(lambda self: self._on_their_way())
    @rule(which=WHICH, way=WHICH)
    def go_on(self, which: int, way: int) -> None:
        """Move an order to its next state, as the parties' calls do."""
        orders = self._on_their_way()
        order = orders[which % len(orders)]
        ways = [move for move in ON_ITS_WAY if move[0] == order.state]
        _, state, kind = ways[way % len(ways)]
        self.harness.move(order, state, kind, is_legal=not order.is_refund_pending)

    @rule(which=WHICH, way=WHICH, kind=KINDS, what=ASIDE, cents=PRICES)
    def meanwhile(self, which: int, way: int, kind: str, what: str, cents: int) -> None:
        """Do a step that moves no money; one rule, so that most steps move money."""
        order = self._order(which)
        match what:
            case "forbidden":
                self._try_forbidden_move(order, way, kind)
            case "sell" if len(self.market.orders) < MOST_ORDERS:
                self.harness.sell(cents)
                self.harness.count("sold")
            case "outsider":
                self.harness.open_dispute(order, "other")
            case _:
                self.harness.set_seller_ready(is_ready=which % 3 > 0)

    def _try_forbidden_move(self, order: Order, way: int, kind: str) -> None:
        """Try a move that the table has not, or for which the money is missing."""
        states = [after for before, after in FORBIDDEN if before == order.state]
        state = states[way % len(states)]
        # Such a move would be legal for an order whose money is gone.
        if state != "refunded" or not (order.settling and order.money().kept == 0):
            self.harness.move(order, state, kind, is_legal=False)

    @rule(which=WHICH, share=SHARES, who=ASKERS, is_whole=st.booleans(), is_known=WHICH)
    def request_refund(
        self, which: int, share: int, who: str, *, is_whole: bool, is_known: int
    ) -> None:
        """Ask for a refund of an order, or repeat an earlier request or its key."""
        if is_known < 5 and self.keys:
            key = self.keys[which % len(self.keys)]
        else:
            key = uuid5(NOWHERE, str(len(self.keys)))
            self.keys.append(key)
        order = self._order(which)
        if self._has_one_source(order):
            cents = None if is_whole else order.cents * share // 100
            self.harness.request_refund(order, None, cents, who, key)

    @precondition(lambda self: self._captured())
    @rule(which=WHICH, who=ASKERS)
    def return_payment(self, which: int, who: str) -> None:
        """Ask for all that is left of one payment, as our own jobs do."""
        captured = self._captured()
        order, payment = captured[which % len(captured)]
        key = uuid5(NOWHERE, str(len(self.keys)))
        self.keys.append(key)
        self.harness.request_refund(order, payment, None, who, key)

    @precondition(lambda self: self._refundable())
    @rule(which=WHICH, share=SHARES, status=st.sampled_from(["pending", "succeeded"]))
    def refund_outside(self, which: int, share: int, status: str) -> None:
        """Make a refund in Stripe's dashboard."""
        intents = self._refundable()
        intent = intents[which % len(intents)]
        refund = BankRefund(
            id=self.harness.new_id("re"),
            cents=max(1, min(intent.refundable, intent.cents * share // 100)),
            outbox_id=None,
            history=[status],
        )
        intent.refunds.append(refund)
        self.harness.events.append(Event(kind="refund", intent=intent, subject=refund))
        self.harness.count("refunded outside")

    @precondition(lambda self: self._unsure_refunds())
    @rule(which=WHICH, status=st.sampled_from(["succeeded", "succeeded", "failed", "canceled"]))
    def end_refund(self, which: int, status: str) -> None:
        """Let a refund succeed or fail at Stripe, even after it had succeeded."""
        refunds = self._unsure_refunds()
        intent, refund = refunds[which % len(refunds)]
        if refund.status == "succeeded":
            status = "failed"
        refund.history.append(status)
        self.harness.events.append(Event(kind="refund", intent=intent, subject=refund))
        self.harness.count(f"refund {status} at Stripe")

    @precondition(lambda self: self._disputable())
    @rule(which=WHICH, share=SHARES, is_inquiry=st.sampled_from([False, False, True]))
    def dispute(self, which: int, share: int, *, is_inquiry: bool) -> None:
        """Let the buyer's bank dispute a payment, or ask about it."""
        intents = self._disputable()
        intent = intents[which % len(intents)]
        status = "warning_needs_response" if is_inquiry else "needs_response"
        dispute = BankDispute(
            id=self.harness.new_id("du"),
            cents=max(1, min(intent.cents, intent.cents * share // 100)),
            history=[Reading(status=status, withdrawn=0)],
        )
        intent.disputes.append(dispute)
        self.harness.events.append(Event(kind="dispute", intent=intent, subject=dispute))
        self.harness.count("disputed at Stripe")

    @precondition(lambda self: self._unsure_disputes())
    @rule(which=WHICH, step=WHICH)
    def go_on_with_dispute(self, which: int, step: int) -> None:
        """Move a dispute to its next state at Stripe."""
        disputes = self._unsure_disputes()
        intent, dispute = disputes[which % len(disputes)]
        steps = dispute.steps()
        dispute.history.append(steps[step % len(steps)])
        self.harness.events.append(Event(kind="dispute", intent=intent, subject=dispute))
        self.harness.count(f"dispute {dispute.now.status} at Stripe")

    @rule(which=WHICH, who=st.sampled_from(["buyer", "seller"]))
    def open_dispute(self, which: int, who: str) -> None:
        """Let a party open a dispute."""
        self.harness.open_dispute(self._order(which), who)

    @precondition(lambda self: any(order.disputes for order in self.market.orders.values()))
    @rule(which=WHICH, decision=st.sampled_from(["refund", "partial", "deny"]), share=SHARES)
    def decide(self, which: int, decision: str, share: int) -> None:
        """Let staff decide a dispute between the parties, or try so again."""
        disputes = [(o, d) for o in self.market.orders.values() for d in o.disputes]
        disputes = [(o, d) for o, d in disputes if d.decision is None] or disputes
        order, dispute = disputes[which % len(disputes)]
        self.harness.decide(order, dispute, decision, order.cents * share // 100)

    @rule(outcomes=st.lists(st.sampled_from([*["done"] * 8, *OUTCOMES]), min_size=1, max_size=3))
    def send(self, outcomes: list[str]) -> None:
        """Let a worker send the due rows."""
        if self.sender.send(outcomes) == 0:
            self.harness.count("nothing to send")

    @precondition(lambda self: self.sender.late)
    @rule(which=WHICH)
    def answer_late(self, which: int) -> None:
        """Let a worker report a delayed answer."""
        self.sender.answer_late(which)

    @rule(span=SPANS, is_run=st.booleans())
    def pass_time(self, span: int, *, is_run: bool) -> None:
        """Move the clock, and run the jobs that became due."""
        self.harness.set_time(self.harness.now + timedelta(seconds=span))
        if is_run:
            self.harness.run_deadlines()

    @precondition(lambda self: any(order.is_released for order in self.market.orders.values()))
    @rule(outcomes=st.sampled_from([["done"], ["done"], ["poor"], ["lost"]]))
    def pay_out(self, outcomes: list[str]) -> None:
        """Queue transfers again that were canceled, and send one row."""
        self.harness.service.call("queue_due_transfers")
        self.sender.send(outcomes)
        self.harness.count("queued due transfers")

    @rule(which=WHICH, is_time=st.sampled_from([False, False, True]))
    def come_to_rest(self, which: int, *, is_time: bool) -> None:
        """End all open work, and check the final balances."""
        if not is_time:
            return
        self._end_what_is_open(which)
        self.harness.set_seller_ready(is_ready=True)
        for _ in range(MOST_ROUNDS):
            for event in self._unsettled():
                self._deliver(event, 0)
            self.harness.set_time(self.harness.now + timedelta(hours=25))
            self.sender.send_all()
            if not self._unsettled() and self.harness.service.call("queue_due_transfers") == 0:
                break
        assert self._unsettled() == []
        for order in self.market.orders.values():
            self._check_rest(order)
        self.harness.count("came to rest")

    @precondition(lambda self: any(t.left for t in self.sender.transfers))
    @rule(which=WHICH, share=SHARES)
    def reverse_outside(self, which: int, share: int) -> None:
        """Reverse a transfer in Stripe's dashboard."""
        transfers = [t for t in self.sender.transfers if t.left]
        transfer = transfers[which % len(transfers)]
        cents = max(1, min(transfer.left, transfer.cents * share // 100))
        self.sender.reverse(transfer, cents, None, None)
        self.harness.count("reversed outside")

    def _end_what_is_open(self, which: int) -> None:
        """Let the bank decide about refunds and disputes."""
        for intent, refund in self._unsure_refunds():
            if refund.status == "pending":
                refund.history.append(["succeeded", "succeeded", "failed"][which % 3])
                self.harness.events.append(Event(kind="refund", intent=intent, subject=refund))
        for intent, dispute in self._unsure_disputes():
            while dispute.now.status in OPEN_AT_STRIPE:
                dispute.history.append(dispute.steps()[-1 - which % 2])
                self.harness.events.append(Event(kind="dispute", intent=intent, subject=dispute))

    def _check_rest(self, order: Order) -> None:
        """Check that nothing waits, and that the seller has the seller's part to the cent."""
        assert all(refund.status != "pending" for refund in order.refunds)
        if order.settling is None:
            return
        part = order.money().final_seller_part if order.is_released else 0
        is_held = any(payment.held > 0 for payment in order.payments.values())
        made_outside = {
            reversal.id
            for transfer in self.sender.transfers
            if transfer.order_id == order.id
            for reversal in transfer.reversals
            if reversal.outbox_id is None
        }
        if order.state == "released" and not is_held and not made_outside:
            assert order.transferred == part
        assert order.transferred <= max(part, 0)

    def _deliver(self, event: Event, age: int) -> None:
        history = getattr(event.subject, "history", [None])
        self.harness.deliver(event, max(0, len(history) - 1 - age))
        self.sender.forget_paid()

    def _pay(self, intent: Intent) -> None:
        intent.status = "succeeded"
        self.harness.events.append(Event(kind="paid", intent=intent))

    def _order(self, which: int) -> Order:
        orders = list(self.market.orders.values())
        return orders[which % len(orders)]

    def _open_intents(self) -> list[Intent]:
        return [intent for intent in self.harness.intents if intent.status == "open"]

    def _unsettled(self) -> list[Event]:
        return [event for event in self.harness.events if event.id not in self.harness.settled]

    def _on_their_way(self) -> list[Order]:
        states = {before for before, _, _ in ON_ITS_WAY}
        return [order for order in self.market.orders.values() if order.state in states]

    def _captured(self) -> list[tuple[Order, Payment]]:
        return [
            (order, payment)
            for order in self.market.orders.values()
            for payment in order.payments.values()
            if payment.is_captured
        ]

    def _has_one_source(self, order: Order) -> bool:
        """Return true unless two strays were captured in one transaction: neither is older."""
        owed = [p for p in order.payments.values() if p.is_captured and p.money().left > 0]
        return any(payment.settles for payment in owed) or len(owed) < 2

    def _paid_intents(self) -> list[Intent]:
        return [intent for intent in self.harness.intents if intent.status == "succeeded"]

    def _refundable(self) -> list[Intent]:
        return [intent for intent in self._paid_intents() if intent.refundable > 0]

    def _disputable(self) -> list[Intent]:
        return [intent for intent in self._paid_intents() if not intent.disputes]

    def _unsure_refunds(self) -> list[tuple[Intent, BankRefund]]:
        return [
            (intent, refund)
            for intent in self.harness.intents
            for refund in intent.refunds
            if refund.status in ("pending", "succeeded")
        ]

    def _unsure_disputes(self) -> list[tuple[Intent, BankDispute]]:
        return [
            (intent, dispute)
            for intent in self.harness.intents
            for dispute in intent.disputes
            if dispute.steps()
        ]
