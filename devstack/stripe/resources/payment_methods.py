"""Payment methods, which are all cards: https://docs.stripe.com/api/payment_methods."""

import datetime as dt
import hashlib

from devstack.stripe.errors import StripeError, invalid, missing, refused
from devstack.stripe.params import ADDRESS_FIELDS, Params, merge_metadata
from devstack.stripe.resources.cards import TestCard, card_named, card_numbered
from devstack.stripe.store import Json, Store, new_id
from devstack.stripe.transaction import Transaction


_SHARED = "pm_card_"
_TOKEN = "tok_"  # noqa: S105 - the start of an id, not a secret


def create(tx: Transaction, params: Params) -> Json:
    """`POST /v1/payment_methods`: create one from a card's token, or from a test card's number."""
    metadata = params.metadata()
    method = create_from_data(tx, params)
    params.finish()
    method["metadata"] = merge_metadata({}, metadata)
    tx.store.replace(method)
    return method


def retrieve(tx: Transaction, params: Params, method_id: str) -> Json:
    """`GET /v1/payment_methods/:id`: show one, or a shared test method such as `pm_card_visa`."""
    params.finish()
    return find_or_create(tx, method_id, status=404)


def find_or_create(tx: Transaction, method_id: str, *, status: int = 400) -> Json:
    """Return the payment method of an id; an id such as `pm_card_visa` creates a new one.

    Raises:
        StripeError: no payment method has that id.

    """
    if method_id.startswith(_SHARED):
        card = card_named(method_id.removeprefix(_SHARED))
        if card is not None:
            return _add(tx, card)
    method = tx.store.find("payment_method", method_id)
    if method is None:
        raise missing("PaymentMethod", method_id, param="payment_method", status=status)
    return method


def create_from_data(tx: Transaction, params: Params) -> Json:
    """Create a payment method from `type`, `card` and `billing_details` in `params`."""
    params.choice("type", ("card",))
    billing = _read_billing(params.nested("billing_details"))
    fields = params.nested("card")
    if fields is None:
        raise invalid("Missing required param: card.", param="card", code="parameter_missing")
    method = _add(tx, _read_card(fields))
    method["billing_details"] |= billing
    tx.store.replace(method)
    return method


def card_of(store: Store, method_id: str) -> TestCard:
    """Return the test card behind a payment method."""
    card = card_named(store.private(method_id)["card"])
    if card is None:
        raise refused(f"The fake Stripe no longer has the card of {method_id}.")
    return card


def _read_card(fields: Params) -> TestCard:
    token, number = fields.text("token"), fields.text("number")
    for name in ("exp_month", "exp_year", "cvc"):
        fields.text(name)
    if token is not None:
        card = card_named(token.removeprefix(_TOKEN)) if token.startswith(_TOKEN) else None
        if card is None:
            raise missing("token", token, param="card[token]")
        return card
    card = card_numbered(number or "")
    if card is None:
        raise StripeError(
            402,
            "Your card number is incorrect.",
            kind="card_error",
            code="incorrect_number",
            param="number",
        )
    return card


def _read_billing(fields: Params | None) -> Json:
    if fields is None:
        return {}
    billing: Json = {name: fields.text(name) for name in ("name", "phone")}
    billing["email"] = fields.email("email")
    billing["address"] = fields.address("address")
    return {name: value for name, value in billing.items() if value is not None}


def _add(tx: Transaction, card: TestCard) -> Json:
    method: Json = {
        "id": new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": empty_billing(),
        "card": _card_fields(card),
        "created": tx.now,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }
    tx.store.insert(method, private={"card": card.name})
    return method


def _card_fields(card: TestCard) -> Json:
    return {
        "brand": card.brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "unchecked",
        },
        "country": card.country,
        "display_brand": card.brand,
        "exp_month": 12,
        "exp_year": expiry_year(),
        "fingerprint": fingerprint(card),
        "funding": "debit" if card.name == "visa_debit" else "credit",
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def expiry_year() -> int:
    """Return the year in which every test card expires: next year."""
    return dt.datetime.now(tz=dt.UTC).year + 1


def fingerprint(card: TestCard) -> str:
    """Return the same text for each payment method of one card number."""
    return hashlib.sha256(card.number.encode()).hexdigest()[:16]


def empty_billing() -> Json:
    """Return billing details without any value."""
    return {
        "address": dict.fromkeys(ADDRESS_FIELDS),
        "email": None,
        "name": None,
        "phone": None,
        "tax_id": None,
    }
