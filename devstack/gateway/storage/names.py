"""Which names buckets and objects may have, as supabase/storage's `src/storage/limits.ts` says."""

import re

from devstack.gateway.storage.errors import invalid_bucket_name, invalid_key
from devstack.gateway.storage.limits import BUCKET_NAME_LENGTH, KEY_BYTES


_BUCKET = re.compile(r"[A-Za-z0-9_!.*'() &$=@;:+,?-]+", re.ASCII)
#: Hosted Storage takes the characters that are safe in S3, so no letters beyond ASCII.
_KEY = re.compile(r"[A-Za-z0-9_/!.*'() &$@=;:+,?-]+", re.ASCII)
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
    if len(key) > KEY_BYTES or not _KEY.fullmatch(key) or _DOT_SEGMENT.search(key):
        raise invalid_key(key)


def is_placeholder(key: str) -> bool:
    """Say whether an object only makes a folder be there; it has to be empty."""
    return key.endswith(_PLACEHOLDER)
