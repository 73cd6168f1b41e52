"""The stream of a logical slot of a real Postgres."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest

from devstack.gateway.realtime import replication
from devstack.gateway.realtime.replication import CREATE, PUBLICATION, Stream, open_replication
from devstack.supervisor.processes import wait_until
from tests.support.gateways import Gateway
from tests.support.waits import ANSWER_S


pytestmark = pytest.mark.anyio

SLOT = "replication_tests"
CONFIRMED = (
    "select confirmed_flush_lsn >= %s::pg_lsn from pg_replication_slots where slot_name = %s"
)


@pytest.fixture
async def source(admin_url: str, gateway: Gateway) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """Connect for replication, with a slot."""
    database = psycopg.conninfo.conninfo_to_dict(gateway.owner_url)["dbname"]
    connection = await open_replication(psycopg.conninfo.make_conninfo(admin_url, dbname=database))
    await connection.execute(CREATE.format(SLOT))
    yield connection
    await connection.close()
    # The server drops the temporary slot some time after the end of its session.
    with psycopg.connect(admin_url) as observer:
        query = "select from pg_replication_slots where slot_name = %s"
        assert wait_until(lambda: observer.execute(query, [SLOT]).fetchone() is None, ANSWER_S)


@pytest.fixture
async def stream(source: psycopg.AsyncConnection[Any]) -> Stream:
    """Start the stream of the slot."""
    stream = Stream(source)
    await stream.start(SLOT, PUBLICATION)
    return stream


async def received(stream: Stream) -> str:
    """Wait for transactions, because a keepalive ends a wait too; return the kinds of messages."""
    async with asyncio.timeout(ANSWER_S):
        while not (messages := await stream.receive(ANSWER_S)):
            pass
    return "".join(chr(message[0]) for message in messages)


def insert(owner: psycopg.Connection, numbers: Iterator[int], count: int) -> None:
    ids = [next(numbers) for _ in range(count)]
    owner.execute("insert into notes (id) select unnest(%s::integer[])", [ids])


async def test_a_transaction_arrives_whole(
    owner: psycopg.Connection, stream: Stream, numbers: Iterator[int]
) -> None:
    """A transaction arrives from begin to commit; a stream describes a table once."""
    insert(owner, numbers, 2)
    first = await received(stream)
    insert(owner, numbers, 1)
    second = await received(stream)

    assert ["BRIIC", "BIC"] == [first, second]


async def test_many_transactions_are_split_at_the_end_of_one(
    owner: psycopg.Connection,
    stream: Stream,
    numbers: Iterator[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A call returns whole transactions, whatever their size, and the next call goes on."""
    monkeypatch.setattr(replication, "MAX_MESSAGES", 3)
    sizes = [1, 50, 1]
    for size in sizes:
        insert(owner, numbers, size)

    batches = [await received(stream)]
    while "".join(batches).count("I") < sum(sizes):
        batches.append(await received(stream))

    assert all(batch.endswith("C") for batch in batches)
    assert [1, 50, 1] == [batch.count("I") for batch in batches]


async def test_nothing_is_received_from_an_open_transaction(
    gateway: Gateway, owner: psycopg.Connection, stream: Stream, numbers: Iterator[int]
) -> None:
    """The stream has the rows of committed transactions, and none of an open one."""
    with psycopg.connect(gateway.owner_url) as other:
        insert(other, numbers, 1)
        insert(owner, numbers, 2)
        kinds = await received(stream)
        other.rollback()

    assert 2 == kinds.count("I")


async def test_confirmed_wal_is_not_kept(
    owner: psycopg.Connection, stream: Stream, numbers: Iterator[int]
) -> None:
    """A confirmed position moves the slot, even past WAL without published rows."""
    insert(owner, numbers, 1)
    await received(stream)
    owner.execute("create table passing ()")
    owner.execute("drop table passing")
    [(position,)] = owner.execute("select pg_current_wal_lsn()").fetchall()

    async with asyncio.timeout(ANSWER_S):
        while owner.execute(CONFIRMED, [position, SLOT]).fetchone() != (True,):
            stream.confirm()
            assert [] == await stream.receive(0.05)


async def test_a_stream_that_ends_raises(
    superuser_of_slots: psycopg.Connection, stream: Stream
) -> None:
    """The stream raises at its end, so the reader makes a new slot."""
    superuser_of_slots.execute(
        "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = %s",
        [SLOT],
    )

    with pytest.raises(psycopg.OperationalError):
        await received(stream)


async def test_a_slot_that_is_unknown_cannot_be_streamed(
    source: psycopg.AsyncConnection[Any],
) -> None:
    """The server's own error refuses an unknown slot."""
    with pytest.raises(psycopg.errors.UndefinedObject):
        await Stream(source).start("unknown", PUBLICATION)


@pytest.fixture
def superuser_of_slots(admin_url: str) -> Iterator[psycopg.Connection]:
    """Connect as the superuser, who may end other sessions."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        yield connection
