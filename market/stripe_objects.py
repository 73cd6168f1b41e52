"""Read fields of Stripe's JSON objects, in which any field may be missing or have another form."""

import re
from collections.abc import Iterable, Mapping
from typing import Any


#: Stripe's ids are shorter, and an index of Postgres cannot hold a text of any length.
MOST_CHARACTERS = 255
#: Stripe's amounts have at most twelve digits, in any currency.
_MOST_CENTS = 10**12
#: The year 3000.
_LAST_TIME = 32_503_680_000
_CURRENCY = re.compile(r"[a-z]{3}")


def text_in(stripe_object: Mapping[str, Any], key: str) -> str | None:
    """Return a text of 1 to 255 characters, or None if the field is anything else."""
    value = stripe_object.get(key)
    is_text = isinstance(value, str) and 0 < len(value) <= MOST_CHARACTERS
    return value if is_text else None


def cents_in(stripe_object: Mapping[str, Any], key: str) -> int | None:
    """Return an amount of money in the smallest unit, or None if the field is anything else."""
    value = stripe_object.get(key)
    return value if type(value) is int and 0 <= value < _MOST_CENTS else None


def moved_cents_in(stripe_object: Mapping[str, Any]) -> int | None:
    """Return the signed amount of a balance transaction, or None."""
    value = stripe_object.get("amount")
    return value if type(value) is int and abs(value) < _MOST_CENTS else None


def time_in(stripe_object: Mapping[str, Any], key: str) -> int | None:
    """Return a time in Unix seconds that Postgres can hold, or None."""
    value = stripe_object.get(key)
    return value if type(value) is int and 0 <= value < _LAST_TIME else None


def currency_in(stripe_object: Mapping[str, Any]) -> str | None:
    """Return the code of the currency, or None."""
    value = text_in(stripe_object, "currency")
    return value if value is not None and _CURRENCY.fullmatch(value) else None


def object_in(stripe_object: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return an object within an object, such as `metadata`, or an empty one."""
    value = stripe_object.get(key)
    return value if isinstance(value, Mapping) else {}


def made_under(
    dedupe_key: str, stripe_objects: Iterable[Mapping[str, Any]]
) -> Mapping[str, Any] | None:
    """Return the first object whose metadata has our `dedupe_key`, or None.

    Stripe forgets an idempotency key after a day, and a restored database has forgotten the calls
    since its backup. But the metadata stays at Stripe.
    """
    for stripe_object in stripe_objects:
        if object_in(stripe_object, "metadata").get("dedupe_key") == dedupe_key:
            return stripe_object
    return None


def order_ref_in(stripe_object: Mapping[str, Any]) -> str | None:
    """Return the text that names an order in an object's metadata, or None if there is none.

    The text may not have the form of an id. SQL then answers that there is no such order.
    """
    value = object_in(stripe_object, "metadata").get("order_id")
    return None if value is None else str(value)[:MOST_CHARACTERS]
