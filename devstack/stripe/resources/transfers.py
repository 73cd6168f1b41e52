"""Transfers to connected accounts, and their reversals.

https://docs.stripe.com/api/transfers, https://docs.stripe.com/api/transfer_reversals.

A transfer with a `source_transaction` may precede the money of that charge, and becomes available
with it: https://docs.stripe.com/connect/separate-charges-and-transfers#transfer-availability.
"""

from devstack.stripe.errors import invalid, missing, refused
from devstack.stripe.lists import equals, read_page, whole_list
from devstack.stripe.params import Params, merge_metadata
from devstack.stripe.resources import balance, charges, destination_payments
from devstack.stripe.store import Json, new_id
from devstack.stripe.transaction import Transaction


_MAX_AMOUNT = 99_999_999
#: A transfer contains this many reversals; the list has all of them.
_SHOWN = 10


def create(tx: Transaction, params: Params) -> Json:
    """`POST /v1/transfers`: create a transfer."""
    amount = params.required_positive("amount")
    check_amount(amount)
    currency = params.required_text("currency").lower()
    destination_id = params.required_text("destination")
    source_id = params.text("source_transaction")
    params.choice("source_type", ("card",))
    group, description = params.text("transfer_group"), params.text("description")
    metadata = params.metadata()
    params.finish()

    _check_destination(tx, destination_id, currency)
    transfer = _new(tx, amount, currency, destination_id)
    transfer |= {
        "description": description,
        "metadata": merge_metadata({}, metadata),
        "source_transaction": source_id,
        "transfer_group": group,
    }
    if source_id is None:
        balance.check_available(tx, amount, currency)
        available = balance.at_once(tx)
    else:
        charge = _prepare_source_charge(tx, source_id, transfer)
        available = balance.together_with(tx, charge["balance_transaction"])
    transfer["balance_transaction"] = balance.book(
        tx, transfer, kind="transfer", amount=-amount, available=available
    )
    transfer["destination_payment"] = destination_payments.add(tx, transfer, available)
    tx.store.insert(transfer)
    tx.emit("transfer.created", transfer)
    return transfer


def retrieve(tx: Transaction, params: Params, transfer_id: str) -> Json:
    """`GET /v1/transfers/:id`: show a transfer."""
    params.finish()
    return tx.get("transfer", transfer_id, param="transfer")


def list_page(tx: Transaction, params: Params) -> Json:
    """`GET /v1/transfers`: list the transfers, by `destination` or `transfer_group`."""
    return read_page(
        tx, params, "transfer", url="/v1/transfers", filters=("destination", "transfer_group")
    )


def update(tx: Transaction, params: Params, transfer_id: str) -> Json:
    """`POST /v1/transfers/:id`: change the transfer's description and metadata."""
    is_described = params.has("description")
    description = params.clearable_text("description")
    metadata = params.metadata()
    params.finish()

    transfer = tx.get("transfer", transfer_id, param="transfer")
    changes: Json = {"metadata": merge_metadata(transfer["metadata"], metadata)}
    if is_described:
        changes["description"] = description
    tx.update(transfer, changes, "transfer.updated")
    return transfer


def create_reversal(tx: Transaction, params: Params, transfer_id: str) -> Json:
    """`POST /v1/transfers/:id/reversals`: reverse an amount, by default all that is left."""
    amount = params.positive("amount")
    description = params.text("description")
    metadata = params.metadata()
    params.boolean("refund_application_fee")
    params.finish()

    transfer = tx.get("transfer", transfer_id, param="transfer")
    amount = _check_reversal_amount(transfer, amount)
    _check_destination_balance(tx, transfer, amount)
    reversal = _new_reversal(tx, transfer, amount)
    reversal["metadata"] = merge_metadata({}, metadata)
    available = balance.together_with(tx, transfer["balance_transaction"])
    reversal["balance_transaction"] = balance.book(
        tx,
        reversal | {"description": description},
        kind="transfer_refund",
        amount=amount,
        available=available,
    )
    reversal["destination_payment_refund"] = destination_payments.refund(tx, transfer, reversal)
    tx.store.insert(reversal)
    _add_to_transfer(tx, transfer, reversal)
    return reversal


def retrieve_reversal(tx: Transaction, params: Params, transfer_id: str, reversal_id: str) -> Json:
    """`GET /v1/transfers/:id/reversals/:id`: show a reversal."""
    params.finish()
    return _find_reversal(tx, transfer_id, reversal_id)


def list_reversals(tx: Transaction, params: Params, transfer_id: str) -> Json:
    """`GET /v1/transfers/:id/reversals`: list the reversals of a transfer."""
    tx.get("transfer", transfer_id, param="transfer")
    return read_page(
        tx,
        params,
        "transfer_reversal",
        url=f"/v1/transfers/{transfer_id}/reversals",
        conditions=equals("transfer", transfer_id),
    )


def update_reversal(tx: Transaction, params: Params, transfer_id: str, reversal_id: str) -> Json:
    """`POST /v1/transfers/:id/reversals/:id`: change the reversal's metadata."""
    metadata = params.metadata()
    params.finish()
    reversal = _find_reversal(tx, transfer_id, reversal_id)
    reversal["metadata"] = merge_metadata(reversal["metadata"], metadata)
    tx.store.replace(reversal)
    return reversal


def check_amount(amount: int) -> None:
    """Refuse an amount above Stripe's limit."""
    if amount > _MAX_AMOUNT:
        raise invalid(
            f"Amount must be no more than {in_dollars(_MAX_AMOUNT)}",
            param="amount",
            code="amount_too_large",
        )


def in_dollars(cents: int) -> str:
    """Return an amount as Stripe's messages write it."""
    return f"A${cents / 100:,.2f}"


def _check_destination(tx: Transaction, account_id: str, currency: str) -> None:
    account = tx.store.find("account", account_id)
    if account is None:
        raise refused(
            f"No such destination: '{account_id}'", param="destination", code="resource_missing"
        )
    if account["capabilities"].get("transfers") != "active":
        raise refused(
            "Your destination account needs to have at least one of the following capabilities "
            "enabled: transfers, crypto_transfers, legacy_payments",
            code="insufficient_capabilities_for_transfer",
        )
    if currency != account["default_currency"]:
        raise invalid(
            f"The fake Stripe does not convert {currency[:50]}: {account_id} settles in "
            f"{account['default_currency']}.",
            param="currency",
        )


def _prepare_source_charge(tx: Transaction, charge_id: str, transfer: Json) -> Json:
    """Check and book the source charge, and give charge and transfer one transfer group."""
    charge = tx.get("charge", charge_id, param="source_transaction", status=400)
    if not charge["captured"]:
        raise refused(
            f"Charge {charge_id} is not captured, so it has no money to transfer.",
            param="source_transaction",
        )
    if charge["currency"] != transfer["currency"]:
        raise refused(
            f"The currency of source_transaction's balance transaction ({charge['currency']}) "
            f"must be the same as the transfer currency ({transfer['currency']})",
            param="currency",
        )
    _check_source_amount(tx, charge, transfer["amount"])
    group = transfer["transfer_group"] or charge["transfer_group"] or f"group_{charge_id}"
    transfer["transfer_group"] = group
    charge["transfer_group"] = charge["transfer_group"] or group
    tx.store.replace(charge)
    charges.ensure_booked(tx, charge)
    return charge


def _check_source_amount(tx: Transaction, charge: Json, amount: int) -> None:
    whole = charge["amount_captured"] - charge["amount_refunded"]
    others = tx.store.find_all("transfer", "source_transaction", charge["id"])
    spent = sum(other["amount"] - other["amount_reversed"] for other in others)
    if spent + amount <= whole:
        return
    already = (
        f" (There is already a transfer using this source, amounting to {in_dollars(spent)}.)"
        if spent
        else ""
    )
    raise refused(
        "Transfers using this transaction as a source must not exceed the source amount of "
        f"{in_dollars(whole)}.{already}"
    )


def _new(tx: Transaction, amount: int, currency: str, destination_id: str) -> Json:
    transfer_id = new_id("tr")
    reversals = whole_list([], url=f"/v1/transfers/{transfer_id}/reversals")
    return {
        "id": transfer_id,
        "object": "transfer",
        "amount": amount,
        "amount_reversed": 0,
        "created": tx.now,
        "currency": currency,
        "destination": destination_id,
        "livemode": False,
        "reversals": reversals | {"total_count": 0},
        "reversed": False,
        "source_type": "card",
    }


def _find_reversal(tx: Transaction, transfer_id: str, reversal_id: str) -> Json:
    tx.get("transfer", transfer_id, param="transfer")
    reversal = tx.store.find("transfer_reversal", reversal_id)
    if reversal is None or reversal["transfer"] != transfer_id:
        raise missing("transfer reversal", reversal_id, param="id", status=404)
    return reversal


def _check_reversal_amount(transfer: Json, amount: int | None) -> int:
    left = transfer["amount"] - transfer["amount_reversed"]
    if left == 0:
        raise refused(f"The transfer {transfer['id']} is already fully reversed.")
    if amount is None:
        return int(left)
    check_amount(amount)
    if amount > left:
        raise refused(
            f"Transfer reversal amount ({in_dollars(amount)}) is greater than unreversed "
            f"amount on transfer ({in_dollars(left)})",
            param="amount",
        )
    return amount


def _check_destination_balance(tx: Transaction, transfer: Json, amount: int) -> None:
    """Refuse an amount above the connected account's balance, available and pending."""
    both = balance.totals(tx, transfer["destination"]).get(transfer["currency"], {})
    if sum(both.values()) < amount:
        raise refused(
            f"The account {transfer['destination']} has insufficient funds to reverse "
            f"{in_dollars(amount)} of transfer {transfer['id']}.",
            code="balance_insufficient",
        )


def _new_reversal(tx: Transaction, transfer: Json, amount: int) -> Json:
    return {
        "id": new_id("trr"),
        "object": "transfer_reversal",
        "amount": amount,
        "created": tx.now,
        "currency": transfer["currency"],
        "source_refund": None,
        "transfer": transfer["id"],
    }


def _add_to_transfer(tx: Transaction, transfer: Json, reversal: Json) -> None:
    previous = {name: transfer[name] for name in ("amount_reversed", "reversals", "reversed")}
    shown = transfer["reversals"]
    total = shown["total_count"] + 1
    transfer["reversals"] = shown | {
        "data": [reversal, *shown["data"]][:_SHOWN],
        "has_more": total > _SHOWN,
        "total_count": total,
    }
    transfer["amount_reversed"] += reversal["amount"]
    transfer["reversed"] = transfer["amount_reversed"] == transfer["amount"]
    if not transfer["reversed"]:
        del previous["reversed"]
    tx.store.replace(transfer)
    tx.emit("transfer.reversed", transfer, previous=previous)
