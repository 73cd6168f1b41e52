"""`place_bid` exactly at a limit of time, with a stopped clock."""

from datetime import timedelta
from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.bidding.bidding_world import BEGINNING, World
from tests.sql.bidding.oracle import Market
from tests.sql.bidding.oracle_auction import SoftClose


MICROSECOND = timedelta(microseconds=1)
END = BEGINNING + timedelta(hours=1)
#: A bid in the last minute moves the end to two minutes after it, so each extension shows.
RULES = SoftClose(
    window=timedelta(minutes=1), extend=timedelta(minutes=2), max_total=timedelta(days=1)
)


@pytest.fixture
def world(owner: Connection) -> World:
    """Stop the clock an hour before the end."""
    return World.in_transaction_of(owner)


@pytest.fixture
def auction_id(world: World) -> UUID:
    """Open an auction at $10.00 that ends softly."""
    world.close_softly(RULES)
    return world.open_auction(
        Market({}), RULES, start_cents=1000, reserve_cents=None, start_at=None, end_at=END
    )


def test_last_microsecond_is_in_time(world: World, auction_id: UUID) -> None:
    """A bid a microsecond before the end is accepted."""
    world.set_time(END - MICROSECOND)

    receipt = world.call("alice", "place_bid", auction_id=auction_id, amount_cents=1000)

    assert (True, 0, 119.999999) == (
        receipt["success"],
        receipt["time_left_ms"],
        receipt["extension_seconds"],
    )


def test_end_itself_is_too_late(world: World, auction_id: UUID) -> None:
    """A bid at the end is late, whether the auction is closed or not."""
    world.set_time(END)

    refusal = world.call("alice", "place_bid", auction_id=auction_id, amount_cents=1000)

    assert "AUCTION_ENDED" == refusal["code"]


@pytest.mark.parametrize(
    ("before_window", "extension_s"), [(MICROSECOND, 0), (0 * MICROSECOND, 60)]
)
def test_window_includes_its_start(
    world: World, auction_id: UUID, before_window: timedelta, extension_s: int
) -> None:
    """A bid exactly at the start of the window moves the end, and one just before does not."""
    world.set_time(END - RULES.window - before_window)

    receipt = world.call("alice", "place_bid", auction_id=auction_id, amount_cents=1000)

    assert extension_s == receipt["extension_seconds"]
