"""The ledger of one payment by the rules of the marketplace, in plain Python.

Each account is a function of the facts alone. So the sequence in which facts arrive cannot matter.
"""

import dataclasses
from collections import Counter


def fee(cents: int, bps: int = 500) -> int:
    """Return the fee of an amount; half a cent is rounded away from zero."""
    rounded = (abs(cents) * bps + 5_000) // 10_000
    return rounded if cents >= 0 else -rounded


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """The facts about one captured payment, in cents."""

    captured: int
    pending: int = 0
    succeeded: int = 0
    held: int = 0
    lost: int = 0
    #: Transferred to the seller and not reversed; only the payment that settles has transfers.
    transferred: int = 0
    #: The payment settles its order, and the order was released.
    is_released: bool = False
    bps: int = 500

    @property
    def borne(self) -> int:
        """Return the part of lost disputes that the order's money covers; we cover the rest."""
        return max(0, min(self.lost, self.captured - self.pending - self.succeeded))

    @property
    def left(self) -> int:
        """Return the amount that is neither refunded, nor reserved for a refund, nor lost."""
        return self.captured - self.pending - self.succeeded - self.borne

    @property
    def seller_part(self) -> int:
        """Return the seller's part of what is left."""
        return self.left - fee(self.left, self.bps)

    @property
    def final_seller_part(self) -> int:
        """Return the seller's part if no pending refund succeeds."""
        return dataclasses.replace(self, pending=0).seller_part

    @property
    def kept(self) -> int:
        """Return the amount that was neither refunded nor lost; a pending refund counts as kept."""
        return self.captured - self.succeeded - self.borne

    def balances(self) -> Counter[str]:
        """Return the balance of each account; a debit is positive."""
        left, fee_cents = self.left, fee(self.left, self.bps)
        accounts = {
            "stripe_clearing": (
                self.captured - self.succeeded - self.held - self.lost - self.transferred
            ),
            "refunds": -self.pending,
            "dispute_hold": self.held,
            "buyer": 0 if self.is_released else -left,
            "seller_payable": self.transferred - (left - fee_cents if self.is_released else 0),
            "platform_fee": self.lost - self.borne - (fee_cents if self.is_released else 0),
        }
        assert sum(accounts.values()) == 0
        return Counter(accounts)
