"""The facts about an order that the oracle keeps. It computes all sums from them."""

import dataclasses
from datetime import datetime
from uuid import UUID

from tests.sql.money.bank import Reading
from tests.sql.money.books import Money


ENDED = ("refunded", "cancelled")
OPEN_AT_STRIPE = (
    "warning_needs_response",
    "warning_under_review",
    "needs_response",
    "under_review",
)
CAPTURED = ("captured", "partially_refunded", "refunded")
#: Every move that an order may make.
MOVES = {
    "pending_payment": ("paid", "cancelled"),
    "paid": ("ready_for_handover", "shipped", "delivered", "cancelled", "refunded", "disputed"),
    "ready_for_handover": ("shipped", "delivered", "cancelled", "refunded", "disputed"),
    "shipped": ("delivered", "refunded", "disputed"),
    "delivered": ("released", "refunded", "disputed"),
    "released": ("disputed", "refunded"),
    "disputed": ("released", "refunded", "paid", "ready_for_handover", "shipped", "delivered"),
    "refunded": (),
    "cancelled": (),
}


@dataclasses.dataclass(slots=True, kw_only=True)
class Refund:
    """A refund as the marketplace knows it."""

    cents: int
    target: str
    #: The key of the request; a refund made in Stripe's dashboard has none.
    key: str | None = None
    initiated_by: UUID | None = None
    stripe_id: str | None = None
    outbox_id: str | None = None
    status: str = "pending"
    reason: str | None = None


@dataclasses.dataclass(slots=True, kw_only=True)
class StripeDispute:
    """A dispute at Stripe, with the newest reading that was applied."""

    id: str
    cents: int
    reading: Reading
    index: int

    @property
    def is_open(self) -> bool:
        """Return true if the bank has not decided."""
        return self.reading.status in OPEN_AT_STRIPE

    @property
    def net(self) -> int:
        """Return the amount that the bank has taken and not given back."""
        return self.reading.withdrawn - self.reading.reinstated

    @property
    def is_lost(self) -> bool:
        """Return true if the money stays with the buyer for good."""
        if self.is_open or self.reading.status in ("won", "warning_closed"):
            return False
        return self.reading.status == "lost" or self.net > 0


@dataclasses.dataclass(slots=True, kw_only=True)
class OwnDispute:
    """A dispute between buyer and seller, which staff decide."""

    id: UUID
    decision: str | None = None
    refund_cents: int | None = None

    @property
    def key(self) -> str:
        """Return the key of the refund that staff may decide on."""
        return f"dispute:{self.id}"


@dataclasses.dataclass(slots=True, kw_only=True)
class Payment:
    """One intent of an order."""

    intent_id: str
    status: str = "requires_payment"
    cents: int
    currency: str = "aud"
    charge_id: str | None = None
    settles: bool = False
    refunds: list[Refund] = dataclasses.field(default_factory=list)
    disputes: list[StripeDispute] = dataclasses.field(default_factory=list)

    @property
    def is_captured(self) -> bool:
        """Return true once money came in."""
        return self.status in CAPTURED

    @property
    def held(self) -> int:
        """Return what banks hold for disputes that are not lost."""
        return sum(dispute.net for dispute in self.disputes if not dispute.is_lost)

    @property
    def succeeded(self) -> int:
        """Return the amount that was refunded."""
        return sum(refund.cents for refund in self.refunds if refund.status == "succeeded")

    def money(self, *, transferred: int = 0, is_released: bool = False) -> Money:
        """Return the sums of all that is known about this payment."""
        return Money(
            captured=self.cents,
            pending=sum(refund.cents for refund in self.refunds if refund.status == "pending"),
            succeeded=self.succeeded,
            held=self.held,
            lost=sum(dispute.net for dispute in self.disputes if dispute.is_lost),
            transferred=transferred,
            is_released=is_released,
        )


@dataclasses.dataclass(slots=True, kw_only=True)
class Transfer:
    """A transfer that Stripe has made to the seller."""

    id: str
    cents: int
    reversals: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def reversed(self) -> int:
        """Return the amount that was reversed."""
        return sum(self.reversals.values())

    @property
    def left(self) -> int:
        """Return the amount that was not reversed."""
        return self.cents - self.reversed


@dataclasses.dataclass(slots=True, kw_only=True)
class Order:
    """An order with its payments, disputes and transfers."""

    id: UUID
    cents: int
    buyer_id: UUID
    seller_id: UUID
    due_at: datetime
    state: str = "pending_payment"
    before: str | None = None
    intent_id: str | None = None
    times: dict[str, datetime] = dataclasses.field(default_factory=dict)
    history: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    payments: dict[str, Payment] = dataclasses.field(default_factory=dict)
    disputes: list[OwnDispute] = dataclasses.field(default_factory=list)
    transfers: dict[str, Transfer] = dataclasses.field(default_factory=dict)

    @property
    def is_ended(self) -> bool:
        """Return true if the order's state is final."""
        return self.state in ENDED

    @property
    def is_released(self) -> bool:
        """Return true if the money was released to the seller."""
        return "released_at" in self.times

    @property
    def settling(self) -> Payment | None:
        """Return the payment that settles the order."""
        return next((p for p in self.payments.values() if p.settles), None)

    @property
    def refunds(self) -> list[Refund]:
        """Return the refunds of all its payments."""
        return [refund for payment in self.payments.values() for refund in payment.refunds]

    @property
    def is_refund_pending(self) -> bool:
        """Return true while a refund of the settling payment is pending."""
        return self.settling is not None and any(
            refund.status == "pending" for refund in self.settling.refunds
        )

    @property
    def transferred(self) -> int:
        """Return the amount of all transfers that was not reversed."""
        return sum(transfer.left for transfer in self.transfers.values())

    @property
    def is_in_dispute(self) -> bool:
        """Return true while a dispute keeps the order: open, or its refund is not made yet."""
        pending = {refund.key for refund in self.refunds if refund.status == "pending"}
        at_stripe = [] if self.settling is None else self.settling.disputes
        return any(dispute.is_open for dispute in at_stripe) or any(
            dispute.decision is None or dispute.key in pending for dispute in self.disputes
        )

    def money(self) -> Money:
        """Return the sums of the settling payment."""
        assert self.settling is not None
        return self.settling.money(transferred=self.transferred, is_released=self.is_released)

    def move(self, state: str, now: datetime) -> None:
        """Move on, as the table allows."""
        assert state in MOVES[self.state]
        self.history.append((self.state, state))
        self.before = self.state if state == "disputed" else None
        self.state = state
        name = {"ready_for_handover": "ready_at"}.get(state, f"{state}_at")
        if state in ENDED:
            self.times[name] = now
        elif state != "disputed":
            self.times.setdefault(name, now)

    def follow(self, now: datetime) -> None:
        """Set the state that follows from refunds and disputes."""
        if self.is_ended or self.settling is None:
            return
        if self.settling.succeeded == self.settling.cents:
            self._end(now)
        elif self.is_in_dispute:
            if self.state != "disputed":
                self.move("disputed", now)
        elif self.money().kept == 0:
            self._end(now)
        elif self.state == "disputed":
            assert self.before is not None
            self.move(self.before, now)

    def _end(self, now: datetime) -> None:
        """End the order, whose money is gone: cancelled if that was wanted before a handover."""
        assert self.settling is not None
        state = self.before or self.state
        is_cancelled = state in ("paid", "ready_for_handover") and any(
            refund.target == "cancelled" and refund.status == "succeeded"
            for refund in self.settling.refunds
        )
        if is_cancelled and self.state == "disputed":
            self.move(state, now)
        self.move("cancelled" if is_cancelled else "refunded", now)
