"""The payment that a connected account receives by a transfer, and its refunds.

The payment is a charge. All of its objects belong to the connected account.
"""

from devstack.stripe.resources import balance, charges
from devstack.stripe.resources.balance import Availability
from devstack.stripe.store import Json, new_id
from devstack.stripe.transaction import Transaction


_NULL = (
    *charges.UNUSED,
    "description",
    "failure_code",
    "failure_message",
    "outcome",
    "payment_intent",
    "payment_method",
    "receipt_email",
    "receipt_url",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
)


def add(tx: Transaction, transfer: Json, available: Availability) -> str:
    """Add the payment of a transfer; return its id."""
    account = transfer["destination"]
    payment: Json = {
        "id": new_id("py"),
        "object": "charge",
        **dict.fromkeys(_NULL),
        "amount": transfer["amount"],
        "amount_captured": transfer["amount"],
        "amount_refunded": 0,
        "captured": True,
        "created": tx.now,
        "currency": transfer["currency"],
        "disputed": False,
        "livemode": False,
        "metadata": {},
        "paid": True,
        "payment_method_details": {"stripe_account": {}, "type": "stripe_account"},
        "refunded": False,
        "source_transfer": transfer["id"],
        "status": "succeeded",
        "transfer_group": transfer["transfer_group"],
    }
    payment["balance_transaction"] = balance.book(
        tx,
        payment,
        kind="payment",
        amount=payment["amount"],
        available=available,
        account=account,
    )
    tx.store.insert(payment, account=account)
    return str(payment["id"])


def refund(tx: Transaction, transfer: Json, reversal: Json) -> str:
    """Refund the amount of a reversal from the payment; return the refund's id."""
    account = transfer["destination"]
    payment = tx.store.find("charge", transfer["destination_payment"]) or {}
    payment["amount_refunded"] += reversal["amount"]
    payment["refunded"] = payment["amount_refunded"] == payment["amount"]
    tx.store.replace(payment)
    payment_refund: Json = {
        "id": new_id("pyr"),
        "object": "refund",
        "amount": reversal["amount"],
        "charge": payment["id"],
        "created": tx.now,
        "currency": reversal["currency"],
        "failure_balance_transaction": None,
        "metadata": {},
        "payment_intent": None,
        "reason": None,
        "receipt_number": None,
        "source_transfer_reversal": reversal["id"],
        "status": "succeeded",
        "transfer_reversal": None,
    }
    payment_refund["balance_transaction"] = balance.book(
        tx,
        payment_refund,
        kind="payment_refund",
        amount=-payment_refund["amount"],
        available=balance.together_with(tx, payment["balance_transaction"]),
        account=account,
    )
    tx.store.insert(payment_refund, account=account)
    return str(payment_refund["id"])
