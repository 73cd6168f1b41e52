"""Rate limits: users are counted in the database, addresses in the process."""

import collections
import ipaddress
import threading
import time
from collections.abc import Callable

from flask import request

from market import metrics
from market.database import Database
from market.errors import RejectedError


_WINDOW_S = 60.0
_HITS_PER_WINDOW = 120
#: More addresses than this in one minute are an attack, which must not fill the memory.
_MOST_ADDRESSES = 10_000
#: Providers give one household a whole /64, so a limit on single addresses would limit nobody.
_IPV6_PREFIX = 64


class UserLimits:
    """Limits per user and action, counted in the database with those of the RPCs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def hit(self, action: str, user_id: str) -> None:
        """Count one use of `action`.

        Raises:
            RejectedError: `RATE_LIMITED`, with the time to wait.

        """
        answer = self._database.call("rate_limit_hit", action=action, key=user_id)
        if not answer["allowed"]:
            raise _too_many(action, answer["retry_after_ms"])


class AddressLimits:
    """A limit per address for routes without a user, before any call of the database.

    Each gunicorn process counts by itself. The limit saves work; it need not be exact. `hits` is
    another number of uses a minute.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, hits: int | None = None
    ) -> None:
        self._clock = clock
        self._most_hits = hits
        self._lock = threading.Lock()
        self._window = -1
        self._hits: collections.Counter[str] = collections.Counter()

    def hit(self) -> None:
        """Count one use by the address of the request.

        Raises:
            RejectedError: `RATE_LIMITED`, with the time to wait.

        """
        now = self._clock()
        address = group_of(request.remote_addr)
        with self._lock:
            window = int(now // _WINDOW_S)
            if window != self._window:
                self._window = window
                self._hits.clear()
            if address not in self._hits and len(self._hits) >= _MOST_ADDRESSES:
                # The table is full, so all new addresses share one count.
                address = "others"
            self._hits[address] += 1
            most = _HITS_PER_WINDOW if self._most_hits is None else self._most_hits
            is_too_many = self._hits[address] > most
        if is_too_many:
            raise _too_many("address", int((_WINDOW_S - now % _WINDOW_S) * 1000))


def group_of(address: str | None) -> str:
    """Return the name under which an address is counted: an IPv6 address counts as its /64."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((int(parsed), _IPV6_PREFIX), strict=False))
    return str(parsed)


def _too_many(limit: str, retry_after_ms: int) -> RejectedError:
    metrics.LIMIT_REFUSALS.labels(limit=limit).inc()
    return RejectedError("RATE_LIMITED", fields={"retry_after_ms": retry_after_ms})
