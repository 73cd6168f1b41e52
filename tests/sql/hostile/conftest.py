"""The world of the access matrix, for hostile calls that are all undone."""

from collections.abc import Iterator

import pytest
from psycopg import Connection

from tests.sql.hostile.callers import Callers


@pytest.fixture(scope="module")
def callers(_shared: Connection) -> Iterator[Callers]:
    """Build the world once; every call is undone."""
    _shared.execute("select")
    yield Callers(_shared)
    _shared.rollback()
