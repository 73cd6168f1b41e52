"""Fixtures of every test here: alice has signed up and is not verified yet."""

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.kyc.verifying import attached, unverified


@pytest.fixture
def alice(owner: Connection) -> Actor:
    return unverified(owner)


@pytest.fixture
def started(owner: Connection, alice: Actor) -> Actor:
    """Let alice start a verification, whose session waits for her document."""
    assert attached(owner, alice)["success"]
    return alice
