"""Fixtures of every test here: an order of $100.00, for a seller who can be paid."""

from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.paying import brought_to, ordered
from tests.sql.payouts.paying_out import onboarded


@pytest.fixture
def delivered(owner: Connection, seller: Actor, alice: Actor) -> UUID:
    """Sell an item of an onboarded seller to alice, up to its delivery."""
    order_id = ordered(seller, alice)
    brought_to(owner, order_id, "delivered")
    onboarded(owner, seller)
    return order_id


@pytest.fixture
def released(owner: Connection, seller: Actor, alice: Actor) -> UUID:
    """Release an order to a seller who can be paid."""
    order_id = ordered(seller, alice)
    brought_to(owner, order_id, "released")
    onboarded(owner, seller)
    return order_id
