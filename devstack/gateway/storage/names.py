"""Which names buckets and objects may have, as supabase/storage's `src/storage/limits.ts` says."""

import re

from devstack.gateway.storage.errors import invalid_bucket_name, invalid_key
from devstack.gateway.storage.limits import BUCKET_NAME_LENGTH, KEY_BYTES


_BUCKET = re.compile(r"[A-Za-z0-9_!.*'() &$=@;:+,?-]+", re.ASCII)
#: Controls, what S3 advises against, and characters that are not seen or turn the text around.
_FORBIDDEN = re.compile(
    '[\\x00-\\x1f\\x7f-\\x9f#\\[\\]{}^`"<>\\\\|%~'
    "\u034f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
)
_DOT_SEGMENT = re.compile(r"(^|/)\.{1,2}(/|$)")
_PLACEHOLDER = ".emptyFolderPlaceholder"


def check_bucket_name(name: str) -> None:
    """Refuse what is no bucket's name. Raises: StorageError InvalidBucketName."""
    if len(name) > BUCKET_NAME_LENGTH or not _BUCKET.fullmatch(name):
        raise invalid_bucket_name()


def check_new_bucket_name(name: str) -> None:
    """Refuse what must not become a bucket's name. Raises: StorageError InvalidBucketName."""
    check_bucket_name(name)
    if name != name.strip():
        raise invalid_bucket_name()


def check_key(key: str) -> None:
    """Refuse what is no object's name. Raises: StorageError InvalidKey."""
    is_long = len(key.encode()) > KEY_BYTES
    if not key or is_long or _FORBIDDEN.search(key) or _DOT_SEGMENT.search(key):
        raise invalid_key(key)


def is_placeholder(key: str) -> bool:
    """Say whether an object only makes a folder be there; it has to be empty."""
    return key.endswith(_PLACEHOLDER)
