"""Plain values of the payments domain."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CapturedPayment:
    """Money that Stripe holds for one order; `order_id` is what the intent says, true or not."""

    order_id: str
    payment_intent_id: str
    charge_id: str | None
    amount_cents: int
    currency: str
    buyer_id: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeclinedPayment:
    """A try to pay that did not go through; another one may."""

    order_id: str
    payment_intent_id: str
    charge_id: str | None
    error_message: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money on its way back to a buyer; `status` is Stripe's word for how far it is.

    `outbox_id` names the request of ours that Stripe carries out, if it is ours: the event may
    come before Stripe's answer, when `stripe_refund_id` is still new to us.
    """

    stripe_refund_id: str
    outbox_id: str | None
    payment_intent_id: str
    amount_cents: int
    status: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PaymentTerms:
    """All that the intent of one try to pay is made of; `payment_intent_id` is one made before."""

    order_id: str
    buyer_id: str
    attempt: int
    amount_cents: int
    currency: str
    listing_title: str
    receipt_email: str | None = dataclasses.field(repr=False)
    payment_intent_id: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OpenIntent:
    """An intent that can be paid, with the secret that lets the buyer's browser do it."""

    payment_intent_id: str
    client_secret: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PaidOrder:
    """An order that a payment has settled."""

    order_id: str
    state: str
    amount_cents: int
