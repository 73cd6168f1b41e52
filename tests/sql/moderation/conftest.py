"""Fixtures of every test here: an order of $100.00, another listing on sale, and an admin."""

from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor, signed_up
from tests.sql.writing import listing_of


@pytest.fixture
def listing_id(owner: Connection, auction_id: UUID) -> UUID:
    """Return the listing of the running auction."""
    return listing_of(owner, auction_id)


@pytest.fixture
def admin(owner: Connection) -> Actor:
    """Sign up the only admin, in a session with a second factor."""
    return signed_up(owner, "admin", role="admin").with_second_factor()
