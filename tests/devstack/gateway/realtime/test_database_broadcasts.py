"""Broadcasts that the database sends, as they commit, and again to those who missed them.

https://supabase.com/docs/guides/realtime/broadcast#broadcast-from-the-database
https://supabase.com/docs/guides/realtime/broadcast#broadcast-replay
"""

from collections.abc import Iterator

import psycopg
import pytest
from realtime import RealtimeSubscribeStates

from tests.support.gateways import Gateway
from tests.support.listening import PRIVATE, PUBLIC, Connect, join, joined
from tests.support.wires import join_frame, wire


pytestmark = pytest.mark.anyio


async def test_sql_sends_to_a_private_topic(
    db: psycopg.Connection, gateway: Gateway, connect: Connect
) -> None:
    """An anonymous watcher of an auction hears what its policies show."""
    heard = await joined(await connect(gateway), "auction:1", config=PRIVATE)

    db.execute("""select realtime.send('{"left_ms": 10}', 'time_remaining', 'auction:1')""")

    frame = await heard.broadcast()
    assert ("time_remaining", 10) == (frame["event"], frame["payload"]["left_ms"])
    assert frame["payload"]["id"] == frame["meta"]["id"]


async def test_sql_sends_bytes(db: psycopg.Connection, gateway: Gateway) -> None:
    """A client of protocol 2.0.0 gets them as they are, with the message's id."""
    async with wire(gateway) as socket:
        await socket.send(join_frame("1", "auction:1", private=True))
        assert "ok" == (await socket.receive())[4]["status"]

        db.execute(r"select realtime.send_binary('\xdeadbeef00ff', 'frame', 'auction:1')")

        frame = await socket.receive()
        while not isinstance(frame, bytes):
            frame = await socket.receive()
    assert (4, 18, 5, 0) == (frame[0], frame[1], frame[2], frame[4])
    assert frame.startswith(b"realtime:auction:1frame", 5)
    assert frame.endswith(b"}\xde\xad\xbe\xef\x00\xff")


async def test_bytes_that_cannot_be_sent_fail_nobody(db: psycopg.Connection) -> None:
    """The sender's transaction goes on with a warning."""
    with db.transaction():
        db.execute(r"select realtime.send_binary('\x00', 'e', null)")

        assert (0,) == db.execute(
            "select count(*) from realtime.messages where binary_payload = '\\x00'"
        ).fetchone()


async def test_what_sql_rolled_back_is_not_sent(
    db: psycopg.Connection, gateway: Gateway, connect: Connect
) -> None:
    """A broadcast from the database is part of its transaction."""
    heard = await joined(await connect(gateway), "auction:2", config=PRIVATE)

    with db.transaction(force_rollback=True):
        db.execute("""select realtime.send('{"n": 1}', 'e', 'auction:2')""")
    db.execute("""select realtime.send('{"n": 2}', 'e', 'auction:2')""")

    assert 2 == (await heard.broadcast())["payload"]["n"]


async def test_broadcasts_from_sql_keep_their_order(
    db: psycopg.Connection, gateway: Gateway, connect: Connect
) -> None:
    """Commit order, and within a transaction the order of the calls."""
    heard = await joined(await connect(gateway), "auction:3", config=PRIVATE)

    for start in range(0, 30, 10):
        db.execute(
            "select realtime.send(jsonb_build_object('n', n), 'e', 'auction:3')"
            " from generate_series(%s::int, %s) as n",
            [start, start + 9],
        )

    assert list(range(30)) == [(await heard.broadcast())["payload"]["n"] for _ in range(30)]


async def test_a_public_and_a_private_topic_are_two(
    db: psycopg.Connection, gateway: Gateway, connect: Connect
) -> None:
    """Though they share a name."""
    public = await joined(await connect(gateway), "auction:4")
    private = await joined(await connect(gateway), "auction:4", config=PRIVATE)

    db.execute("""select realtime.send('{"is_private": true}', 'e', 'auction:4', true)""")
    db.execute("""select realtime.send('{"is_private": false}', 'e', 'auction:4', false)""")
    db.execute("""select realtime.send('{"is_private": true}', 'e', 'auction:4', true)""")

    assert (await public.broadcast())["payload"]["is_private"] is False
    assert [True, True] == [(await private.broadcast())["payload"]["is_private"] for _ in "12"]


async def test_a_trigger_tells_of_its_row(
    db: psycopg.Connection, gateway: Gateway, connect: Connect, numbers: Iterator[int]
) -> None:
    """As the guide has it: the new row and the old one, under the operation's name.

    https://supabase.com/docs/guides/realtime/subscribing-to-database-changes#using-broadcast
    """
    id_ = next(numbers)
    heard = await joined(await connect(gateway), f"auction:album {id_}", config=PRIVATE)

    db.execute("insert into albums values (%s, 'a')", [id_])
    db.execute("update albums set title = 'b' where id = %s", [id_])
    db.execute("delete from albums where id = %s", [id_])

    a, b = {"id": id_, "title": "a"}, {"id": id_, "title": "b"}
    for operation, record, old_record in (
        ("INSERT", a, None),
        ("UPDATE", b, a),
        ("DELETE", None, b),
    ):
        frame = await heard.broadcast()
        assert operation == frame["event"]
        assert {
            "operation": operation,
            "schema": "public",
            "table": "albums",
            "record": record,
            "old_record": old_record,
            "id": frame["meta"]["id"],
        } == frame["payload"]


async def test_a_private_join_hears_again_what_it_missed(
    db: psycopg.Connection, gateway: Gateway, connect: Connect
) -> None:
    """Oldest first, and marked as replayed."""
    [(since,)] = db.execute("select extract(epoch from clock_timestamp()) * 1000 - 1").fetchall()
    for number in range(3):
        db.execute(
            "select realtime.send(jsonb_build_object('n', %s::int), 'e', 'auction:6')", [number]
        )
    replay = {"since": int(since), "limit": 2}
    config = {**PRIVATE, "broadcast": {**PRIVATE["broadcast"], "replay": replay}}

    heard = await joined(await connect(gateway), "auction:6", config=config)

    frames = [await heard.broadcast() for _ in range(2)]
    assert [1, 2] == [frame["payload"]["n"] for frame in frames]
    assert all(frame["meta"]["replayed"] for frame in frames)


async def test_a_public_join_cannot_replay(gateway: Gateway, connect: Connect) -> None:
    """Its broadcasts are not kept."""
    config = {**PUBLIC, "broadcast": {"replay": {"since": 0, "limit": 2}}}

    heard = await join(await connect(gateway), "open", config=config)

    state, problem = await heard.state()
    assert RealtimeSubscribeStates.CHANNEL_ERROR == state
    assert "Replay is not allowed for public channels" in problem


@pytest.mark.parametrize(
    ("topic", "replay", "reason"),
    [
        ("auction:7", {"since": "x"}, "UnableToReplayMessages: Replay params are not valid"),
        ("auction:7", {"since": 10**30}, "UnableToReplayMessages: Replay params are not valid"),
        ("room:7", {"since": 0}, "Unauthorized: You do not have permissions to read from this"),
    ],
)
async def test_a_replay_that_cannot_be_is_refused(
    gateway: Gateway, topic: str, replay: dict[str, object], reason: str
) -> None:
    """With the join, in Realtime's words."""
    async with wire(gateway) as client:
        await client.send(join_frame("1", topic, private=True, broadcast={"replay": replay}))

        answer = (await client.receive())[4]

    assert "error" == answer["status"]
    assert answer["response"]["reason"].startswith(reason)


async def test_what_was_replayed_is_not_told_as_news(
    db: psycopg.Connection, gateway: Gateway, connect: Connect
) -> None:
    """Though the log may bring it after the join that had it replayed."""
    client = await connect(gateway)
    await joined(client, "auction:keeps the log read", config=PRIVATE)
    for number in range(10):
        topic = f"auction:once {number}"
        db.execute("select realtime.send('{\"n\": 1}', 'e', %s)", [topic])
        config = {**PRIVATE, "broadcast": {"replay": {"since": 0}}}
        heard = await joined(client, topic, config=config)
        db.execute("select realtime.send('{\"n\": 2}', 'e', %s)", [topic])

        assert [1, 2] == [(await heard.broadcast())["payload"]["n"] for _ in range(2)]
