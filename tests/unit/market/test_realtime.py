"""`market.realtime`: its wake-ups, and the replacement of a client that no longer works."""

import asyncio
import random
from typing import Any

import pytest
from realtime import RealtimeSubscribeStates

from market import realtime
from market.realtime import Realtime, Timing
from tests.support.factories import make_settings
from tests.support.metrics import count_of
from tests.unit.market.realtime_fakes import HOUR_S, NO_PROBES, FakeChannel, FakeClient, subscribed


def test_change_is_a_wake_up() -> None:
    """A change of each table is a wake-up, and so is the message that changes are reported now."""

    async def scenario() -> set[str]:
        async with subscribed() as subscription:
            channel = (await subscription.next_client()).only_channel
            await subscription.woken()
            for callback in (*channel.changes.values(), channel.system):
                callback({"anything": 1})
                await subscription.woken()
            return set(channel.changes)

    assert {"auctions", "orders"} == asyncio.run(scenario())


def test_topic_is_our_own() -> None:
    """No other worker's probe is heard, and ours comes back to us."""

    async def scenario() -> list[FakeChannel]:
        channels = []
        for _ in range(2):
            async with subscribed() as subscription:
                channels.append((await subscription.next_client()).only_channel)
                await subscription.woken()
        return channels

    first, second = asyncio.run(scenario())

    assert first.topic != second.topic
    assert first.config["config"]["broadcast"] == {"ack": False, "self": True}


@pytest.mark.parametrize(
    "state",
    [
        RealtimeSubscribeStates.CLOSED,
        RealtimeSubscribeStates.CHANNEL_ERROR,
        RealtimeSubscribeStates.TIMED_OUT,
    ],
)
def test_lost_channel_is_replaced(state: RealtimeSubscribeStates) -> None:
    """After each kind of end a new client starts with a wake-up, and the old one is closed."""
    reason = state.value.lower()
    before = count_of("realtime_connections_ended", reason=reason)

    async def scenario() -> list[FakeClient]:
        async with subscribed() as subscription:
            client = await subscription.next_client()
            await subscription.woken()
            client.only_channel.tell(state)
            client.only_channel.tell(state)
            await subscription.next_client()
            await subscription.woken()
            return subscription.clients

    first, _second = asyncio.run(scenario())

    assert first.is_closed
    assert before + 1 == count_of("realtime_connections_ended", reason=reason)


@pytest.mark.parametrize("error", [None, RuntimeError("a callback has failed")])
def test_dead_listener_is_replaced(error: Exception | None) -> None:
    """The library's task may end in silence, while the socket looks alive."""

    async def scenario() -> int:
        async with subscribed() as subscription:
            client = await subscription.next_client()
            await subscription.woken()
            client.stop_listening(error)
            return (await subscription.next_client()).number

    assert 1 == asyncio.run(scenario())


def test_client_that_never_listened_is_replaced() -> None:
    """A subscription without a listening task would never receive a message."""

    def stop(client: FakeClient) -> None:
        if client.number == 0:
            client._listen_task = None  # noqa: SLF001 - the library's own name

    async def scenario() -> int:
        async with subscribed(
            Timing(probe_interval_s=0.0, first_pause_s=0.0), stop
        ) as subscription:
            await subscription.next_client()
            return (await subscription.next_client()).number

    assert 1 == asyncio.run(scenario())


@pytest.mark.parametrize("error", [OSError("refused"), TimeoutError(), Exception("gave up")])
def test_failed_connection_is_tried_again(error: Exception) -> None:
    """An error of the library leads to another try."""

    def fail(_channel: FakeChannel) -> None:
        raise error

    def prepare(client: FakeClient) -> None:
        if client.number < 3:
            client.only_channel.join = fail

    async def scenario() -> int:
        async with subscribed(NO_PROBES, prepare) as subscription:
            await subscription.woken()
            return len(subscription.clients)

    assert 4 == asyncio.run(scenario())


def test_client_that_cannot_be_built_is_tried_again() -> None:
    """An error while a client is built leads to another try."""
    built = []

    async def scenario() -> None:
        wake_up = asyncio.Event()

        def make_client() -> Any:
            built.append(1)
            if len(built) < 3:
                raise ValueError
            return FakeClient(0)

        task = asyncio.create_task(Realtime(make_client, NO_PROBES).subscribe(["t"], wake_up))
        await asyncio.wait_for(wake_up.wait(), timeout=10)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(scenario())

    assert 3 == len(built)


def test_quiet_client_is_replaced() -> None:
    """A client is replaced after two missed probes in a row."""
    before = count_of("realtime_probes_missed")

    def quieten(client: FakeClient) -> None:
        client.only_channel.is_quiet = client.number == 0

    async def scenario() -> FakeChannel:
        timing = Timing(probe_interval_s=0.0, probe_timeout_s=0.01, first_pause_s=0.0)
        async with subscribed(timing, quieten) as subscription:
            client = await subscription.next_client()
            await subscription.next_client()
            return client.only_channel

    assert 2 == len(asyncio.run(scenario()).probes)
    assert before + 2 <= count_of("realtime_probes_missed")


def test_one_missed_probe_is_forgiven() -> None:
    """A probe that comes back resets the count of missed ones."""

    async def scenario() -> int:
        heard = asyncio.Event()

        def prepare(client: FakeClient) -> None:
            channel = client.only_channel

            async def every_second_one(event: str, data: dict[str, Any]) -> None:
                channel.probes.append(data)
                if len(channel.probes) % 2 == 0:
                    channel.broadcast({"event": event, "payload": data})
                if len(channel.probes) == 8:
                    heard.set()

            channel.send_broadcast = every_second_one  # type: ignore[method-assign] # a fake's

        timing = Timing(probe_interval_s=0.0, probe_timeout_s=0.01, first_pause_s=0.0)
        async with subscribed(timing, prepare) as subscription:
            await asyncio.wait_for(heard.wait(), timeout=10)
            return len(subscription.clients)

    assert 1 == asyncio.run(scenario())


@pytest.mark.parametrize(
    "message", [{"payload": {"id": "another"}}, {"payload": None}, {}, None, "probe"]
)
def test_other_message_is_no_probe(message: Any) -> None:
    """Only the id of the last probe counts, and other messages raise no error."""

    def prepare(client: FakeClient) -> None:
        channel = client.only_channel

        async def answer(_event: str, data: dict[str, Any]) -> None:
            channel.probes.append(data)
            channel.broadcast(message)

        channel.send_broadcast = answer  # type: ignore[method-assign,assignment] # a fake's

    async def scenario() -> int:
        timing = Timing(probe_interval_s=0.0, probe_timeout_s=0.01, first_pause_s=0.0)
        async with subscribed(timing, prepare) as subscription:
            await subscription.next_client()
            return (await subscription.next_client()).number

    assert 1 == asyncio.run(scenario())


def test_client_that_does_not_close_is_left() -> None:
    """A client that hangs in its close must not delay the next one."""

    def prepare(client: FakeClient) -> None:
        client.hangs = True

    async def scenario() -> int:
        timing = Timing(probe_interval_s=HOUR_S, close_timeout_s=0.01, first_pause_s=0.0)
        async with subscribed(timing, prepare) as subscription:
            (await subscription.next_client()).stop_listening()
            return (await subscription.next_client()).number

    assert 1 == asyncio.run(scenario())


def test_join_that_hangs_is_given_up() -> None:
    """A join without an answer times out."""

    def prepare(client: FakeClient) -> None:
        async def hang(_on_state: Any) -> None:
            await asyncio.Event().wait()

        client.only_channel.subscribe = hang  # type: ignore[method-assign,assignment] # a fake's

    async def scenario() -> int:
        timing = Timing(join_timeout_s=0.01, first_pause_s=0.0)
        async with subscribed(timing, prepare) as subscription:
            await subscription.next_client()
            return (await subscription.next_client()).number

    assert 1 == asyncio.run(scenario())


def test_cancellation_closes_the_client() -> None:
    """A stopped subscription leaves no socket open."""

    async def scenario() -> FakeClient:
        async with subscribed() as subscription:
            client = await subscription.next_client()
            await subscription.woken()
        assert subscription.task.cancelled()
        return client

    assert asyncio.run(scenario()).is_closed


def test_pause_grows_with_failures_and_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause grows with each failure, and starts again after a join."""
    ceilings: list[float] = []

    def rest(_low: float, ceiling: float) -> float:
        ceilings.append(ceiling)
        return 0.0

    monkeypatch.setattr(random, "uniform", rest)

    def refuse(_channel: FakeChannel) -> None:
        raise OSError

    def prepare(client: FakeClient) -> None:
        if client.number < 7:
            client.only_channel.join = refuse

    async def scenario() -> None:
        async with subscribed(Timing(probe_interval_s=HOUR_S), prepare) as subscription:
            await subscription.woken()
            subscription.clients[-1].stop_listening()
            await subscription.woken()

    asyncio.run(scenario())

    assert [1, 2, 4, 8, 16, 30, 30, 1] == ceilings


def test_client_is_told_not_to_mend_itself() -> None:
    """The library's own reconnecting is off, because it may stop without an exception."""
    adapter = realtime.connect(make_settings())

    client = adapter._make_client()  # noqa: SLF001 - nothing else shows how it is built

    assert (False, 1) == (client.auto_reconnect, client.max_retries)
    assert client.url.startswith("ws://project.test:54321/realtime/v1/websocket?apikey=sb_secret_1")


def test_join_after_a_lost_channel_is_a_rejoin() -> None:
    """The first join of a subscription is no rejoin."""
    before = count_of("realtime_joins"), count_of("realtime_rejoins")

    async def scenario() -> None:
        async with subscribed() as subscription:
            client = await subscription.next_client()
            await subscription.woken()
            client.only_channel.tell(RealtimeSubscribeStates.CLOSED)
            await subscription.next_client()
            await subscription.woken()

    asyncio.run(scenario())

    assert (before[0] + 2, before[1] + 1) == (
        count_of("realtime_joins"),
        count_of("realtime_rejoins"),
    )
