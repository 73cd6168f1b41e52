"""Media types: which ones a bucket takes, and which texts may go into a header."""

import re
from collections.abc import Sequence

from devstack.gateway.header import VALUE
from devstack.gateway.storage.errors import invalid_header, invalid_mime_type
from devstack.gateway.storage.limits import MEDIA_TYPE_LENGTH


_TOKEN = r"[a-zA-Z0-9!#$&^_.+-]+"  # noqa: S105 -- RFC 6838's word for a name, no secret
_MEDIA_TYPE = re.compile(rf"\s*({_TOKEN})/({_TOKEN})\s*(;.*)?")
_RESTRICTION = re.compile(rf"({_TOKEN})/({_TOKEN}|\*)(;\s*charset={_TOKEN})?")


def check_restrictions(restrictions: Sequence[str]) -> None:
    """Refuse restrictions of a bucket that are no media types. Raises: StorageError 415."""
    for restriction in restrictions:
        is_long = len(restriction) > MEDIA_TYPE_LENGTH
        if is_long or not (restriction == "*" or _RESTRICTION.fullmatch(restriction)):
            raise invalid_mime_type(restriction)


def check_media_type(media_type: str, restrictions: Sequence[str] | None) -> None:
    """Refuse a type that the bucket does not take; no restrictions take everything.

    Parameters such as a charset make no difference. Raises: StorageError 415.
    """
    check_header("content-type", media_type)
    if not restrictions:
        return
    essence = _essence(media_type)
    if essence is None:
        raise invalid_mime_type(media_type)
    wildcard = f"{essence.partition('/')[0]}/*"
    taken = {_essence(restriction) or restriction.lower() for restriction in restrictions}
    if taken.isdisjoint((essence, wildcard, "*")):
        raise invalid_mime_type(media_type)


def check_header(name: str, value: str) -> None:
    """Refuse a text that would break the answer it is a header of. Raises: StorageError 400."""
    if not VALUE.fullmatch(value):
        raise invalid_header(name, value)


def _essence(media_type: str) -> str | None:
    match = _MEDIA_TYPE.fullmatch(media_type)
    return f"{match[1]}/{match[2]}".lower() if match else None
