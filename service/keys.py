"""The public keys that sign sessions: kept for a while, and fetched again when they rotate."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jwt
import structlog

from market.errors import MarketError


log = structlog.get_logger(__name__)

#: As long as Auth lets its keys be kept, so that a revoked one is not believed for longer.
_KEPT_FOR_S = 600.0
#: Whoever sends made-up key ids must not make us ask Auth each time.
_ASKED_AT_MOST_EVERY_S = 10.0
#: Asymmetric algorithms alone: a public key must never be taken for a shared secret.
ALGORITHMS = ("ES256", "RS256")


class KeyRing:
    """Finds keys by their id; any number of threads may ask."""

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
        self._asked_at = -float("inf")

    def find(self, key_id: str) -> jwt.PyJWK | None:
        """Return the key of this id, or None when there is none.

        Raises:
            MarketError: no key was ever fetched, and Auth does not answer.

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
        if self._clock() - self._asked_at < _ASKED_AT_MOST_EVERY_S and self._keys:
            return
        self._asked_at = self._clock()
        try:
            fetched = self._fetch()
        except MarketError as error:
            if not self._keys:
                raise
            # The keys that we have were good a moment ago: nobody is signed out by an outage.
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
        if key.key_id is not None and key.algorithm_name in ALGORITHMS:
            usable.append((key.key_id, key))
    return usable
