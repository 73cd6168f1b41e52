"""Limits of Storage: sizes, and the names and media types that it accepts.

The rules for names follow `src/storage/limits.ts` of supabase/storage.
"""

import re
from collections.abc import Sequence

from devstack.gateway.header import VALUE
from devstack.gateway.storage.errors import (
    invalid_bucket_name,
    invalid_header,
    invalid_key,
    invalid_mime_type,
)


#: The default limit of a hosted project.
MAX_FILE_BYTES = 50 * 1024 * 1024
#: This limit holds for user metadata, and for any other field of a form.
MAX_FIELD_BYTES = 1024 * 1024
MAX_FORM_FIELDS = 10
MAX_JSON_BYTES = 1024 * 1024
DEFAULT_LIST_COUNT = 100
MAX_LIST_COUNT = 1500
UPLOAD_URL_LIFETIME_S = 2 * 60 * 60
#: A century: a later expiry could not be written as a date.
MAX_URL_LIFETIME_S = 100 * 365 * 24 * 60 * 60

_MAX_KEY_BYTES = 1024
_MAX_BUCKET_NAME_CHARS = 100
_MAX_MEDIA_TYPE_CHARS = 1000
_BUCKET = re.compile(r"[A-Za-z0-9_!.*'() &$=@;:+,?-]+", re.ASCII)
#: Hosted Storage accepts only characters that are safe in S3, so no letters beyond ASCII.
_KEY = re.compile(r"[A-Za-z0-9_/!.*'() &$@=;:+,?-]+", re.ASCII)
_DOT_SEGMENT = re.compile(r"(^|/)\.{1,2}(/|$)")
_PLACEHOLDER = ".emptyFolderPlaceholder"
_TOKEN = r"[a-zA-Z0-9!#$&^_.+-]+"  # noqa: S105 -- RFC 6838 calls a name so; it is no secret
_MEDIA_TYPE = re.compile(rf"\s*({_TOKEN})/({_TOKEN})\s*(;.*)?")
_RESTRICTION = re.compile(rf"({_TOKEN})/({_TOKEN}|\*)(;\s*charset={_TOKEN})?")


def check_bucket_name(name: str) -> None:
    """Refuse a name that no bucket can have. Raises: StorageError InvalidBucketName."""
    if len(name) > _MAX_BUCKET_NAME_CHARS or not _BUCKET.fullmatch(name):
        raise invalid_bucket_name()


def check_new_bucket_name(name: str) -> None:
    """Refuse a name that a new bucket must not get. Raises: StorageError InvalidBucketName."""
    check_bucket_name(name)
    if name != name.strip():
        raise invalid_bucket_name()


def check_key(key: str) -> None:
    """Refuse a name that no object can have. Raises: StorageError InvalidKey."""
    if len(key) > _MAX_KEY_BYTES or not _KEY.fullmatch(key) or _DOT_SEGMENT.search(key):
        raise invalid_key(key)


def is_placeholder(key: str) -> bool:
    """Return true for the empty object that a client uploads to create a folder."""
    return key.endswith(_PLACEHOLDER)


def check_restrictions(restrictions: Sequence[str]) -> None:
    """Refuse a bucket's restrictions unless all are media types. Raises: StorageError 415."""
    for restriction in restrictions:
        is_long = len(restriction) > _MAX_MEDIA_TYPE_CHARS
        if is_long or not (restriction == "*" or _RESTRICTION.fullmatch(restriction)):
            raise invalid_mime_type(restriction)


def check_media_type(media_type: str, restrictions: Sequence[str] | None) -> None:
    """Refuse a media type that the bucket's restrictions exclude.

    A bucket without restrictions accepts every type. Parameters such as a charset make no
    difference. Raises: StorageError 400, 415.
    """
    check_header("content-type", media_type)
    if not restrictions:
        return
    essence = _essence(media_type)
    if essence is None:
        raise invalid_mime_type(media_type)
    wildcard = f"{essence.partition('/')[0]}/*"
    accepted = {_essence(restriction) or restriction.lower() for restriction in restrictions}
    if accepted.isdisjoint((essence, wildcard, "*")):
        raise invalid_mime_type(media_type)


def check_header(name: str, value: str) -> None:
    """Refuse a value that no header of a response can carry. Raises: StorageError 400."""
    if not VALUE.fullmatch(value):
        raise invalid_header(name, value)


def _essence(media_type: str) -> str | None:
    """Return a media type without its parameters, in lower case."""
    match = _MEDIA_TYPE.fullmatch(media_type)
    return f"{match[1]}/{match[2]}".lower() if match else None
