"""PaymentIntents: https://docs.stripe.com/api/payment_intents. `confirmation` pays them."""

from devstack.stripe.errors import invalid, refused
from devstack.stripe.lists import read_page
from devstack.stripe.params import Params, merge_metadata
from devstack.stripe.resources import confirmation, customers, payment_methods
from devstack.stripe.store import Json, new_id
from devstack.stripe.transaction import Answer, Transaction


#: The states before the money moves, in which the amount may change.
OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
_CANCELABLE = (*OPEN, "requires_capture", "processing")
_CANCELLATION_REASONS = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")
#: The least charge in cents by currency: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts.
_MIN_AMOUNTS = {
    "aud": 50,
    "cad": 50,
    "chf": 50,
    "eur": 50,
    "gbp": 30,
    "hkd": 400,
    "nzd": 50,
    "sgd": 50,
    "usd": 50,
}
_MAX_AMOUNT = 99_999_999
_TEXTS = (
    "description",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)
_NULL = (
    "application",
    "application_fee_amount",
    "canceled_at",
    "cancellation_reason",
    "customer",
    "customer_account",
    "excluded_payment_method_types",
    "last_payment_error",
    "latest_charge",
    "next_action",
    "on_behalf_of",
    "payment_method",
    "payment_method_configuration_details",
    "processing",
    "review",
    "setup_future_usage",
    "source",
    "transfer_data",
)
_CAPTURE_METHODS = ("automatic", "automatic_async", "manual")


def create(tx: Transaction, params: Params) -> Json | Answer:
    """`POST /v1/payment_intents`: create an intent; `confirm` attempts the payment at once."""
    intent = _read_new(tx, params)
    intent["customer"] = customers.read_id(tx, params, "customer")
    method = confirmation.find_or_create_method(tx, params)
    is_confirmed = params.boolean("confirm")
    options = confirmation.read_options(params)
    params.finish()

    if method is not None:
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    tx.store.insert(intent)
    tx.emit("payment_intent.created", intent)
    return confirmation.attempt(tx, intent, method, options) if is_confirmed else intent


def retrieve(tx: Transaction, params: Params, intent_id: str) -> Json:
    """`GET /v1/payment_intents/:id`: show an intent; a publishable key needs the client secret."""
    secret = params.text("client_secret")
    params.finish()
    intent = _get(tx, intent_id)
    confirmation.check_secret(tx, intent, secret)
    return intent


def list_page(tx: Transaction, params: Params) -> Json:
    """`GET /v1/payment_intents`: list the intents."""
    return read_page(tx, params, "payment_intent", url="/v1/payment_intents", filters=("customer",))


def update(tx: Transaction, params: Params, intent_id: str) -> Json:
    """`POST /v1/payment_intents/:id`: change an intent, without an event."""
    changes = _read_changes(params)
    customer_id = customers.read_id(tx, params, "customer")
    if customer_id is not None:
        changes["customer"] = customer_id
    method = confirmation.find_or_create_method(tx, params)
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
        _check_amount(**{name: (intent | changes)[name] for name in ("amount", "currency")})
    if method is not None and intent["status"] in OPEN:
        changes |= {"payment_method": method["id"], "status": "requires_confirmation"}
        changes["next_action"] = None
    intent |= changes
    intent["metadata"] = merge_metadata(intent["metadata"], metadata)
    tx.store.replace(intent)
    return intent


def cancel(tx: Transaction, params: Params, intent_id: str) -> Json:
    """`POST /v1/payment_intents/:id/cancel`: cancel an intent; a second call is refused."""
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
    """`POST /v1/payment_intents/:id/confirm`: attempt the payment.

    A publishable key needs the client secret.
    """
    secret = params.text("client_secret")
    method = confirmation.find_or_create_method(tx, params)
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
        method = payment_methods.find_or_create(tx, intent["payment_method"])
    return confirmation.attempt(tx, intent, method, options)


def capture(tx: Transaction, params: Params, intent_id: str) -> Json:
    """`POST /v1/payment_intents/:id/capture`: capture an amount, and release the rest."""
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


def _read_new(tx: Transaction, params: Params) -> Json:
    """Return a new intent from the parameters; the caller then calls `finish`."""
    amount, currency = params.required_positive("amount"), params.required_text("currency")
    currency = _check_currency(currency)
    _check_amount(amount, currency)
    intent_id = new_id("pi")
    return {
        "id": intent_id,
        "object": "payment_intent",
        **dict.fromkeys(_NULL),
        **{name: params.text(name) for name in _TEXTS},
        "receipt_email": params.email("receipt_email"),
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        # Since 2024-04-10 Stripe captures asynchronously by default.
        "capture_method": params.choice("capture_method", _CAPTURE_METHODS) or "automatic_async",
        "client_secret": new_id(f"{intent_id}_secret", 25),
        "confirmation_method": params.choice("confirmation_method", ("automatic", "manual"))
        or "automatic",
        "created": tx.now,
        "currency": currency,
        "livemode": False,
        "metadata": merge_metadata({}, params.metadata()),
        "payment_method_options": {
            "card": {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            }
        },
        "shipping": _read_shipping(params),
        "status": "requires_payment_method",
        **_read_method_types(params),
    }


def _read_changes(params: Params) -> Json:
    """Return the fields that an update names, with their new values."""
    changes: Json = {name: params.clearable_text(name) for name in _TEXTS if params.has(name)}
    if params.has("receipt_email"):
        changes["receipt_email"] = params.email("receipt_email")
    amount, currency = params.positive("amount"), params.text("currency")
    if amount is not None:
        changes["amount"] = amount
    if currency is not None:
        changes["currency"] = _check_currency(currency)
    types = params.texts("payment_method_types")
    if types is not None:
        changes["payment_method_types"] = _check_types(types)
    if params.has("shipping"):
        changes["shipping"] = _read_shipping(params)
    return changes


def _check_amount(amount: int, currency: str) -> None:
    """Refuse an amount outside the limits of its currency."""
    least = _MIN_AMOUNTS[currency]
    if amount < least:
        raise invalid(
            f"Amount must be at least ${least / 100:.2f} {currency}",
            param="amount",
            code="amount_too_small",
        )
    if amount > _MAX_AMOUNT:
        raise invalid(
            f"Amount must be no more than ${_MAX_AMOUNT / 100:,.2f} {currency}",
            param="amount",
            code="amount_too_large",
        )


def _read_method_types(params: Params) -> Json:
    """Return the allowed payment methods: the given types, or by default automatic ones."""
    types = params.texts("payment_method_types")
    automatic = params.nested("automatic_payment_methods")
    is_automatic = types is None
    redirects = "always"
    if automatic is not None:
        is_automatic = automatic.boolean("enabled")
        redirects = automatic.choice("allow_redirects", ("always", "never")) or redirects
    if is_automatic and types is not None:
        raise invalid(
            "You may only specify one of these parameters: automatic_payment_methods, "
            "payment_method_types."
        )
    return {
        "automatic_payment_methods": {"allow_redirects": redirects, "enabled": True}
        if is_automatic
        else None,
        "payment_method_types": _check_types(types or ["card"]),
    }


def _check_types(types: list[str]) -> list[str]:
    for kind in types:
        if kind != "card":
            raise invalid(
                f'The payment method type "{kind[:50]}" is invalid: the fake Stripe has cards.',
                param="payment_method_types",
                code="payment_intent_invalid_parameter",
            )
    return types


def _check_currency(currency: str) -> str:
    currency = currency.lower()
    if currency not in _MIN_AMOUNTS:
        raise invalid(
            f"Invalid currency: {currency[:50]}. The fake Stripe supports these currencies: "
            f"{', '.join(_MIN_AMOUNTS)}.",
            param="currency",
        )
    return currency


def _read_shipping(params: Params) -> Json | None:
    shipping = None if params.is_empty("shipping") else params.nested("shipping")
    if shipping is None:
        return None
    fields: Json = {
        name: shipping.text(name) for name in ("carrier", "name", "phone", "tracking_number")
    }
    address = shipping.address("address")
    return fields if address is None else fields | {"address": address}
