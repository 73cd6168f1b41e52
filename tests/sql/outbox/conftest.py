"""Fixtures of every test here: an order of $100.00 that alice has won."""

from uuid import UUID

import pytest

from tests.sql.actors import Actor
from tests.sql.paying import ordered


@pytest.fixture
def order_id(seller: Actor, alice: Actor) -> UUID:
    return ordered(seller, alice)
