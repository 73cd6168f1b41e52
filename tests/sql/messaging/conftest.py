"""Fixtures of every test here: a listing, an order of $100.00, and a filter with set verdicts."""

from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.writing import listing_of, script_filter


@pytest.fixture(autouse=True)
def _scripted_filter(owner: Connection) -> None:
    script_filter(owner)


@pytest.fixture
def listing_id(owner: Connection, auction_id: UUID) -> UUID:
    """Create another listing, which is on sale for an hour."""
    return listing_of(owner, auction_id)
