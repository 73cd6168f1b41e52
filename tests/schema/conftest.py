"""Fixtures of the schema tests: a database with the objects that Supabase ships, and no others."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import Connection

from devstack.postgres.schema import build_database, migration_files


@pytest.fixture(scope="session")
def baseline_url(admin_url: str) -> str:
    return build_database(admin_url, "market_baseline", [])


@pytest.fixture(scope="session")
def migrated_url(admin_url: str) -> str:
    """Build a database from all migrations, which no test changes."""
    return build_database(admin_url, "market_migrated", migration_files())


@pytest.fixture
def postgres(baseline_url: str) -> Iterator[Connection]:
    """Connect as postgres, as migrations and operators do; all of it is rolled back."""
    with psycopg.connect(baseline_url) as connection:
        yield connection
        connection.rollback()
