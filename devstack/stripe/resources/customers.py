"""Customers, which intents and Identity sessions refer to: https://docs.stripe.com/api/customers."""

from devstack.stripe.errors import missing
from devstack.stripe.lists import Condition, read_page
from devstack.stripe.params import Params, merge_metadata
from devstack.stripe.store import Json, new_id
from devstack.stripe.transaction import Transaction


_TEXTS = ("description", "name", "phone")
_NOT_DELETED = Condition(sql="json_extract(body, '$.deleted') is null", values=())


def create(tx: Transaction, params: Params) -> Json:
    """`POST /v1/customers`: create a customer; no field is required."""
    changes, metadata = _read(params), params.metadata()
    params.finish()
    customer = _new(tx) | changes | {"metadata": merge_metadata({}, metadata)}
    tx.store.insert(customer)
    tx.emit("customer.created", customer)
    return customer


def retrieve(tx: Transaction, params: Params, customer_id: str) -> Json:
    """`GET /v1/customers/:id`: show a customer; a deleted one has no fields but its id."""
    params.finish()
    return tx.get("customer", customer_id)


def list_page(tx: Transaction, params: Params) -> Json:
    """`GET /v1/customers`: list the customers, by `email`."""
    return read_page(
        tx, params, "customer", url="/v1/customers", filters=("email",), conditions=(_NOT_DELETED,)
    )


def update(tx: Transaction, params: Params, customer_id: str) -> Json:
    """`POST /v1/customers/:id`: change a customer."""
    changes, metadata = _read(params), params.metadata()
    params.finish()
    customer = _existing(tx, customer_id, param="id", status=404)
    changes["metadata"] = merge_metadata(customer["metadata"], metadata)
    tx.update(customer, changes, "customer.updated")
    return customer


def delete(tx: Transaction, params: Params, customer_id: str) -> Json:
    """`DELETE /v1/customers/:id`: delete a customer, but not the payments."""
    params.finish()
    customer = _existing(tx, customer_id, param="id", status=404)
    tx.emit("customer.deleted", customer)
    deleted: Json = {"id": customer_id, "object": "customer", "deleted": True}
    tx.store.replace(deleted)
    return deleted


def read_id(tx: Transaction, params: Params, name: str) -> str | None:
    """Return the customer that the parameter names.

    Raises:
        StripeError: no customer has that id, or it is deleted.

    """
    customer_id = params.text(name)
    return None if customer_id is None else str(_existing(tx, customer_id, param=name)["id"])


def _existing(tx: Transaction, customer_id: str, *, param: str, status: int = 400) -> Json:
    customer = tx.get("customer", customer_id, param=param, status=status)
    if customer.get("deleted"):
        raise missing("customer", customer_id, param=param, status=status)
    return customer


def _read(params: Params) -> Json:
    changes: Json = {name: params.clearable_text(name) for name in _TEXTS if params.has(name)}
    if params.has("email"):
        changes["email"] = params.email("email")
    if params.has("address"):
        is_unset = params.is_empty("address")
        changes["address"] = None if is_unset else params.address("address")
    return changes


def _new(tx: Transaction) -> Json:
    return {
        "id": new_id("cus", 14),
        "object": "customer",
        **dict.fromkeys(_TEXTS),
        "email": None,
        "address": None,
        "balance": 0,
        "created": tx.now,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "invoice_prefix": new_id("", 8)[1:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "next_invoice_sequence": 1,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
