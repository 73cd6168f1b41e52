"""`reading_window`, `advance_reading`: the part of Stripe's lists that reconcile reads next."""

from typing import Any

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time
from tests.sql.paying import ordered


HOUR = 3600


def window_of(service: Actor, name: str, span_s: int) -> Any:
    return service.call("reading_window", list=name, span_s=span_s, delay_s=10)


def test_first_reading_begins_with_the_first_order(
    owner: Connection, service: Actor, seller: Actor, alice: Actor
) -> None:
    """The first reading begins with the first order, because money concerns orders."""
    ordered(seller, alice)
    move_time(owner, "3 hours")

    window = window_of(service, "events", 600)

    assert 3 * HOUR + 300 <= window["now"] - window["since"] <= 3 * HOUR + 400
    assert 900 == window["until"] - window["since"]
    assert window["is_newest"] is False


def test_first_reading_without_orders_is_short(service: Actor) -> None:
    """Without an order the first reading skips the account's past."""
    window = window_of(service, "events", 600)

    assert window["now"] - window["since"] <= 400
    assert window["is_newest"] is True


def test_next_reading_follows(owner: Connection, service: Actor) -> None:
    """A reading overlaps the previous one by five minutes, and ends some seconds ago."""
    window = window_of(service, "events", 600)
    assert service.call("advance_reading", list="events", until=window["until"]) is True
    move_time(owner, "1 minute")

    following = window_of(service, "events", 600)

    assert window["until"] - 300 == following["since"]
    assert 10 <= following["now"] - following["until"] <= 11


def test_position_never_goes_back(service: Actor) -> None:
    """A slower worker does not move the position back."""
    window = window_of(service, "events", 600)
    until = window["until"]
    assert service.call("advance_reading", list="events", until=until) is True

    assert service.call("advance_reading", list="events", until=until - HOUR) is False
    assert service.call("advance_reading", list="events", until=until) is False

    assert until - 300 == window_of(service, "events", 9)["since"]


def test_reading_never_begins_before_stripe_forgets(owner: Connection, service: Actor) -> None:
    """A reading begins at most 30 days ago, because Stripe keeps events for 30 days."""
    until = window_of(service, "events", 600)["until"]
    service.call("advance_reading", list="events", until=until)
    move_time(owner, "400 days")

    window = window_of(service, "events", 600)

    assert window["now"] - window["since"] <= 30 * 24 * HOUR


@pytest.mark.usefixtures("order_id")
def test_lists_have_their_own_positions(owner: Connection, service: Actor) -> None:
    """Each list has its own position."""
    move_time(owner, "2 hours")
    window = window_of(service, "events", 9 * HOUR)
    service.call("advance_reading", list="events", until=window["until"])

    other = window_of(service, "intents", 9 * HOUR)

    assert other["now"] - other["since"] >= 2 * HOUR
