"""Plain values of the payments domain."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CapturedPayment:
    """Money that Stripe received for one order.

    `order_id` is the text in the intent's metadata, which may name no order. A field that Stripe
    does not send in a known form is None; SQL decides whether it can do without.
    """

    order_id: str
    payment_intent_id: str | None
    charge_id: str | None
    amount_cents: int | None
    currency: str | None
    buyer_id: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeclinedPayment:
    """A declined try to pay; the buyer may try again with the same intent."""

    order_id: str
    payment_intent_id: str | None
    charge_id: str | None
    error_message: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money on its way back to a buyer; `status` is Stripe's word.

    `outbox_id` names the outbox row that the refund was made for. By it SQL finds our refund when
    the event arrives before Stripe's answer. It is None for a refund made in Stripe's dashboard.
    """

    stripe_refund_id: str | None
    outbox_id: str | None
    payment_intent_id: str
    amount_cents: int | None
    status: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A dispute at Stripe; `status` and `reason` are Stripe's words.

    `withdrawn_cents` and `reinstated_cents` are all the money that Stripe has taken and given back
    for it so far. A field that Stripe does not send in a known form is None; SQL decides whether it
    can do without.
    """

    stripe_dispute_id: str | None
    payment_intent_id: str | None
    charge_id: str | None
    amount_cents: int | None
    currency: str | None
    status: str | None
    reason: str | None
    withdrawn_cents: int | None
    reinstated_cents: int | None
    created: int | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PaymentTerms:
    """Every parameter of the intent for one attempt to pay.

    `payment_intent_id` is the order's current intent, if it has one. `answered_errors` counts the
    errors that Stripe answered to this attempt; the first came at `first_error`, in Unix seconds.
    """

    order_id: str
    buyer_id: str
    attempt: int
    answered_errors: int
    first_error: int | None
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
    """An order that a payment has settled; the amount is what Stripe received."""

    order_id: str
    state: str
    amount_cents: int | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RequestedRefund:
    """A refund that is reserved; the outbox sends it to Stripe."""

    refund_id: str
    status: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """Money that Stripe has moved on our balance, before its fee, for a source of this kind.

    `created` is in Unix seconds. An id of an intent or transfer, or else `order_ref`, leads to the
    order.
    """

    id: str
    source_id: str
    kind: str
    amount_cents: int
    currency: str
    payment_intent_id: str | None
    transfer_id: str | None
    order_ref: str | None
    created: int
