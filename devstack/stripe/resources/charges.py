"""Charges, one per attempt to pay an intent: https://docs.stripe.com/api/charges.

A captured charge may be booked some time later:
https://docs.stripe.com/payments/payment-intents/asynchronous-capture.
"""

from devstack.stripe.lists import read_page
from devstack.stripe.params import Params
from devstack.stripe.resources import balance, disputes, payment_methods
from devstack.stripe.resources.cards import Decline, TestCard
from devstack.stripe.store import Json, new_id
from devstack.stripe.transaction import Transaction


#: The fields that an intent passes to each of its charges.
COPIED = (
    "amount",
    "currency",
    "customer",
    "description",
    "metadata",
    "receipt_email",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)
#: Fields of other payment methods and of unused features.
UNUSED = (
    "application",
    "application_fee",
    "application_fee_amount",
    "balance_transaction",
    "failure_balance_transaction",
    "on_behalf_of",
    "presentment_details",
    "receipt_number",
    "review",
    "source",
    "source_transfer",
    "transfer_data",
)
#: The same fields of every new charge.
_INITIAL: Json = {
    "amount_captured": 0,
    "amount_refunded": 0,
    "calculated_statement_descriptor": "AUSSIE MARKET",
    "captured": False,
    "disputed": False,
    "fraud_details": {},
    "livemode": False,
    "radar_options": {},
    "refunded": False,
}
#: The field of a charge whose buyer has passed 3-D Secure.
_AUTHENTICATED: Json = {
    "authentication_flow": "challenge",
    "electronic_commerce_indicator": "05",
    "exemption_indicator": None,
    "result": "authenticated",
    "result_reason": None,
    "transaction_id": "7a2f3c90-0000-4000-8000-000000000000",
    "version": "2.2.0",
}


def retrieve(tx: Transaction, params: Params, charge_id: str) -> Json:
    """`GET /v1/charges/:id`: show a charge."""
    params.finish()
    return tx.get("charge", charge_id)


def list_page(tx: Transaction, params: Params) -> Json:
    """`GET /v1/charges`: list the charges, by `payment_intent` or `transfer_group`."""
    return read_page(
        tx, params, "charge", url="/v1/charges", filters=("payment_intent", "transfer_group")
    )


def add(
    tx: Transaction,
    intent: Json,
    method: Json,
    card: TestCard,
    *,
    decline: Decline | None = None,
    is_authenticated: bool = False,
) -> Json:
    """Add the charge of an attempt. It fails with `decline`, or else awaits its capture."""
    charge_id = new_id("ch")
    charge: Json = {
        "id": charge_id,
        "object": "charge",
        **dict.fromkeys(UNUSED),
        **{name: intent[name] for name in COPIED},
        **_INITIAL,
        "billing_details": method["billing_details"],
        "created": tx.now,
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "outcome": _outcome(decline),
        "paid": decline is None,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _method_details(
            card, intent["amount"], is_authenticated=is_authenticated
        ),
        "receipt_url": None if decline else f"{tx.config.url}/receipts/{charge_id}",
        "status": "failed" if decline else "succeeded",
    }
    tx.store.insert(charge)
    return charge


def book(tx: Transaction, charge: Json) -> None:
    """Book a captured charge, which a bank may then dispute."""
    balance.book_charge(tx, charge)
    tx.store.replace(charge)
    disputes.schedule_test_dispute(tx, charge)


def schedule_booking(tx: Transaction, charge: Json) -> None:
    """Schedule the booking. Stripe answers before it, and emits charge.updated after it."""
    tx.schedule(charge["id"], "book_charge")


def ensure_booked(tx: Transaction, charge: Json) -> None:
    """Book the charge now if it is not booked, because the caller moves its money."""
    if charge["balance_transaction"] is None:
        tx.store.take_scheduled(charge["id"])
        book(tx, charge)


def _outcome(decline: Decline | None) -> Json:
    outcome: Json = {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network",
        "reason": None,
        "risk_level": "normal",
        "risk_score": 12,
        "seller_message": "Payment complete.",
        "type": "authorized",
    }
    if decline is None:
        return outcome
    return outcome | {
        "advice_code": "try_again_later",
        "network_decline_code": "01",
        "network_status": "declined_by_network",
        "reason": decline.decline_code,
        "seller_message": "The bank did not return any further details with this decline.",
        "type": "issuer_declined",
    }


def _method_details(card: TestCard, amount: int, *, is_authenticated: bool) -> Json:
    return {
        "card": {
            "amount_authorized": amount,
            "authorization_code": "123456",
            "brand": card.brand,
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": "pass",
            },
            "country": card.country,
            "exp_month": 12,
            "exp_year": payment_methods.expiry_year(),
            "extended_authorization": {"status": "disabled"},
            "fingerprint": payment_methods.fingerprint(card),
            "funding": "credit",
            "incremental_authorization": {"status": "unavailable"},
            "installments": None,
            "last4": card.last4,
            "mandate": None,
            "multicapture": {"status": "unavailable"},
            "network": card.brand,
            "network_token": {"used": False},
            "network_transaction_id": "104105106107108",
            "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
            "regulated_status": "unregulated",
            "three_d_secure": _AUTHENTICATED if is_authenticated else None,
            "wallet": None,
        },
        "type": "card",
    }
