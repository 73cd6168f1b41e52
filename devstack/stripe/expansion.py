"""`expand[]` replaces ids by their objects: https://docs.stripe.com/api/expanding_objects."""

from collections.abc import Callable, Iterable

from devstack.stripe.errors import invalid
from devstack.stripe.lists import whole_list
from devstack.stripe.resources import identity
from devstack.stripe.store import Json, Store


_MAX_DEPTH = 4
#: Stripe expands these fields; the fake leaves them null.
_NEVER_SET: dict[str, tuple[str, ...]] = dict.fromkeys(
    ("application", "on_behalf_of", "review", "source"), ()
)
#: The fields that hold an id, with the kinds of object that the id may name.
_FIELDS: dict[str, dict[str, tuple[str, ...]]] = {
    "payment_intent": {
        **_NEVER_SET,
        "latest_charge": ("charge",),
        "payment_method": ("payment_method",),
        "customer": ("customer",),
    },
    "charge": {
        **_NEVER_SET,
        "application_fee": (),
        "balance_transaction": ("balance_transaction",),
        "failure_balance_transaction": ("balance_transaction",),
        "payment_intent": ("payment_intent",),
        "customer": ("customer",),
        "source_transfer": ("transfer",),
    },
    "dispute": {
        "charge": ("charge",),
        "payment_intent": ("payment_intent",),
    },
    identity.KIND: {"last_verification_report": (identity.REPORT,)},
    "refund": {
        "balance_transaction": ("balance_transaction",),
        "failure_balance_transaction": ("balance_transaction",),
        "charge": ("charge",),
        "payment_intent": ("payment_intent",),
        "source_transfer_reversal": ("transfer_reversal",),
    },
    "transfer": {
        "balance_transaction": ("balance_transaction",),
        "destination": ("account",),
        "destination_payment": ("charge",),
        "source_transaction": ("charge",),
    },
    "transfer_reversal": {
        "balance_transaction": ("balance_transaction",),
        "destination_payment_refund": ("refund",),
        "source_refund": ("refund",),
        "transfer": ("transfer",),
    },
    "balance_transaction": {
        "source": ("charge", "refund", "dispute", "transfer", "transfer_reversal"),
    },
}


def expand(store: Store, answer: Json, paths: Iterable[str]) -> None:
    """Replace the ids in `answer` that `paths` name.

    Raises:
        StripeError: a path is too deep, or names a field that Stripe does not expand.

    """
    for path in paths:
        parts = path.split(".")
        if len(parts) > _MAX_DEPTH:
            raise invalid(
                f"You cannot expand more than {_MAX_DEPTH} levels of a property ({path}).",
                param="expand",
            )
        _expand_one(store, answer, parts, path)


def _expand_one(store: Store, item: Json, parts: list[str], path: str) -> None:
    field, rest = parts[0], parts[1:]
    if item["object"] == "list" and field == "data" and rest:
        for target in item["data"]:
            _expand_one(store, target, rest, path)
    elif (item["object"], field) == (identity.KIND, "verified_outputs"):
        identity.include_outputs(store, item, rest)
    else:
        value = _expanded(store, item, field, path)
        if rest and value is not None:
            _expand_one(store, value, rest, path)


def _expanded(store: Store, item: Json, field: str, path: str) -> Json | None:
    value = item.get(field)
    if isinstance(value, dict) and "object" in value:
        # The object contains this value already, such as the list of reversals of a transfer.
        return value
    if item["object"] == "charge" and field in _INCLUDED_IN_CHARGE:
        item[field] = _INCLUDED_IN_CHARGE[field](store, item)
    elif field in _FIELDS.get(item["object"], {}):
        if isinstance(item[field], str):
            kinds = _FIELDS[item["object"]][field]
            found = (store.find(kind, item[field]) for kind in kinds)
            item[field] = next((one for one in found if one is not None), item[field])
    else:
        raise invalid(f"This property cannot be expanded ({path}).", param="expand")
    value = item[field]
    return value if isinstance(value, dict) else None


def _refunds(store: Store, charge: Json) -> Json:
    refunds = store.find_all("refund", "charge", charge["id"])
    return whole_list(refunds, url=f"/v1/charges/{charge['id']}/refunds")


def _dispute(store: Store, charge: Json) -> Json | None:
    return next(iter(store.find_all("dispute", "charge", charge["id"])), None)


#: A charge shows these fields only if `expand` names them.
_INCLUDED_IN_CHARGE: dict[str, Callable[[Store, Json], Json | None]] = {
    "dispute": _dispute,
    "refunds": _refunds,
}
