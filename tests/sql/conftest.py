"""Give the SQL tests a database built from `sql/`, and actors in it."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection
from psycopg.pq import TransactionStatus

from devstack.postgres.schema import build_database, declared_files
from tests.sql.actors import Actor, signed_up
from tests.sql.auctioning import auctioned, hold_clock
from tests.sql.paying import ordered
from tests.support.database_copies import copy_database


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
#: A limit counts the uses between two full minutes, hours or days. So each test begins at a full
#: minute, and none passes while it counts. Its clock is up to a minute ahead of `now()`, the
#: default of many columns. A test with a database of its own begins at any second.
START_OF_A_MINUTE = """
  update private.test_clock
  set ahead_by = date_bin('1 minute', clock_timestamp(), 'epoch') - clock_timestamp()
    + interval '1 minute'
"""


@pytest.fixture(scope="session")
def _built_url(admin_url: str) -> str:
    url = build_database(admin_url, "market_sql_tests", declared_files())
    with psycopg.connect(url) as connection:
        connection.execute(MOVABLE_CLOCK)
    return url


@pytest.fixture(scope="session")
def declared_url(_built_url: str) -> str:
    """Return the URL of a database from `sql/`; a test that commits overrides it with a copy."""
    return _built_url


@pytest.fixture(scope="session")
def _shared(_built_url: str) -> Iterator[Connection]:
    """Connect once for all tests: a new connection would compile each function again.

    It is a copy's, because Postgres copies only a database that nobody is connected to.
    """
    url = copy_database(_built_url, "market_shared")
    with closing(psycopg.connect(url, options="-c search_path=")) as shared:
        yield shared


@pytest.fixture
def owner(declared_url: str, _built_url: str, _shared: Connection) -> Iterator[Connection]:
    """Connect as the schema's owner; all changes of the test are rolled back."""
    with ExitStack() as stack:
        connection = _shared
        if declared_url == _built_url:
            # This begins a transaction too. Otherwise the block of an actor's first call would be
            # outermost, and commit.
            connection.execute(START_OF_A_MINUTE)
        else:
            own = psycopg.connect(declared_url, options="-c search_path=")
            connection = stack.enter_context(own)
        stack.callback(connection.rollback)
        yield connection
        status = connection.info.transaction_status
        if status is TransactionStatus.INTRANS:
            # The test never commits, so the deferred constraints are checked here.
            connection.execute("set constraints all immediate")
        shares = connection is _shared
        assert not (shares and status is TransactionStatus.IDLE), "a test that commits needs a copy"


@pytest.fixture
def held_clock(owner: Connection) -> None:
    """Let only `move_time` move the time from the first fixture on."""
    hold_clock(owner)


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


@pytest.fixture
def order_id(seller: Actor, alice: Actor) -> UUID:
    """Give an order of $100.00 that alice has won and not paid yet."""
    return ordered(seller, alice)


@pytest.fixture
def other(declared_url: str) -> Iterator[Connection]:
    """Open a second connection as the schema's owner; its changes are rolled back."""
    with psycopg.connect(declared_url, options="-c search_path=") as connection:
        yield connection
        connection.rollback()
