"""Give each test here an order of $100.00 that alice has won, and a transaction that is undone."""

from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.paying import ordered


@pytest.fixture
def order_id(seller: Actor, alice: Actor) -> UUID:
    return ordered(seller, alice)


@pytest.fixture(autouse=True)
def _begun(owner: Connection) -> None:
    # An actor whose call is the first statement would commit it: its block would be outermost.
    owner.execute("select")
