"""`service.limits`: the limits per address and per user."""

from typing import Any
from unittest.mock import create_autospec

import pytest
from flask import Flask

from market.database import Database
from market.errors import RejectedError
from service.limits import AddressLimits, UserLimits, group_of
from tests.unit.service.adapters import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def hit(limits: AddressLimits, address: str, count: int = 1) -> int:
    """Send this many requests from an address; return the number of refusals."""
    refused = 0
    for _ in range(count):
        with Flask("t").test_request_context("/", environ_base={"REMOTE_ADDR": address}):
            try:
                limits.hit()
            except RejectedError:
                refused += 1
    return refused


def test_address_has_its_own_count(clock: Clock) -> None:
    """The 121st request of a minute is refused, for this address alone."""
    limits = AddressLimits(clock)

    assert 0 == hit(limits, "192.0.2.1", 120)
    assert 1 == hit(limits, "192.0.2.1")
    assert 0 == hit(limits, "192.0.2.2")


def test_next_minute_begins_anew(clock: Clock) -> None:
    """A caller who waits as long as the answer says is served."""
    limits = AddressLimits(clock)
    hit(limits, "192.0.2.1", 121)
    clock.now += 15

    with (
        Flask("t").test_request_context("/", environ_base={"REMOTE_ADDR": "192.0.2.1"}),
        pytest.raises(RejectedError) as caught,
    ):
        limits.hit()

    assert ("RATE_LIMITED", 45_000) == (caught.value.code, caught.value.fields["retry_after_ms"])
    clock.now += 45
    assert 0 == hit(limits, "192.0.2.1")


def test_flood_of_addresses_fills_no_memory(clock: Clock) -> None:
    """After too many addresses new ones share one count."""
    limits = AddressLimits(clock)
    for number in range(10_000):
        limits._hits[f"known-{number}"] = 1  # noqa: SLF001 - ten thousand requests would be slow
    limits._window = int(clock.now // 60)  # noqa: SLF001 - as above

    refused = sum(hit(limits, f"198.51.100.{number}") for number in range(150))

    assert 30 == refused
    assert 10_001 == len(limits._hits)  # noqa: SLF001 - as above


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", "unknown"),
        (None, "unknown"),
        ("unix:", "unknown"),
    ],
)
def test_address_is_grouped(address: str | None, group: str) -> None:
    """One IPv6 host has a whole network to itself, so the network is what is counted."""
    assert group == group_of(address)


def test_limit_of_its_own_is_lower() -> None:
    """Tries of a password are fewer than other requests."""
    limits = AddressLimits(lambda: 0.0, hits=2)
    with Flask("t").test_request_context("/"):
        limits.hit()
        limits.hit()
        with pytest.raises(RejectedError):
            limits.hit()


def test_user_is_counted_in_the_database() -> None:
    """One counter for RPCs and HTTP, however many processes there are."""
    database = create_autospec(Database, instance=True)
    database.call.return_value = {"allowed": True, "retry_after_ms": 0}

    UserLimits(database).hit("create_intent", "alice")

    database.call.assert_called_once_with("rate_limit_hit", action="create_intent", key="alice")


def test_user_over_the_limit_is_told_when() -> None:
    """The answer has the seconds until the window ends."""
    database: Any = create_autospec(Database, instance=True)
    database.call.return_value = {"allowed": False, "retry_after_ms": 1500}

    with pytest.raises(RejectedError) as caught:
        UserLimits(database).hit("create_intent", "alice")

    assert ("RATE_LIMITED", {"retry_after_ms": 1500}) == (caught.value.code, caught.value.fields)
