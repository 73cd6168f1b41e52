"""Keep the public keys that verify sessions, and fetch them again when they rotate."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jwt
import structlog

from market.errors import MarketError


log = structlog.get_logger(__name__)

#: Auth allows its keys to be cached for ten minutes. A revoked key is accepted for no longer.
_KEPT_FOR_S = 600.0
#: Fetches are at least this far apart, or each invented key id would cause a call to Auth.
_FETCH_GAP_S = 10.0
#: Accept only asymmetric algorithms: with HS256 a forger could use a public key as the shared
#: secret.
ALGORITHMS = ("ES256", "RS256")


class KeyRing:
    """Finds keys by their id; all threads may share it."""

    def __init__(
        self,
        fetch: Callable[[], Sequence[Mapping[str, Any]]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = -float("inf")
        self._tried_at = -float("inf")

    def find(self, key_id: str) -> jwt.PyJWK | None:
        """Return the key of this id, or None if there is none.

        Raises:
            MarketError: Auth does not answer, and no key has been fetched before.

        """
        if not self._is_old() and key_id in self._keys:
            return self._keys[key_id]
        with self._lock:
            if self._is_old() or key_id not in self._keys:
                self._refresh()
            return self._keys.get(key_id)

    def _is_old(self) -> bool:
        return self._clock() - self._fetched_at > _KEPT_FOR_S

    def _refresh(self) -> None:
        if self._clock() - self._tried_at < _FETCH_GAP_S and self._keys:
            return
        self._tried_at = self._clock()
        try:
            fetched = self._fetch()
        except MarketError as error:
            if not self._keys:
                raise
            # An outage of Auth must not sign users out, so the old keys stay in use.
            log.warning("signing_keys_not_fetched", code=error.code)
            return
        self._keys = dict(_usable(fetched))
        self._fetched_at = self._clock()


def _usable(keys: Sequence[Mapping[str, Any]]) -> list[tuple[str, jwt.PyJWK]]:
    usable = []
    for fields in keys:
        try:
            key = jwt.PyJWK(dict(fields))
        except jwt.PyJWTError:
            continue
        if isinstance(key.key_id, str) and key.algorithm_name in ALGORITHMS:
            usable.append((key.key_id, key))
    return usable
