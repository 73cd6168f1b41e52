"""Confirm an intent: charge it, decline it, or demand that the buyer authenticates.

Stripe describes the states in https://docs.stripe.com/payments/paymentintents/lifecycle.
"""

import dataclasses
from http import HTTPStatus
from typing import Any

from devstack.stripe.errors import error_body, invalid, refused, unauthorized
from devstack.stripe.params import Params
from devstack.stripe.resources import charges, payment_methods
from devstack.stripe.resources.cards import AUTHENTICATION_REQUIRED, Decline, TestCard
from devstack.stripe.store import Json, new_id
from devstack.stripe.transaction import Answer, Transaction


#: The kind of the stored challenges, which the API does not show.
_CHALLENGE = "challenge"
_NOT_AUTHENTICATED = Decline(
    code="payment_intent_authentication_failure",
    message=(
        "The provided PaymentMethod has failed authentication. You can provide "
        "payment_method_data or a new PaymentMethod to attempt to fulfill this PaymentIntent again."
    ),
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmOptions:
    """The caller's options for a payment that needs authentication."""

    return_url: str | None
    #: True if Stripe.js shows the bank's page by itself.
    uses_sdk: bool
    is_off_session: bool
    error_on_requires_action: bool


def read_options(params: Params) -> ConfirmOptions:
    """Read the parameters of a confirmation, which a creation has too."""
    return ConfirmOptions(
        return_url=params.web_address("return_url"),
        uses_sdk=params.boolean("use_stripe_sdk"),
        is_off_session=params.boolean("off_session"),
        error_on_requires_action=params.boolean("error_on_requires_action"),
    )


def find_or_create_method(tx: Transaction, params: Params) -> Json | None:
    """Return the payment method that the caller names, or create the one that it describes."""
    method_id = params.text("payment_method")
    data = params.nested("payment_method_data")
    if method_id is not None and data is not None:
        raise invalid(
            "You may only specify one of these parameters: payment_method, payment_method_data."
        )
    if method_id is not None:
        return payment_methods.find_or_create(tx, method_id)
    return None if data is None else payment_methods.create_from_data(tx, data)


def check_secret(tx: Transaction, intent: Json, secret: str | None) -> None:
    """Refuse a wrong client secret, and a publishable key without one."""
    if secret is None and tx.origin.is_publishable:
        raise unauthorized("A publishable key needs the client_secret of the PaymentIntent.")
    if secret is not None and secret != intent["client_secret"]:
        raise refused(
            "The client_secret provided does not match the client_secret associated with the "
            "PaymentIntent.",
            param="client_secret",
        )


def attempt(
    tx: Transaction, intent: Json, method: Json | None, options: ConfirmOptions
) -> Json | Answer:
    """Attempt the payment. A decline answers 402, and the intent keeps the error."""
    if method is None:
        raise refused(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can "
            "either update the PaymentIntent with a payment method and then confirm it again, or "
            "confirm it again directly with a payment method or ConfirmationToken.",
            code="payment_intent_unexpected_state",
            payment_intent=intent,
        )
    _check_return_url(intent, options)
    card = payment_methods.card_of(tx.store, method["id"])
    intent |= {"last_payment_error": None, "next_action": None, "payment_method": method["id"]}
    if not card.needs_authentication:
        return _charge(tx, intent, method, card)
    if options.is_off_session or options.error_on_requires_action:
        return _decline(tx, intent, method, card, AUTHENTICATION_REQUIRED)
    return _ask_authentication(tx, intent, options)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """The bank's page of 3-D Secure for one attempt; a later attempt closes it."""

    intent: Json
    return_url: str | None
    is_open: bool


def find_challenge(tx: Transaction, token: str) -> Challenge | None:
    """Return the challenge behind the address of a bank's page."""
    challenge = tx.store.find(_CHALLENGE, token)
    if challenge is None:
        return None
    intent = tx.get("payment_intent", challenge["payment_intent"])
    action = intent["next_action"] or {}
    page = action.get("redirect_to_url", {}).get("url") or action.get("use_stripe_sdk", {}).get(
        "stripe_js"
    )
    return Challenge(
        intent=intent,
        return_url=challenge["return_url"],
        is_open=intent["status"] == "requires_action" and page == _challenge_page(tx, token),
    )


def authenticate(tx: Transaction, intent_id: str, *, is_successful: bool) -> Json:
    """Pass or fail 3-D Secure, as the buyer does on the bank's page."""
    intent = tx.get("payment_intent", intent_id, param="intent")
    if intent["status"] != "requires_action":
        raise refused(f"PaymentIntent {intent_id} requires no action: it is {intent['status']}.")
    method = tx.get("payment_method", intent["payment_method"])
    intent["next_action"] = None
    if is_successful:
        card = payment_methods.card_of(tx.store, method["id"])
        _charge(tx, intent, method, card, is_authenticated=True)
    else:
        _fail(tx, intent, method, _NOT_AUTHENTICATED, charge=None)
    return intent


def capture(tx: Transaction, intent: Json, charge: Json, amount: int) -> None:
    """Capture `amount` of the authorised amount."""
    charge |= {"captured": True, "amount_captured": amount}
    if intent["capture_method"] == "automatic_async":
        charges.schedule_booking(tx, charge)
    else:
        charges.book(tx, charge)
    intent |= {"amount_received": amount, "amount_capturable": 0, "status": "succeeded"}
    tx.store.replace(charge)
    tx.store.replace(intent)
    is_manual = intent["capture_method"] == "manual"
    tx.emit("charge.captured" if is_manual else "charge.succeeded", charge)
    tx.emit("payment_intent.succeeded", intent)


def _check_return_url(intent: Json, options: ConfirmOptions) -> None:
    automatic = intent["automatic_payment_methods"]
    if automatic and automatic["allow_redirects"] == "always" and options.return_url is None:
        raise refused(
            "This PaymentIntent is configured to accept payment methods enabled in your "
            "Dashboard. Because some of these payment methods might redirect your customer off of "
            "your page, you must provide a `return_url`. If you don't want to accept "
            "redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` "
            "and `automatic_payment_methods[allow_redirects]` to `never` when creating Setup "
            "Intents and Payment Intents."
        )


def _charge(
    tx: Transaction, intent: Json, method: Json, card: TestCard, *, is_authenticated: bool = False
) -> Json | Answer:
    if card.decline is not None:
        return _decline(tx, intent, method, card, card.decline)
    charge = charges.add(tx, intent, method, card, is_authenticated=is_authenticated)
    intent["latest_charge"] = charge["id"]
    if intent["capture_method"] != "manual":
        capture(tx, intent, charge, intent["amount"])
        return intent
    intent |= {"amount_capturable": intent["amount"], "status": "requires_capture"}
    tx.store.replace(intent)
    tx.emit("charge.succeeded", charge)
    tx.emit("payment_intent.amount_capturable_updated", intent)
    return intent


def _decline(
    tx: Transaction, intent: Json, method: Json, card: TestCard, decline: Decline
) -> Answer:
    charge = charges.add(tx, intent, method, card, decline=decline)
    intent["latest_charge"] = charge["id"]
    tx.emit("charge.failed", charge)
    return _fail(tx, intent, method, decline, charge=charge["id"])


def _fail(
    tx: Transaction, intent: Json, method: Json, decline: Decline, *, charge: str | None
) -> Answer:
    details: dict[str, Any] = {
        "charge": charge,
        "decline_code": decline.decline_code,
        "param": decline.param,
        "payment_method": method,
    }
    kind = "card_error" if charge else "invalid_request_error"
    error = error_body(decline.message, kind=kind, code=decline.code, **details)["error"]
    intent |= {
        "last_payment_error": error,
        "payment_method": None,
        "status": "requires_payment_method",
    }
    tx.store.replace(intent)
    tx.emit("payment_intent.payment_failed", intent)
    body = {"error": {**error, "payment_intent": intent}}
    return Answer(HTTPStatus.PAYMENT_REQUIRED, body)


def _ask_authentication(tx: Transaction, intent: Json, options: ConfirmOptions) -> Json:
    token = new_id("payatt")
    challenge: Json = {"id": token, "object": _CHALLENGE, "created": tx.now}
    challenge |= {"payment_intent": intent["id"], "return_url": options.return_url}
    tx.store.insert(challenge)
    page = _challenge_page(tx, token)
    if options.return_url is None or options.uses_sdk:
        action: Json = {
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {
                "source": token,
                "stripe_js": page,
                "type": "three_d_secure_redirect",
            },
        }
    else:
        action = {
            "redirect_to_url": {"return_url": options.return_url, "url": page},
            "type": "redirect_to_url",
        }
    intent |= {"next_action": action, "status": "requires_action"}
    tx.store.replace(intent)
    tx.emit("payment_intent.requires_action", intent)
    return intent


def _challenge_page(tx: Transaction, token: str) -> str:
    return f"{tx.config.url}/authenticate/{token}"
