"""The database sends broadcasts at the commit, and replays them to later joins.

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
    owner: psycopg.Connection, gateway: Gateway, connect: Connect
) -> None:
    """An anonymous subscriber of an auction gets the broadcasts that a policy allows."""
    heard = await joined(await connect(gateway), "auction:1", config=PRIVATE)

    owner.execute("""select realtime.send('{"left_ms": 10}', 'time_remaining', 'auction:1')""")

    frame = await heard.broadcast()
    assert ("time_remaining", 10) == (frame["event"], frame["payload"]["left_ms"])
    assert frame["payload"]["id"] == frame["meta"]["id"]


async def test_sql_sends_bytes(owner: psycopg.Connection, gateway: Gateway) -> None:
    """A client of protocol 2.0.0 gets the bytes unchanged, with the message's id."""
    async with wire(gateway) as socket:
        await socket.send(join_frame("1", "auction:1", private=True))
        assert "ok" == (await socket.receive())[4]["status"]

        owner.execute(r"select realtime.send_binary('\xdeadbeef00ff', 'frame', 'auction:1')")

        frame = await socket.receive()
        while not isinstance(frame, bytes):
            frame = await socket.receive()
    assert (4, 18, 5, 0) == (frame[0], frame[1], frame[2], frame[4])
    assert frame.startswith(b"realtime:auction:1frame", 5)
    assert frame.endswith(b"}\xde\xad\xbe\xef\x00\xff")


async def test_bytes_that_cannot_be_sent_fail_no_transaction(owner: psycopg.Connection) -> None:
    """Bytes that cannot be sent give a warning, and the sender's transaction goes on."""
    with owner.transaction():
        owner.execute(r"select realtime.send_binary('\x00', 'e', null)")

        assert (0,) == owner.execute(
            "select count(*) from realtime.messages where binary_payload = '\\x00'"
        ).fetchone()


async def test_a_rollback_in_sql_is_not_sent(
    owner: psycopg.Connection, gateway: Gateway, connect: Connect
) -> None:
    """A rollback also undoes the transaction's broadcasts."""
    heard = await joined(await connect(gateway), "auction:2", config=PRIVATE)

    with owner.transaction(force_rollback=True):
        owner.execute("""select realtime.send('{"n": 1}', 'e', 'auction:2')""")
    owner.execute("""select realtime.send('{"n": 2}', 'e', 'auction:2')""")

    assert 2 == (await heard.broadcast())["payload"]["n"]


async def test_broadcasts_from_sql_keep_their_order(
    owner: psycopg.Connection, gateway: Gateway, connect: Connect
) -> None:
    """Broadcasts arrive in commit order, and within a transaction in the order of the calls."""
    heard = await joined(await connect(gateway), "auction:3", config=PRIVATE)

    for start in range(0, 30, 10):
        owner.execute(
            "select realtime.send(jsonb_build_object('n', n), 'e', 'auction:3')"
            " from generate_series(%s::int, %s) as n",
            [start, start + 9],
        )

    assert list(range(30)) == [(await heard.broadcast())["payload"]["n"] for _ in range(30)]


async def test_a_public_and_a_private_topic_are_two(
    owner: psycopg.Connection, gateway: Gateway, connect: Connect
) -> None:
    """A public and a private topic of the same name are separate."""
    public = await joined(await connect(gateway), "auction:4")
    private = await joined(await connect(gateway), "auction:4", config=PRIVATE)

    owner.execute("""select realtime.send('{"is_private": true}', 'e', 'auction:4', true)""")
    owner.execute("""select realtime.send('{"is_private": false}', 'e', 'auction:4', false)""")
    owner.execute("""select realtime.send('{"is_private": true}', 'e', 'auction:4', true)""")

    assert (await public.broadcast())["payload"]["is_private"] is False
    assert [True, True] == [(await private.broadcast())["payload"]["is_private"] for _ in "12"]


async def test_a_trigger_sends_its_row(
    owner: psycopg.Connection, gateway: Gateway, connect: Connect, numbers: Iterator[int]
) -> None:
    """The trigger of the guide sends the new and the old row, under the operation's name.

    https://supabase.com/docs/guides/realtime/subscribing-to-database-changes#using-broadcast
    """
    id_ = next(numbers)
    heard = await joined(await connect(gateway), f"auction:album {id_}", config=PRIVATE)

    owner.execute("insert into albums values (%s, 'a')", [id_])
    owner.execute("update albums set title = 'b' where id = %s", [id_])
    owner.execute("delete from albums where id = %s", [id_])

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


async def test_a_private_join_replays_missed_broadcasts(
    owner: psycopg.Connection, gateway: Gateway, connect: Connect
) -> None:
    """A private join gets the missed broadcasts, oldest first and marked as replayed."""
    [(since,)] = owner.execute("select extract(epoch from clock_timestamp()) * 1000 - 1").fetchall()
    for number in range(3):
        owner.execute(
            "select realtime.send(jsonb_build_object('n', %s::int), 'e', 'auction:6')", [number]
        )
    replay = {"since": int(since), "limit": 2}
    config = {**PRIVATE, "broadcast": {**PRIVATE["broadcast"], "replay": replay}}

    heard = await joined(await connect(gateway), "auction:6", config=config)

    frames = [await heard.broadcast() for _ in range(2)]
    assert [1, 2] == [frame["payload"]["n"] for frame in frames]
    assert all(frame["meta"]["replayed"] for frame in frames)


async def test_a_public_join_cannot_replay(gateway: Gateway, connect: Connect) -> None:
    """A public join cannot replay, because Realtime does not store its broadcasts."""
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
async def test_an_impossible_replay_is_refused(
    gateway: Gateway, topic: str, replay: dict[str, object], reason: str
) -> None:
    """Realtime refuses a join with an impossible replay."""
    async with wire(gateway) as client:
        await client.send(join_frame("1", topic, private=True, broadcast={"replay": replay}))

        answer = (await client.receive())[4]

    assert "error" == answer["status"]
    assert answer["response"]["reason"].startswith(reason)


async def test_a_replayed_broadcast_is_not_sent_again(
    owner: psycopg.Connection, gateway: Gateway, connect: Connect
) -> None:
    """A replayed broadcast does not arrive again, even if the WAL brings it after the join."""
    client = await connect(gateway)
    await joined(client, "auction:keeps the WAL read", config=PRIVATE)
    for number in range(10):
        topic = f"auction:once {number}"
        owner.execute("select realtime.send('{\"n\": 1}', 'e', %s)", [topic])
        config = {**PRIVATE, "broadcast": {"replay": {"since": 0}}}
        heard = await joined(client, topic, config=config)
        owner.execute("select realtime.send('{\"n\": 2}', 'e', %s)", [topic])

        assert [1, 2] == [(await heard.broadcast())["payload"]["n"] for _ in range(2)]
