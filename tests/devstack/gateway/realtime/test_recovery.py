"""Restarts, lost database connections and expired tokens, from a worker's view."""

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import conninfo
from realtime import RealtimeSubscribeStates

from devstack.postgres.schema import build_database
from devstack.supervisor.processes import wait_until
from tests.devstack.gateway.realtime.conftest import FILES
from tests.support.gateways import Gateway, running_gateway
from tests.support.listening import (
    PRIVATE,
    PUBLIC,
    Connect,
    join,
    joined,
)
from tests.support.waits import ANSWER_S


pytestmark = [
    pytest.mark.anyio,
    # The client reads the close code in a way that websockets deprecates.
    pytest.mark.filterwarnings("ignore:ConnectionClosed.* is deprecated:DeprecationWarning"),
]

ALICE, BOB = (str(uuid.uuid5(uuid.NAMESPACE_DNS, name)) for name in ("alice", "bob"))
SUBSCRIBED, ERROR, CLOSED = (
    RealtimeSubscribeStates.SUBSCRIBED,
    RealtimeSubscribeStates.CHANNEL_ERROR,
    RealtimeSubscribeStates.CLOSED,
)
DATABASE = "realtime_recovery_tests"
#: True selects the reader of the WAL, false the connection that checks rows.
END_READERS = """
select pg_terminate_backend(pid) from pg_stat_activity
where application_name = 'devstack realtime' and datname = current_database()
  and (backend_type = 'walsender') = %s
"""
END_GATEWAYS = """
select pg_terminate_backend(pid) from pg_stat_activity
where application_name like 'devstack %' and datname = current_database()
"""
SLOT_WAITS = """
select exists (
  select from pg_stat_activity
  where application_name = 'devstack realtime' and datname = current_database()
    and query like '%create_logical_replication_slot%' and wait_event_type = 'Lock'
)
"""
SLOT_ADVANCES = """
select exists (
  select from pg_stat_activity
  where application_name = 'devstack realtime' and datname = current_database()
    and query like '%replication_slot_advance%'
)
"""
COMMIT_WAITS = """
select exists (select from pg_stat_activity where wait_event = 'SyncRep')
"""
SLOT_READS = """
select exists (
  select from pg_stat_activity
  where application_name = 'devstack realtime' and datname = current_database()
    and query like 'START_REPLICATION%'
)
"""


@pytest.fixture(scope="module")
def own_url(admin_url: str) -> str:
    """Return the URL of a database that no other gateway serves, as its owner."""
    return build_database(admin_url, DATABASE, FILES)


@pytest.fixture
def own_database(own_url: str) -> Iterator[psycopg.Connection]:
    """Connect as the owner; each statement commits."""
    with psycopg.connect(own_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def superuser(admin_url: str, own_url: str) -> Iterator[psycopg.Connection]:
    """Connect as the superuser, who may end other sessions."""
    database = conninfo.conninfo_to_dict(own_url)["dbname"]
    with psycopg.connect(admin_url, dbname=database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def own_gateway(own_url: str, tmp_path: Path) -> Iterator[Gateway]:
    """Run a gateway that the test may stop."""
    with running_gateway(own_url, tmp_path) as gateway:
        yield gateway


async def becomes_true(
    superuser: psycopg.Connection, question: str, or_done: asyncio.Task[Any] | None = None
) -> bool:
    def is_true() -> bool:
        is_done = or_done is not None and or_done.done()
        return is_done or superuser.execute(question).fetchone() == (True,)

    return await asyncio.to_thread(wait_until, is_true, ANSWER_S)


async def test_the_client_comes_back_after_a_restart(
    own_database: psycopg.Connection, own_gateway: Gateway, connect: Connect, numbers: Iterator[int]
) -> None:
    """The client's channel fails, joins again by itself and gets changes again."""
    id_ = next(numbers)
    client = await connect(own_gateway, own_gateway.keys.service_role_jwt)
    heard = await joined(client, "restart", {"table": "notes"})

    await asyncio.to_thread(own_gateway.stop)
    assert ERROR == (await heard.state())[0]
    await asyncio.to_thread(own_gateway.start)
    assert SUBSCRIBED == (await heard.state())[0]
    assert "Subscribed to PostgreSQL" == await heard.system()
    own_database.execute("insert into notes values (%s)", [id_])

    assert id_ == (await heard.change())["record"]["id"]


async def test_a_lost_slot_is_made_anew(
    own_database: psycopg.Connection,
    superuser: psycopg.Connection,
    own_gateway: Gateway,
    connect: Connect,
    numbers: Iterator[int],
) -> None:
    """Subscribers get an error when the slot is lost, because they may have missed changes."""
    id_ = next(numbers)
    client = await connect(own_gateway, own_gateway.keys.service_role_jwt)
    heard = await joined(client, "lost", {"table": "notes"})

    superuser.execute(END_READERS, [True])

    assert "Subscribed to PostgreSQL" == await heard.system()
    own_database.execute("insert into notes values (%s)", [id_])
    assert id_ == (await heard.change())["record"]["id"]


async def test_a_lost_row_check_costs_no_change(
    own_database: psycopg.Connection,
    superuser: psycopg.Connection,
    own_gateway: Gateway,
    connect: Connect,
    numbers: Iterator[int],
) -> None:
    """Changes survive the loss of the connection that checks rows, which is not the slot's."""
    before, after = next(numbers), next(numbers)
    client = await connect(own_gateway, own_gateway.keys.service_role_jwt)
    heard = await joined(client, "row check", {"table": "notes"})
    own_database.execute("insert into notes values (%s)", [before])
    assert before == (await heard.change())["record"]["id"]

    superuser.execute(END_READERS, [False])
    own_database.execute("insert into notes values (%s)", [after])

    assert after == (await heard.change())["record"]["id"]


async def test_a_commit_is_sent_once_others_see_it(
    own_database: psycopg.Connection,
    superuser: psycopg.Connection,
    own_gateway: Gateway,
    connect: Connect,
    numbers: Iterator[int],
) -> None:
    """A commit is sent only when other sessions see it; row security hides its rows until then."""
    before = next(numbers)
    client = await connect(own_gateway, own_gateway.token(ALICE))
    heard = await joined(client, "seen", {"table": "things"})
    insert = "insert into things (id, owner_id) values (%s, %s)"
    # The first check installs a function, which would wait for the standby too.
    own_database.execute(insert, [before, ALICE])
    assert before == (await heard.change())["record"]["id"]

    # A commit that waits for a standby is in the WAL, and no session sees it.
    superuser.execute("alter system set synchronous_standby_names = 'nobody'")
    superuser.execute("select pg_reload_conf()")
    try:
        # The server adopts the setting a little later, so the first commits may not wait yet.
        while True:
            id_ = next(numbers)
            inserting = asyncio.create_task(
                asyncio.to_thread(own_database.execute, insert, [id_, ALICE])
            )
            assert await becomes_true(superuser, COMMIT_WAITS, or_done=inserting)
            if not inserting.done():
                break
    finally:
        superuser.execute("alter system reset synchronous_standby_names")
        superuser.execute("select pg_reload_conf()")
    await inserting

    while id_ != (await heard.change())["record"]["id"]:
        pass


async def test_realtime_recovers_from_losing_every_connection(
    own_database: psycopg.Connection,
    superuser: psycopg.Connection,
    own_gateway: Gateway,
    connect: Connect,
    numbers: Iterator[int],
) -> None:
    """After a restart of Postgres subscribers get an error, and new joins succeed in the end."""
    id_ = next(numbers)
    client = await connect(own_gateway, own_gateway.keys.service_role_jwt)
    old = await joined(client, "on board", {"table": "notes"})

    superuser.execute(END_GATEWAYS)

    new = await join(client, "auction:9", {"table": "notes"}, config=PRIVATE)
    while SUBSCRIBED != (await new.state())[0]:
        pass
    assert "Subscribed to PostgreSQL" == await new.system()
    assert "Subscribed to PostgreSQL" == await old.system()
    own_database.execute("insert into notes values (%s)", [id_])
    for heard in (old, new):
        assert id_ == (await heard.change())["record"]["id"]


async def test_a_join_waits_for_its_source(
    own_database: psycopg.Connection,
    superuser: psycopg.Connection,
    own_gateway: Gateway,
    connect: Connect,
    numbers: Iterator[int],
) -> None:
    """A join waits for its slot, which Postgres makes after the end of each open write."""
    id_ = next(numbers)
    client = await connect(own_gateway, own_gateway.keys.service_role_jwt)
    with psycopg.connect(own_database.info.dsn) as other:
        other.execute("insert into notes values (%s)", [next(numbers)])
        superuser.execute(END_READERS, [True])
        joining = asyncio.create_task(join(client, "waiting", {"table": "notes"}))
        assert await becomes_true(superuser, SLOT_WAITS)
        # A join without changes gets its answer, while this one still waits.
        await joined(client, "public", config=PUBLIC)
        assert not joining.done()
        other.rollback()

    heard = await joining
    assert SUBSCRIBED == (await heard.state())[0]
    own_database.execute("insert into notes values (%s)", [id_])
    assert id_ == (await heard.change())["record"]["id"]


async def test_a_token_that_ends_closes_its_channel(gateway: Gateway, connect: Connect) -> None:
    """An expired token closes its channel with a reason, and the client does not rejoin."""
    client = await connect(gateway, gateway.token(ALICE))
    heard = await joined(client, "short", {"table": "things"})
    # The token is renewed, because a busy machine may join after its end.
    await client.set_auth(gateway.token(ALICE, life_s=1))

    state, problem = await heard.state()

    assert ERROR == state
    assert "Token has expired" in problem
    assert CLOSED == (await heard.state())[0]


async def test_a_renewed_token_keeps_the_channel(
    owner: psycopg.Connection, gateway: Gateway, connect: Connect, numbers: Iterator[int]
) -> None:
    """A renewed token keeps the channel, and its claims decide from then on."""
    alices, bobs = next(numbers), next(numbers)
    client = await connect(gateway, gateway.token(ALICE))
    heard = await joined(client, "renewed", {"table": "things"})

    await client.set_auth(gateway.token(BOB))
    assert "Subscribed to PostgreSQL" == await heard.system()
    owner.execute("insert into things (id, owner_id) values (%s, %s)", [alices, ALICE])
    owner.execute("insert into things (id, owner_id) values (%s, %s)", [bobs, BOB])

    assert bobs == (await heard.change())["record"]["id"]


async def test_a_renewed_token_without_permission_closes_the_channel(
    gateway: Gateway, connect: Connect
) -> None:
    """A renewed token must meet the policies of a private topic again."""
    client = await connect(gateway, gateway.token(ALICE))
    heard = await joined(client, "room:renewed", config=PRIVATE)

    await client.set_auth(gateway.keys.anon_jwt)

    state, problem = await heard.state()
    assert ERROR == state
    assert "You do not have permissions" in problem
    assert CLOSED == (await heard.state())[0]


async def test_unsubscribing_ends_the_work(
    superuser: psycopg.Connection, own_gateway: Gateway, connect: Connect
) -> None:
    """The gateway streams no WAL without a subscriber."""
    client = await connect(own_gateway)
    heard = await joined(client, "idle", {"table": "notes"})
    assert await becomes_true(superuser, SLOT_READS)

    await heard.channel.unsubscribe()

    assert await becomes_true(superuser, SLOT_ADVANCES)
