"""Fixtures of every test here: a listing, an order of $100.00, and a filter with set verdicts."""

from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.paying import ordered
from tests.sql.writing import listing_of, script_filter


@pytest.fixture(autouse=True)
def _scripted_filter(owner: Connection) -> None:
    script_filter(owner)


@pytest.fixture
def order_id(seller: Actor, alice: Actor) -> UUID:
    """Sell an item to Alice, who has not paid yet."""
    return ordered(seller, alice)


@pytest.fixture
def listing_id(owner: Connection, auction_id: UUID) -> UUID:
    """Create another listing, which is on sale for an hour."""
    return listing_of(owner, auction_id)
