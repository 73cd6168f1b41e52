"""Give each test here an order of $100.00 that alice has paid, and calls of the service."""

from typing import Any, Protocol
from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.paying import ordered, paid, service_of


class Calls(Protocol):
    """Calls a function about the order in the name of a user."""

    def __call__(self, function: str, user: Actor, **arguments: object) -> Any:
        """Return the answer of the function."""


@pytest.fixture
def order_id(owner: Connection, seller: Actor, alice: Actor) -> UUID:
    order_id = ordered(seller, alice)
    paid(owner, order_id)
    return order_id


@pytest.fixture
def call(owner: Connection, order_id: UUID) -> Calls:
    def called(function: str, user: Actor, **arguments: object) -> Any:
        return service_of(owner).call(
            function, **({"order_id": order_id, "user_id": user.id} | arguments)
        )

    return called
