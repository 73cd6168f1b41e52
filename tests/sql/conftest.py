"""What every SQL test may rely on: a database built from `sql/`, and actors in it."""

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection
from psycopg.pq import TransactionStatus

from devstack.schema import build_database, declared_files
from tests.sql.actors import Actor, signed_up
from tests.sql.auctioning import auctioned


#: A test moves time by an update of this table. The product has no such switch: here its clock is
#: replaced after the build, by one that keeps to the same house rules.
MOVABLE_CLOCK = """
  create table private.test_clock (ahead_by interval not null);
  comment on table private.test_clock is 'How far the test has moved the time, in its one row.';
  alter table private.test_clock enable row level security;
  insert into private.test_clock values ('0');

  create or replace function private.clock() returns timestamptz
  language sql set search_path = ''
  as $$ select clock_timestamp() + ahead_by from private.test_clock $$;
"""


@pytest.fixture(scope="session")
def declared_url(admin_url: str) -> str:
    url = build_database(admin_url, "market_sql_tests", declared_files())
    with psycopg.connect(url) as connection:
        connection.execute(MOVABLE_CLOCK)
    return url


@pytest.fixture
def owner(declared_url: str) -> Iterator[Connection]:
    """Connect as the schema's owner; all that the test does, as anyone, is rolled back."""
    with psycopg.connect(declared_url, options="-c search_path=") as connection:
        yield connection
        if connection.info.transaction_status is TransactionStatus.INTRANS:
            # Deferred constraints speak up at commit, and there will be none.
            connection.execute("set constraints all immediate")
        connection.rollback()


@pytest.fixture
def anonymous(owner: Connection) -> Actor:
    return Actor(connection=owner, role="anon")


@pytest.fixture
def service(owner: Connection) -> Actor:
    return Actor(connection=owner, role="service_role")


@pytest.fixture
def seller(owner: Connection) -> Actor:
    return signed_up(owner, "seller", role="seller")


@pytest.fixture
def alice(owner: Connection) -> Actor:
    return signed_up(owner, "alice")


@pytest.fixture
def bob(owner: Connection) -> Actor:
    return signed_up(owner, "bob")


@pytest.fixture
def carol(owner: Connection) -> Actor:
    return signed_up(owner, "carol")


@pytest.fixture
def moderator(owner: Connection) -> Actor:
    return signed_up(owner, "moderator", role="moderator").with_second_factor()


@pytest.fixture
def auction_id(seller: Actor) -> UUID:
    """Open an auction at $10.00 without a reserve, with an hour to go."""
    return auctioned(seller)
