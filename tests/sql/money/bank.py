"""Objects at Stripe as the oracle records them, with a history that only grows."""

import dataclasses
from uuid import UUID


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One state of a dispute at Stripe."""

    status: str
    withdrawn: int
    reinstated: int = 0


@dataclasses.dataclass(slots=True, kw_only=True)
class BankRefund:
    """A refund at Stripe."""

    id: str
    cents: int
    #: The outbox row that made it; a refund made in Stripe's dashboard has none.
    outbox_id: str | None
    history: list[str]

    @property
    def status(self) -> str:
        """Return its status as it is now."""
        return self.history[-1]


@dataclasses.dataclass(slots=True, kw_only=True)
class BankDispute:
    """A dispute at Stripe; a reading returns one entry of its history."""

    id: str
    cents: int
    history: list[Reading]

    @property
    def now(self) -> Reading:
        """Return its newest state."""
        return self.history[-1]

    def steps(self) -> list[Reading]:
        """Return the states that may follow."""
        now = self.now
        if now.status.startswith("warning_"):
            ends = [Reading(status="warning_closed", withdrawn=0)]
            review = [Reading(status="warning_under_review", withdrawn=0)]
            escalated = [Reading(status="needs_response", withdrawn=0)]
            return {
                "warning_needs_response": review + escalated + ends,
                "warning_under_review": escalated + ends,
            }.get(now.status, [])
        taken = dataclasses.replace(now, withdrawn=self.cents)
        given_back = dataclasses.replace(taken, reinstated=self.cents)
        partly = dataclasses.replace(taken, reinstated=max(now.reinstated, self.cents // 2))
        closed = [
            dataclasses.replace(state, status=status)
            for status in ("won", "lost", "lost", "prevented")
            for state in ((taken, given_back) if status == "won" else (taken,))
        ]
        after = {
            "needs_response": [
                taken,
                dataclasses.replace(taken, status="under_review"),
                dataclasses.replace(now, status="under_review"),
                *closed,
            ],
            "under_review": [taken, *closed],
            "won": [taken, given_back],
            "lost": [partly, given_back],
            "prevented": [given_back],
        }
        return [state for state in after[now.status] if state != now]


@dataclasses.dataclass(slots=True, kw_only=True)
class BankReversal:
    """A reversal of a transfer at Stripe."""

    id: str
    cents: int
    outbox_id: str | None
    dedupe_key: str | None


@dataclasses.dataclass(slots=True, kw_only=True)
class BankTransfer:
    """A transfer at Stripe."""

    id: str
    order_id: UUID
    cents: int
    outbox_id: str | None
    dedupe_key: str | None
    reversals: list[BankReversal] = dataclasses.field(default_factory=list)

    @property
    def left(self) -> int:
        """Return what was not reversed."""
        return self.cents - sum(reversal.cents for reversal in self.reversals)


@dataclasses.dataclass(slots=True, kw_only=True)
class Intent:
    """A PaymentIntent with the charge that paid it."""

    id: str
    order_id: UUID
    cents: int
    currency: str = "aud"
    buyer_id: UUID | None = None
    status: str = "open"
    declines: list[str] = dataclasses.field(default_factory=list)
    refunds: list[BankRefund] = dataclasses.field(default_factory=list)
    disputes: list[BankDispute] = dataclasses.field(default_factory=list)

    @property
    def charge_id(self) -> str:
        """Return the id of the charge that pays it."""
        return f"ch_{self.id}"

    @property
    def refundable(self) -> int:
        """Return the amount that Stripe would still refund, less disputed money."""
        states = [dispute.now for dispute in self.disputes]
        if any(state.status in ("needs_response", "under_review") for state in states):
            return 0
        taken = sum(state.withdrawn - state.reinstated for state in states)
        given = sum(r.cents for r in self.refunds if r.status in ("pending", "succeeded"))
        return max(0, self.cents - given - taken)
