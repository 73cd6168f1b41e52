"""`service.keys`: the believed keys, their age, and the requests to Auth."""

import concurrent.futures
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from market.errors import MarketError, TransientError
from service.keys import KeyRing
from tests.support.tokens import EC_KEY, RSA_KEY, public_jwk
from tests.unit.service.adapters import Clock


OLD = public_jwk(EC_KEY, "old")
NEW = public_jwk(RSA_KEY, "new")


class Auth:
    """A fake Auth that publishes keys and counts the requests for them."""

    def __init__(self, *keys: Mapping[str, Any]) -> None:
        self.keys: Sequence[Mapping[str, Any]] = keys
        self.error: MarketError | None = None
        self.asked_count = 0

    def fetch(self) -> Sequence[Mapping[str, Any]]:
        """Return the keys, or fail as the test has set it."""
        self.asked_count += 1
        if self.error is not None:
            raise self.error
        return self.keys


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_keys_are_kept(clock: Clock) -> None:
    """A hundred requests ask Auth once."""
    auth = Auth(OLD)
    keys = KeyRing(auth.fetch, clock)

    found = [keys.find("old") for _ in range(100)]

    assert all(key is not None and "ES256" == key.algorithm_name for key in found)
    assert 1 == auth.asked_count


def test_new_key_is_found_at_once(clock: Clock) -> None:
    """An unknown key id fetches the keys again, so a rotation signs nobody out."""
    auth = Auth(OLD)
    keys = KeyRing(auth.fetch, clock)
    keys.find("old")
    auth.keys = (OLD, NEW)
    clock.now += 11

    assert keys.find("new") is not None
    assert keys.find("old") is not None


def test_revoked_key_is_forgotten(clock: Clock) -> None:
    """After ten minutes nobody is let in by a key that is not published any more."""
    auth = Auth(OLD, NEW)
    keys = KeyRing(auth.fetch, clock)
    keys.find("old")
    auth.keys = (NEW,)

    clock.now += 590
    assert keys.find("old") is not None
    clock.now += 20
    assert keys.find("old") is None


def test_made_up_ids_do_not_reach_auth(clock: Clock) -> None:
    """A caller who sends a new id with each request costs Auth one request in ten seconds."""
    auth = Auth(OLD)
    keys = KeyRing(auth.fetch, clock)

    for number in range(100):
        assert keys.find(f"id-{number}") is None
        clock.now += 0.1

    assert 1 == auth.asked_count


def test_outage_of_auth_signs_nobody_out(clock: Clock) -> None:
    """The keys that we have go on being good, and Auth is asked again now and then."""
    auth = Auth(OLD)
    keys = KeyRing(auth.fetch, clock)
    keys.find("old")
    auth.error = TransientError("AUTH_UNREACHABLE")
    clock.now += 700

    found = [keys.find("old") for _ in range(10)]

    assert all(key is not None for key in found)
    assert 2 == auth.asked_count


def test_auth_that_was_never_there_is_told(clock: Clock) -> None:
    """Without any key a look-up is a transient error, and the next one asks Auth again."""
    auth = Auth()
    auth.error = TransientError("AUTH_UNREACHABLE")
    keys = KeyRing(auth.fetch, clock)

    with pytest.raises(TransientError):
        keys.find("old")
    auth.error, auth.keys = None, (OLD,)

    assert keys.find("old") is not None


@pytest.mark.parametrize(
    "key",
    [
        {},
        {"kid": "x"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "x", "alg": "HS256"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "x"},
        {"kty": "EC", "crv": "P-256", "kid": "x"},
        OLD | {"kid": None},
        OLD | {"kid": ["x"]},
        {"kty": "unheard of", "kid": "x"},
    ],
)
def test_unusable_key_is_left_out(clock: Clock, key: dict[str, Any]) -> None:
    """A shared secret in public, or something half, is no key; the others still are."""
    keys = KeyRing(Auth(key, NEW).fetch, clock)

    assert keys.find("x") is None
    assert keys.find("new") is not None


def test_threads_ask_once(clock: Clock) -> None:
    """Parallel requests fetch the keys once."""
    auth = Auth(OLD)
    keys = KeyRing(auth.fetch, clock)

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: keys.find("old"), range(200)))

    assert all(key is not None for key in found)
    assert 1 == auth.asked_count
