"""PaymentIntents: made, shown, changed, canceled: https://docs.stripe.com/api/payment_intents."""

from devstack.stripe.errors import refused
from devstack.stripe.lists import equals, read_page
from devstack.stripe.params import Params, merge_metadata
from devstack.stripe.resources import confirmation, customers, intent_fields, payment_methods
from devstack.stripe.store import Json
from devstack.stripe.transaction import Answer, Transaction


#: Until the money moves; from then on an intent's amount is history.
OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
_CANCELABLE = (*OPEN, "requires_capture", "processing")
_CANCELLATION_REASONS = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")


def create(tx: Transaction, params: Params) -> Json | Answer:
    """`POST /v1/payment_intents`; with `confirm` it is paid, or declined, in the same call."""
    intent = intent_fields.read_new(tx, params)
    intent["customer"] = customers.read_id(tx, params, "customer")
    method = confirmation.read_method(tx, params)
    is_confirmed = params.boolean("confirm")
    options = confirmation.read_options(params)
    params.finish()

    if method is not None:
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    tx.store.insert(intent)
    tx.emit("payment_intent.created", intent)
    return confirmation.attempt(tx, intent, method, options) if is_confirmed else intent


def retrieve(tx: Transaction, params: Params, intent_id: str) -> Json:
    """`GET /v1/payment_intents/:id`; the buyer's browser shows the client secret."""
    secret = params.text("client_secret")
    params.finish()
    intent = _get(tx, intent_id)
    confirmation.check_secret(tx, intent, secret)
    return intent


def list_page(tx: Transaction, params: Params) -> Json:
    """`GET /v1/payment_intents`."""
    conditions = equals("customer", params.text("customer"))
    return read_page(
        tx.store, params, "payment_intent", url="/v1/payment_intents", conditions=conditions
    )


def update(tx: Transaction, params: Params, intent_id: str) -> Json:
    """`POST /v1/payment_intents/:id`; Stripe tells nobody about it."""
    changes = intent_fields.read_changes(params)
    customer_id = customers.read_id(tx, params, "customer")
    if customer_id is not None:
        changes["customer"] = customer_id
    method = confirmation.read_method(tx, params)
    metadata = params.metadata()
    params.finish()

    intent = _get(tx, intent_id)
    for name in ("amount", "currency"):
        if name in changes and changes[name] != intent[name] and intent["status"] not in OPEN:
            raise _unexpected(
                intent,
                f"This PaymentIntent's {name} could not be updated because it has a status of "
                f"{intent['status']}. You may only update the {name} of a PaymentIntent with one "
                f"of the following statuses: {', '.join(OPEN)}.",
            )
    if "amount" in changes or "currency" in changes:
        intent_fields.check_amount(
            **{name: (intent | changes)[name] for name in ("amount", "currency")}
        )
    if method is not None and intent["status"] in OPEN:
        changes |= {"payment_method": method["id"], "status": "requires_confirmation"}
        changes["next_action"] = None
    intent |= changes
    intent["metadata"] = merge_metadata(intent["metadata"], metadata)
    tx.store.replace(intent)
    return intent


def cancel(tx: Transaction, params: Params, intent_id: str) -> Json:
    """`POST /v1/payment_intents/:id/cancel`; a second time is refused."""
    reason = params.choice("cancellation_reason", _CANCELLATION_REASONS)
    params.finish()

    intent = _get(tx, intent_id)
    if intent["status"] not in _CANCELABLE:
        raise _unexpected(
            intent,
            "You cannot cancel this PaymentIntent because it has a status of "
            f"{intent['status']}. Only a PaymentIntent with one of the following statuses may be "
            f"canceled: {', '.join(_CANCELABLE)}.",
        )
    intent |= {
        "amount_capturable": 0,
        "canceled_at": tx.now,
        "cancellation_reason": reason,
        "next_action": None,
        "status": "canceled",
    }
    tx.store.replace(intent)
    tx.emit("payment_intent.canceled", intent)
    return intent


def confirm(tx: Transaction, params: Params, intent_id: str) -> Json | Answer:
    """`POST /v1/payment_intents/:id/confirm`, by us or with the client secret by the buyer."""
    secret = params.text("client_secret")
    method = confirmation.read_method(tx, params)
    options = confirmation.read_options(params)
    has_receipt, receipt = params.has("receipt_email"), params.email("receipt_email")
    params.finish()

    intent = _get(tx, intent_id)
    confirmation.check_secret(tx, intent, secret)
    if intent["status"] not in OPEN:
        raise _unexpected(intent, _why_not_confirmable(intent["status"]))
    if has_receipt:
        intent["receipt_email"] = receipt
    if method is None and intent["payment_method"] is not None:
        method = payment_methods.resolve(tx, intent["payment_method"])
    return confirmation.attempt(tx, intent, method, options)


def capture(tx: Transaction, params: Params, intent_id: str) -> Json:
    """`POST /v1/payment_intents/:id/capture`, of the whole or a part; the rest is let go."""
    amount = params.positive("amount_to_capture")
    metadata = params.metadata()
    params.finish()

    intent = _get(tx, intent_id)
    if intent["status"] != "requires_capture":
        raise _unexpected(
            intent,
            "This PaymentIntent could not be captured because it has a status of "
            f"{intent['status']}. Only a PaymentIntent with one of the following statuses may be "
            "captured: requires_capture.",
        )
    amount = intent["amount_capturable"] if amount is None else amount
    if amount > intent["amount_capturable"]:
        raise refused(
            f"The amount to capture ({amount}) is greater than the capturable amount "
            f"({intent['amount_capturable']}).",
            param="amount_to_capture",
            code="amount_too_large",
        )
    intent["metadata"] = merge_metadata(intent["metadata"], metadata)
    charge = tx.get("charge", intent["latest_charge"])
    confirmation.capture(tx, intent, charge, amount)
    return intent


def _get(tx: Transaction, intent_id: str) -> Json:
    return tx.get("payment_intent", intent_id, param="intent")


def _why_not_confirmable(status: str) -> str:
    if status == "succeeded":
        return (
            "You cannot confirm this PaymentIntent because it has already succeeded after being "
            "previously confirmed."
        )
    return (
        f"You cannot confirm this PaymentIntent because it has a status of {status}. Only a "
        "PaymentIntent with one of the following statuses may be confirmed: "
        "requires_confirmation, requires_action."
    )


def _unexpected(intent: Json, message: str) -> Exception:
    return refused(message, code="payment_intent_unexpected_state", payment_intent=intent)
