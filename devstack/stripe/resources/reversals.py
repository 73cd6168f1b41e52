"""Transfers taken back, in whole or in part: https://docs.stripe.com/api/transfer_reversals."""

from devstack.stripe.errors import missing, refused
from devstack.stripe.lists import equals, read_page
from devstack.stripe.params import Params, merge_metadata
from devstack.stripe.resources import books, destination_payments, transfers
from devstack.stripe.store import Json, new_id
from devstack.stripe.transaction import Transaction


#: The number of reversals that a transfer shows; the list has them all.
_SHOWN = 10


def create(tx: Transaction, params: Params, transfer_id: str) -> Json:
    """`POST /v1/transfers/:id/reversals`: all that is left of a transfer, or an amount."""
    amount = params.positive("amount")
    description = params.text("description")
    metadata = params.metadata()
    params.boolean("refund_application_fee")
    params.finish()

    transfer = tx.get("transfer", transfer_id, param="transfer")
    amount = _check_amount(transfer, amount)
    _check_balance(tx, transfer, amount)
    reversal = _new(tx, transfer, amount)
    reversal["metadata"] = merge_metadata({}, metadata)
    available = books.together_with(tx, transfer["balance_transaction"])
    reversal["balance_transaction"] = books.book(
        tx,
        reversal | {"description": description},
        kind="transfer_refund",
        amount=amount,
        available=available,
    )
    reversal["destination_payment_refund"] = destination_payments.refund(tx, transfer, reversal)
    tx.store.insert(reversal)
    _note(tx, transfer, reversal)
    return reversal


def retrieve(tx: Transaction, params: Params, transfer_id: str, reversal_id: str) -> Json:
    """`GET /v1/transfers/:id/reversals/:id`."""
    params.finish()
    return _find(tx, transfer_id, reversal_id)


def list_page(tx: Transaction, params: Params, transfer_id: str) -> Json:
    """`GET /v1/transfers/:id/reversals`."""
    tx.get("transfer", transfer_id, param="transfer")
    return read_page(
        tx.store,
        params,
        "transfer_reversal",
        url=f"/v1/transfers/{transfer_id}/reversals",
        conditions=equals("transfer", transfer_id),
    )


def update(tx: Transaction, params: Params, transfer_id: str, reversal_id: str) -> Json:
    """`POST /v1/transfers/:id/reversals/:id`: its metadata."""
    metadata = params.metadata()
    params.finish()
    reversal = _find(tx, transfer_id, reversal_id)
    reversal["metadata"] = merge_metadata(reversal["metadata"], metadata)
    tx.store.replace(reversal)
    return reversal


def _find(tx: Transaction, transfer_id: str, reversal_id: str) -> Json:
    tx.get("transfer", transfer_id, param="transfer")
    reversal = tx.store.find("transfer_reversal", reversal_id)
    if reversal is None or reversal["transfer"] != transfer_id:
        raise missing("transfer reversal", reversal_id, param="id", status=404)
    return reversal


def _check_amount(transfer: Json, amount: int | None) -> int:
    left = transfer["amount"] - transfer["amount_reversed"]
    if left == 0:
        raise refused(f"The transfer {transfer['id']} is already fully reversed.")
    if amount is None:
        return int(left)
    transfers.check_amount(amount)
    if amount > left:
        raise refused(
            f"Transfer reversal amount ({transfers.in_dollars(amount)}) is greater than unreversed "
            f"amount on transfer ({transfers.in_dollars(left)})",
            param="amount",
        )
    return amount


def _check_balance(tx: Transaction, transfer: Json, amount: int) -> None:
    """Refuse to take from a connected account what it has not got any more, pending or not."""
    both = books.sums(tx, transfer["destination"]).get(transfer["currency"], {})
    if sum(both.values()) < amount:
        raise refused(
            f"The account {transfer['destination']} has insufficient funds to reverse "
            f"{transfers.in_dollars(amount)} of transfer {transfer['id']}.",
            code="balance_insufficient",
        )


def _new(tx: Transaction, transfer: Json, amount: int) -> Json:
    return {
        "id": new_id("trr"),
        "object": "transfer_reversal",
        "amount": amount,
        "created": tx.now,
        "currency": transfer["currency"],
        "source_refund": None,
        "transfer": transfer["id"],
    }


def _note(tx: Transaction, transfer: Json, reversal: Json) -> None:
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
