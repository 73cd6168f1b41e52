"""Idempotency keys: https://docs.stripe.com/api/idempotent_requests.

For a day Stripe repeats the first answer to a key, even an error or a 500, if it had begun to
execute the request. It refuses a key with 409 while another request with the key runs.
"""

import contextlib
import dataclasses
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from devstack.stripe.errors import StripeError, invalid
from devstack.stripe.store import Json, Store


_MAX_LENGTH = 255
_LIFETIME_S = 24 * 3600


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An idempotency key, with the path and a hash of the parameters of its request."""

    value: str
    path: str
    fingerprint: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SavedAnswer:
    """The first answer to a key, with the id of its request."""

    status: int
    body: Json
    request_id: str


def read_key(value: str | None, path: str, values: Mapping[str, Any]) -> Key | None:
    """Return the key of a request, or None if it has none.

    Raises:
        StripeError: the key is too long.

    """
    if not value:
        return None
    if len(value) > _MAX_LENGTH:
        raise invalid(f"Idempotency keys can be up to {_MAX_LENGTH} characters long.")
    text = json.dumps(values, sort_keys=True)
    return Key(value=value, path=path, fingerprint=hashlib.sha256(text.encode()).hexdigest())


class IdempotencyKeys:
    """The keys with a saved answer, and the keys of running requests.

    The transaction of a request saves its answer, so a crash keeps both or neither.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._under_way: set[str] = set()

    @contextlib.contextmanager
    def claim(self, key: Key | None) -> Iterator[None]:
        """Refuse other requests with this key until the block ends.

        Raises:
            StripeError: another request with the key is running.

        """
        if key is None:
            yield
            return
        if key.value in self._under_way:
            raise _in_use(key)
        self._under_way.add(key.value)
        try:
            yield
        finally:
            self._under_way.discard(key.value)

    def find(self, key: Key | None) -> SavedAnswer | None:
        """Return the first answer to the key.

        Raises:
            StripeError: the first use of the key was another request.

        """
        if key is None:
            return None
        row = self._store.connection.execute(
            "select * from idempotency_keys where key = ? and created_at > ?",
            (key.value, time.time() - _LIFETIME_S),
        ).fetchone()
        if row is None:
            return None
        if row["path"] != key.path:
            raise _misused(key, f"for the same endpoint they were first used for ('{row['path']}')")
        if row["fingerprint"] != key.fingerprint:
            raise _misused(key, "with the same parameters they were first used with")
        return SavedAnswer(
            status=row["status"], body=json.loads(row["body"]), request_id=row["request_id"]
        )

    def save(self, key: Key | None, status: int, body: Json, *, request_id: str) -> None:
        """Save the answer inside the caller's transaction."""
        if key is None:
            return
        self._store.connection.execute(
            "insert or replace into idempotency_keys"
            " (key, path, fingerprint, status, body, request_id, created_at)"
            " values (?, ?, ?, ?, ?, ?, ?)",
            (
                key.value,
                key.path,
                key.fingerprint,
                status,
                json.dumps(body),
                request_id,
                time.time(),
            ),
        )


def _in_use(key: Key) -> StripeError:
    return StripeError(
        HTTPStatus.CONFLICT,
        "There is currently another in-progress request using this Idempotent Key (that probably "
        "means you submitted twice, and the other request is still going through): "
        f"{key.value}. Please try again later.",
        kind="idempotency_error",
        code="idempotency_key_in_use",
        is_saved=False,
    )


def _misused(key: Key, how: str) -> StripeError:
    return StripeError(
        HTTPStatus.BAD_REQUEST,
        f"Keys for idempotent requests can only be used {how}. Try using a key other than "
        f"'{key.value}' if you meant to execute a different request.",
        kind="idempotency_error",
        is_saved=False,
    )
