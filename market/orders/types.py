"""Plain values of the orders domain."""

import dataclasses
import enum


class OrderState(enum.StrEnum):
    """The state of an order, spelled as in SQL."""

    PENDING_PAYMENT = "pending_payment"
    PAID = "paid"
    READY_FOR_HANDOVER = "ready_for_handover"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    RELEASED = "released"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"
    DISPUTED = "disputed"


class OrderAction(enum.StrEnum):
    """An action of a party; SQL decides which party may take it in which state."""

    MARK_READY = "mark_ready"
    MARK_SHIPPED = "mark_shipped"
    CONFIRM_DELIVERY = "confirm_delivery"
    RELEASE_FUNDS = "release_funds"
    CANCEL = "cancel"
    REFUND = "refund"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult:
    """The order after an action.

    A release has the seller's part. A cancellation or refund of a paid order has its refund; the
    state changes when the refund has succeeded.
    """

    state: str
    updated_at: str
    seller_amount_cents: int | None
    refund_amount_cents: int | None
    refund_status: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NewPickup:
    """A pickup code and the same secret for a QR code, as only the seller sees them."""

    code6: str = dataclasses.field(repr=False)
    qr_token: str = dataclasses.field(repr=False)
    expires_at: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ParcelStep:
    """A step of a parcel, as the seller enters it; SQL cleans and checks the texts."""

    status: str
    description: str | None
    location: str | None
    event_time: str | None
