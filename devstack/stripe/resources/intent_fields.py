"""The fields of a PaymentIntent: read from parameters, and as a new one has them."""

from devstack.stripe.errors import invalid
from devstack.stripe.params import Params, merge_metadata
from devstack.stripe.store import Json, new_id
from devstack.stripe.transaction import Transaction


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
CAPTURE_METHODS = ("automatic", "automatic_async", "manual")


def read_new(tx: Transaction, params: Params) -> Json:
    """Return a new intent as the parameters describe it; the caller refuses what is left over."""
    amount, currency = params.required_positive("amount"), params.required_text("currency")
    currency = _check_currency(currency)
    check_amount(amount, currency)
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
        # Since 2024-04-10 Stripe captures asynchronously unless it is told otherwise.
        "capture_method": params.choice("capture_method", CAPTURE_METHODS) or "automatic_async",
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


def read_changes(params: Params) -> Json:
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


def _read_method_types(params: Params) -> Json:
    """Return what may pay: the given types, or as Stripe has it today whatever is switched on."""
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


def check_amount(amount: int, currency: str) -> None:
    """Refuse an amount that no card can be charged in a currency."""
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
    address = shipping.nested("address")
    names = ("city", "country", "line1", "line2", "postal_code", "state")
    if address is not None:
        fields["address"] = {name: address.clearable_text(name) for name in names}
    return fields
