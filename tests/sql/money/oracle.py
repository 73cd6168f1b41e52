"""The money of the marketplace by its rules, in plain Python."""

from datetime import datetime, timedelta
from uuid import UUID

from tests.sql.money.bank import BankDispute, BankRefund, BankTransfer, Intent
from tests.sql.money.records import (
    ENDED,
    Order,
    OwnDispute,
    Payment,
    Refund,
    StripeDispute,
    Transfer,
)


DAY = timedelta(days=1)
DELIVERED_AFTER, RELEASED_AFTER, HANDOVER_DUE = 14 * DAY, 3 * DAY, 14 * DAY
BETWEEN = ("paid", "ready_for_handover", "shipped", "delivered")
#: An action of a party, the state that it needs, and where it leads.
ACTIONS = {
    ("mark_ready", "seller"): {"paid": "ready_for_handover"},
    ("mark_shipped", "seller"): {"ready_for_handover": "shipped"},
    ("confirm_delivery", "buyer"): {"shipped": "delivered"},
    ("release_funds", "buyer"): {"delivered": "released"},
    ("cancel", "buyer"): {"pending_payment": "cancelled", "paid": "cancelled"},
    ("cancel", "seller"): dict.fromkeys(
        ("pending_payment", "paid", "ready_for_handover"), "cancelled"
    ),
    ("refund", "seller"): dict.fromkeys(BETWEEN, "refunded"),
}
DONE, SEEN, IGNORED = "processed", "order_already_processed", "ignored"
EARLY, CONTRADICTED = "PREDECESSOR_MISSING", "REFUND_CONTRADICTED"


class Market:
    """All orders, and the rules by which they change.

    Each method returns the caller's answer: the outcome of an event, the code of a refusal or
    of an error, or None when the request was granted.
    """

    def __init__(self) -> None:
        self.orders: dict[UUID, Order] = {}
        self.is_seller_ready = True

    def payment(self, intent_id: str) -> tuple[Order, Payment] | None:
        """Return an intent that is known, with its order."""
        for order in self.orders.values():
            if intent_id in order.payments:
                return order, order.payments[intent_id]
        return None

    def attach(self, order: Order, intent: Intent, now: datetime) -> str | None:
        """Make an intent the current one, if the order can be paid and has none."""
        if order.state != "pending_payment" or order.due_at <= now:
            return "TRANSACTION_FAILED"
        if order.intent_id is None:
            order.payments[intent.id] = Payment(intent_id=intent.id, cents=order.cents)
            order.intent_id = intent.id
        return None

    def succeeded(self, order_id: UUID, intent: Intent, now: datetime) -> str:
        """Settle the order, or keep the money as a stray and send it back."""
        order = self.orders.get(order_id)
        if order is None:
            return "order_not_found"
        known = self.payment(intent.id)
        if known is not None and known[0] is not order:
            return IGNORED
        if known is not None and known[1].is_captured:
            return SEEN
        payment = order.payments[intent.id] = Payment(
            intent_id=intent.id,
            status="captured",
            cents=intent.cents,
            currency=intent.currency,
            charge_id=intent.charge_id,
            settles=(order.state, order.intent_id, order.cents, "aud", order.buyer_id)
            == ("pending_payment", intent.id, intent.cents, intent.currency, intent.buyer_id),
        )
        if payment.settles:
            order.move("paid", now)
            return DONE
        if order.state == "pending_payment" and order.intent_id == intent.id:
            order.intent_id = None
        self._reserve(payment, payment.cents, "none", f"auto_refund:{intent.id}")
        return DONE

    def declined(self, order: Order, intent: Intent, charge_id: str) -> str:
        """Record a decline, unless the intent has ended."""
        payment = order.payments.setdefault(
            intent.id, Payment(intent_id=intent.id, cents=order.cents)
        )
        is_known = payment.status == "failed" and payment.charge_id == charge_id
        if is_known or payment.status not in ("requires_payment", "failed"):
            return SEEN
        payment.status, payment.charge_id = "failed", charge_id
        return DONE

    def canceled(self, order: Order, intent: Intent) -> str:
        """Detach an intent that Stripe has canceled."""
        payment = order.payments.setdefault(
            intent.id, Payment(intent_id=intent.id, cents=order.cents)
        )
        if order.state == "pending_payment" and order.intent_id == intent.id:
            order.intent_id = None
        if payment.is_captured or payment.status == "cancelled":
            return SEEN
        payment.status = "cancelled"
        return DONE

    def act(self, order: Order, action: str, who: str, now: datetime) -> str | None:
        """Let a party take an action."""
        moves = ACTIONS.get((action, who))
        if moves is None:
            return "FORBIDDEN"
        if order.state in moves.values() or self._is_asked_for(order, moves):
            return None
        if order.state not in moves or order.is_refund_pending:
            return "CONFLICT"
        target = moves[order.state]
        if target not in ENDED or order.state == "pending_payment":
            order.move(target, now)
            return None
        payment = order.settling
        assert payment is not None
        if payment.held > 0:
            return "CONFLICT"
        self._reserve(payment, payment.money().left, target, f"{action}:{len(order.refunds)}")
        return None

    def request(
        self,
        order: Order,
        payment: Payment | None,
        cents: int | None,
        who: str,
        key: str,
    ) -> str | None:
        """Reserve a refund of the payment, as the seller, the buyer, staff, or our own jobs."""
        left = None if payment is None else payment.money().left
        is_owed = (
            payment is not None
            and payment.money().left > 0
            and (not payment.settles or order.is_ended)
        )
        if who not in ("seller", "staff") and not (is_owed and who == "us"):
            return "FORBIDDEN"
        may_refund = {"released": who == "staff"}.get(order.state, order.state in BETWEEN)
        if not (who in ("staff", "us") if is_owed else may_refund):
            return "CONFLICT"
        assert payment is not None
        assert left is not None
        if payment.held > 0:
            return "CONFLICT"
        amount = left if cents is None else cents
        if not 1 <= amount <= left:
            return "VALIDATION_ERROR"
        target = "refunded" if payment.settles else "none"
        if payment.settles and order.state == "cancelled":
            target = "cancelled"
        self._reserve(payment, amount, target, key)
        return None

    def refunded(
        self, intent: Intent, refund: BankRefund, status: str, now: datetime, *, is_event: bool
    ) -> str:
        """Apply a status of a refund at Stripe, from its event or from the answer to our call."""
        known = self.payment(intent.id)
        if known is None or not known[1].is_captured:
            return EARLY
        order, payment = known
        ours = self._match(payment, refund)
        before = None if ours is None else ours.status
        others = sum(r.cents for r in payment.refunds if r.status == "succeeded" and r is not ours)
        status = status if status in ("succeeded", "failed", "canceled") else "pending"
        is_contradicted = (
            status == "succeeded"
            and before in (None, "pending")
            and others + refund.cents > payment.cents
        )
        if is_contradicted and is_event:
            return CONTRADICTED
        if is_contradicted:
            status = "pending"
        if ours is None:
            ours = Refund(cents=refund.cents, target="refunded" if payment.settles else "none")
            payment.refunds.append(ours)
        ours.stripe_id = ours.stripe_id or refund.id
        is_news = before is None or (
            status != before
            and (
                before == "pending" or (before == "succeeded" and status in ("failed", "canceled"))
            )
        )
        if is_news:
            ours.status = status
            self._after_refund(order, payment, now)
        return DONE if is_news else SEEN

    def refused(self, refund: Refund, order: Order, payment: Payment, now: datetime) -> None:
        """Give up a refund that Stripe has refused for good."""
        refund.status = "failed"
        self._after_refund(order, payment, now)

    def disputed(self, intent: Intent, dispute: BankDispute, index: int, now: datetime) -> str:
        """Apply a reading of a dispute at Stripe, unless a newer one was applied."""
        known = self.payment(intent.id)
        if known is None or not known[1].is_captured:
            return EARLY
        order, payment = known
        ours = next((d for d in payment.disputes if d.id == dispute.id), None)
        if ours is not None and index <= ours.index:
            return SEEN
        if ours is not None:
            payment.disputes.remove(ours)
        payment.disputes.append(
            StripeDispute(
                id=dispute.id, cents=dispute.cents, reading=dispute.history[index], index=index
            )
        )
        if payment.settles:
            order.follow(now)
        return DONE

    def open_dispute(self, order: Order, who: str) -> str | None:
        """Return the reason why a dispute cannot be opened; `add_dispute` records it."""
        if who not in ("buyer", "seller"):
            return "FORBIDDEN"
        return "CONFLICT" if order.is_refund_pending or order.state not in BETWEEN else None

    def add_dispute(self, order: Order, dispute_id: UUID, now: datetime) -> None:
        """Record a dispute between the parties."""
        order.disputes.append(OwnDispute(id=dispute_id))
        order.follow(now)

    def decide(
        self, order: Order, dispute: OwnDispute, decision: str, cents: int | None, now: datetime
    ) -> str | None:
        """Decide a dispute between the parties, as staff."""
        payment = order.settling
        assert payment is not None
        if dispute.decision is not None:
            return "CONFLICT"
        left = payment.money().left
        amount = {"refund": left, "partial": cents}.get(decision)
        if decision != "deny":
            if payment.held > 0 or order.state != "disputed" or order.is_refund_pending:
                return "CONFLICT"
            if amount is None or not 1 <= amount <= left:
                return "VALIDATION_ERROR"
            self._reserve(payment, amount, "refunded", dispute.key)
        dispute.decision, dispute.refund_cents = decision, amount
        order.follow(now)
        return None

    def transfer_refusal(self, order: Order) -> bool:
        """Return true if the seller must not be paid now, nor later as things stand."""
        disputes = [d for payment in order.payments.values() for d in payment.disputes]
        return (
            order.state != "released"
            or order.is_refund_pending
            or any(dispute.is_open for dispute in disputes)
            or any(payment.held > 0 for payment in order.payments.values())
            or self.due(order) <= 0
        )

    def due(self, order: Order) -> int:
        """Return what is still to be transferred to the seller of a released order."""
        return order.money().seller_part - order.transferred

    def transferred(self, transfer: BankTransfer) -> str:
        """Apply a transfer with its reversals, each once."""
        order = self.orders[transfer.order_id]
        if order.settling is None:
            return EARLY
        ours = order.transfers.get(transfer.id)
        is_news = ours is None
        if ours is None:
            ours = order.transfers[transfer.id] = Transfer(id=transfer.id, cents=transfer.cents)
        for reversal in transfer.reversals:
            is_news = is_news or reversal.id not in ours.reversals
            ours.reversals[reversal.id] = reversal.cents
        return DONE if is_news else SEEN

    def sent(self, transfer: BankTransfer) -> None:
        """Apply Stripe's answer to a transfer, which had no reversals then."""
        ours = self.orders[transfer.order_id].transfers
        ours.setdefault(transfer.id, Transfer(id=transfer.id, cents=transfer.cents))

    def settle_due(self, now: datetime) -> int:
        """Move orders that are overdue; return their number."""
        count = 0
        for order in self.orders.values():
            if order.is_refund_pending:
                continue
            since = {"shipped": "shipped_at", "delivered": "delivered_at"}.get(
                order.state, "paid_at"
            )
            waited = now - order.times.get(since, now)
            if order.state == "shipped" and waited >= DELIVERED_AFTER:
                order.move("delivered", now)
            elif order.state == "delivered" and waited >= RELEASED_AFTER:
                order.move("released", now)
            elif order.state in BETWEEN[:2] and waited >= HANDOVER_DUE:
                if not self._refund_overdue(order):
                    continue
            else:
                continue
            count += 1
        return count

    def expire(self, now: datetime) -> int:
        """Cancel unpaid orders that nobody can pay any more; return their number."""
        overdue = [
            order
            for order in self.orders.values()
            if order.state == "pending_payment" and order.due_at <= now and not order.intent_id
        ]
        for order in overdue:
            order.move("cancelled", now)
        return len(overdue)

    def _refund_overdue(self, order: Order) -> bool:
        payment, key = order.settling, f"not_handed_over:{order.id}"
        assert payment is not None
        if payment.held > 0 or any(refund.key == key for refund in order.refunds):
            return False
        self._reserve(payment, payment.money().left, "cancelled", key)
        return True

    @staticmethod
    def _is_asked_for(order: Order, moves: dict[str, str]) -> bool:
        """Return true if the refund that an action needs has been reserved before."""
        target = moves.get(order.state)
        return (
            target in ENDED
            and order.settling is not None
            and order.money().left == 0
            and any(r.status == "pending" and r.target == target for r in order.refunds)
        )

    @staticmethod
    def _match(payment: Payment, refund: BankRefund) -> Refund | None:
        """Return our row of a refund: by Stripe's id, else by the outbox row that made it."""
        by_id = [r for r in payment.refunds if r.stripe_id == refund.id]
        by_row = [
            r
            for r in payment.refunds
            if r.stripe_id is None
            and r.status == "pending"
            and r.outbox_id is not None
            and r.outbox_id == refund.outbox_id
        ]
        return next(iter(by_id + by_row), None)

    @staticmethod
    def _reserve(payment: Payment, cents: int, target: str, key: str) -> None:
        payment.refunds.append(Refund(cents=cents, target=target, key=key))

    @staticmethod
    def _after_refund(order: Order, payment: Payment, now: datetime) -> None:
        if payment.succeeded == 0:
            payment.status = "captured"
        else:
            is_all = payment.succeeded == payment.cents
            payment.status = "refunded" if is_all else "partially_refunded"
        if payment.settles:
            order.follow(now)
