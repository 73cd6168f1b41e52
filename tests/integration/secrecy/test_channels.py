"""Realtime sends each reader the changes of the rows of the access matrix, and no other."""

import contextlib
from collections.abc import Iterator, Mapping

import psycopg
import pytest

from tests.integration.secrecy.conftest import token_of
from tests.integration.secrecy.planting import Side, leaks
from tests.sql.access.test_matrix import MATRIX, key_of
from tests.sql.access.world import Reader, World, readers_in
from tests.support.gateways import Gateway
from tests.support.wires import Wire, join_frame, wire


pytestmark = pytest.mark.anyio

#: The row that everybody reads: its change comes last, after those that a reader may miss.
LAST = ("public.auctions", "live_auction")
SPELLINGS = ("{}", "{} ", "{}:x")
#: The statuses of a reply to a join.
REFUSED, JOINED = "error", "ok"
NAMES = ("live_auction", "order", "thread", "buyer", "dispute")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run asynchronous tests on the loop that the client is written for."""
    return "asyncio"


@pytest.fixture
def gateway(gateways: Mapping[Side, Gateway]) -> Gateway:
    """Return the gateway of the first database."""
    return gateways[Side.A]


@pytest.fixture
def owner(worlds: tuple[World, Mapping[Side, str]]) -> Iterator[psycopg.Connection]:
    """Connect as the owner of the first database; each statement commits."""
    with psycopg.connect(worlds[1][Side.A], autocommit=True) as connection:
        yield connection


async def reply(client: Wire, ref: str) -> str:
    """Return the status of the reply to a frame; skip other frames."""
    while True:
        frame = await client.receive()
        if frame[1] == ref and frame[3] == "phx_reply":
            return str(frame[4]["status"])


async def subscribe(client: Wire, access_token: str, tables: list[str]) -> None:
    """Join a topic, and subscribe to all changes of these tables."""
    bindings = [{"event": "*", "schema": "public", "table": table} for table in tables]
    frame = join_frame("1", "mine", postgres_changes=bindings)
    frame[4]["access_token"] = access_token
    await client.send(frame)
    assert JOINED == await reply(client, "1")
    while (frame := await client.receive())[3] != "system":
        pass
    assert "ok" == frame[4]["status"], frame


async def changed_rows(client: Wire, last: str) -> tuple[set[tuple[str, str]], str]:
    """Return table and key of each change before the last one, and everything received."""
    found, texts = set(), []
    while True:
        frame = await client.receive()
        texts.append(str(frame))
        if frame[3] == "postgres_changes":
            data = frame[4]["data"]
            table = f"public.{data['table']}"
            key = str(data["record"].get(key_of(table)))
            found.add((table, key))
            if (table, key) == (LAST[0], last):
                return found, "".join(texts)


async def test_changes_reach_the_readers_of_their_rows(
    gateway: Gateway, owner: psycopg.Connection, world: World
) -> None:
    """Each row changes once, and every reader subscribes to all tables without a filter."""
    published = "select tablename::text from pg_publication_tables where pubname = %s"
    tables = [table for (table,) in owner.execute(published, ["supabase_realtime"])]
    rows = {
        (f"public.{table}", row): words
        for table in tables
        for row, words in MATRIX["select"][f"public.{table}"]["rows"].items()
    }
    last = world.value(LAST[1])
    async with contextlib.AsyncExitStack() as stack:
        clients = {reader: await stack.enter_async_context(wire(gateway)) for reader in Reader}
        for reader, client in clients.items():
            await subscribe(client, token_of(gateway, world, reader), tables)

        for table, row in [*(row for row in rows if row != LAST), LAST]:
            key = key_of(table)
            query = f"update {table} set {key} = {key} where {key}::text = %s"  # noqa: S608 -- the matrix's tables
            assert 1 == owner.execute(query.encode(), [world.value(row)]).rowcount

        for reader, client in clients.items():
            found, text = await changed_rows(client, last)
            allowed = {
                (table, world.value(row))
                for (table, row), words in rows.items()
                if reader in readers_in(words)
            }
            assert allowed == found, reader
            assert set() == leaks(reader, text, "")


async def test_private_topics_are_joined_as_the_matrix_says(gateway: Gateway, world: World) -> None:
    """The readers of the matrix join a private topic; another spelling of it is closed."""
    for reader in (Reader.ANON, Reader.BUYER):
        async with wire(gateway) as client:
            expected, found = {}, {}
            for number, (topic, words) in enumerate(topics(world).items()):
                frame = join_frame(str(number), topic, private=True)
                frame[4]["access_token"] = token_of(gateway, world, reader)
                await client.send(frame)
                expected[topic] = JOINED if reader in readers_in(words) else REFUSED
                found[topic] = await reply(client, str(number))

            assert expected == found


def topics(world: World) -> dict[str, str]:
    """Return the topics of the matrix, and other spellings of each, with those who may join."""
    found: dict[str, str] = {}
    for topic, words in MATRIX["topic"].items():
        filled = topic.format_map({name: world.value(name) for name in NAMES})
        found |= {spelling.format(filled): "" for spelling in SPELLINGS} | {filled: words}
        found |= {filled.upper(): ""}
    return found


@pytest.mark.parametrize("topic", ["auction:{}", "auction-{}"])
async def test_clients_send_nothing_to_private_topics(
    gateway: Gateway, owner: psycopg.Connection, world: World, topic: str
) -> None:
    """A client's broadcast reaches nobody; the database's broadcast reaches everybody."""
    topic = topic.format(world.value("live_auction"))
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(wire(gateway)) for _ in range(2)]
        for client, reader in zip(clients, (Reader.ADMIN, Reader.ANON), strict=True):
            frame = join_frame("1", topic, private=True, broadcast={"self": True})
            frame[4]["access_token"] = token_of(gateway, world, reader)
            await client.send(frame)
            assert JOINED == await reply(client, "1")
        body = {"type": "broadcast", "event": "time_remaining", "payload": {"by": "forged"}}
        await clients[0].send(["1", "2", f"realtime:{topic}", "broadcast", body])
        await clients[0].send([None, "3", "phoenix", "heartbeat", {}])
        assert JOINED == await reply(clients[0], "3")

        sent = "select realtime.send(%s::jsonb, 'time_remaining', %s, true)"
        owner.execute(sent, ['{"by": "from the database"}', topic])

        for client in clients:
            text = ""
            while "from the database" not in text:
                text = str(await client.receive())
                assert "forged" not in text
