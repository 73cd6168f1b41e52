"""`market.realtime` against the gateway, and against a server that misbehaves."""

import asyncio
import dataclasses
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import psycopg
import pytest
from psycopg.types.json import Jsonb

from devstack.supervisor.processes import wait_until
from market import database, stripe_api
from market.adapters import connect
from market.settings import Settings
from tests.integration.adapters.bad_realtime import BadRealtime, system_payload
from tests.integration.adapters.proxy import Proxy
from tests.integration.adapters.wake_up import (
    ARRIVAL_S,
    FAST_PROBES,
    SLOW_PROBES,
    Listener,
    listening,
)
from tests.integration.service.shop import Shop
from tests.support.gateways import Gateway, running_gateway
from tests.support.metrics import count_of
from workers.jobs import JOBS


pytestmark = [
    pytest.mark.anyio,
    pytest.mark.xdist_group("stack"),
    # The client reads a closing in a way that its own library advises against.
    pytest.mark.filterwarnings("ignore:ConnectionClosed.* is deprecated:DeprecationWarning"),
]

#: A join sets the wake-up once, and the first system message once more.
AT_EACH_JOIN = 2

Break = Callable[[BadRealtime, Listener], Awaitable[None]]


@pytest.fixture
async def bad() -> AsyncIterator[BadRealtime]:
    async with BadRealtime() as server:
        yield server


@pytest.fixture
def bad_settings(settings: Settings, bad: BadRealtime) -> Settings:
    return dataclasses.replace(settings, supabase_url=bad.url)


@pytest.fixture
def own_gateway(stack: Mapping[str, str], tmp_path: Path) -> Iterator[Gateway]:
    """Run a gateway on the stack's database that the test may stop."""
    with running_gateway(stack["ADMIN_DATABASE_URL"], tmp_path) as gateway:
        yield gateway


def connections_ended(reason: str) -> float:
    return count_of("realtime_connections_ended", reason=reason)


async def came_true(is_true: Callable[[], bool]) -> None:
    assert await asyncio.to_thread(wait_until, is_true, ARRIVAL_S)


def open_an_auction(shop: Shop) -> None:
    shop.auction()


def store_an_event(shop: Shop) -> None:
    shop.post(shop.event({"object": "test"}, type="test.wake_up"))


def queue_a_cancel(shop: Shop) -> None:
    order = shop.awaiting()
    payload = {"order_id": order.id, "payment_intent_id": order.intent_id}
    shop.db.execute(
        "select private.queue_outbox('cancel_intent', %s, %s)",
        [Jsonb(payload), f"test:{uuid.uuid4()}"],
    )


@pytest.mark.parametrize(
    ("job", "work"),
    [
        ("closer", open_an_auction),
        ("countdown", open_an_auction),
        ("inbox", store_an_event),
        ("outbox", queue_a_cancel),
    ],
)
async def test_new_work_wakes_its_job(
    shop: Shop, settings: Settings, job: str, work: Callable[[Shop], None]
) -> None:
    """Realtime publishes the tables of each job, and service_role may read them (D3)."""
    adapters = connect(
        settings, database.WORKER_TIMEOUTS, stripe_timeout_s=stripe_api.WORKER_TIMEOUT_S
    )
    tables = JOBS[job](adapters).tables
    async with listening(settings, tables) as listener:
        before = await listener.wake_up.came(AT_EACH_JOIN)

        await asyncio.to_thread(work, shop)

        await listener.wake_up.came(after=before)


async def test_restarted_gateway_wakes_jobs_again(
    shop: Shop, settings: Settings, own_gateway: Gateway
) -> None:
    """A new subscription wakes the job, because it may have missed changes; so do later changes."""
    changed = dataclasses.replace(
        settings,
        supabase_url=own_gateway.config.url,
        supabase_secret_key=own_gateway.keys.secret_key,
    )
    async with listening(changed, ("auctions",)) as listener:
        await listener.wake_up.came(AT_EACH_JOIN)
        await asyncio.to_thread(own_gateway.stop)
        lost = listener.wake_up.count

        await asyncio.to_thread(own_gateway.start)
        before = await listener.wake_up.came(AT_EACH_JOIN, after=lost)
        await asyncio.to_thread(shop.auction)

        await listener.wake_up.came(after=before)


async def test_lost_slot_wakes_jobs_again(
    shop: Shop, settings: Settings, stack: Mapping[str, str]
) -> None:
    """Subscribers join again after Realtime has lost its replication slot."""
    async with listening(settings, ("auctions",)) as listener:
        lost = await listener.wake_up.came(AT_EACH_JOIN)

        await asyncio.to_thread(end_readers, stack["ADMIN_DATABASE_URL"])

        before = await listener.wake_up.came(after=lost)
        await asyncio.to_thread(shop.auction)
        await listener.wake_up.came(after=before)


def end_readers(admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as superuser:
        ended = superuser.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'devstack realtime'"
        ).fetchall()
    assert ended


async def test_wire_that_goes_dead_is_noticed(shop: Shop, settings: Settings, proxy: Proxy) -> None:
    """Nothing arrives on an open connection, so a missed probe ends it."""
    distant = dataclasses.replace(settings, supabase_url=proxy.url)
    async with listening(distant, ("auctions",), FAST_PROBES) as listener:
        await listener.wake_up.came(AT_EACH_JOIN)

        proxy.mute()
        deaf = connections_ended("quiet")
        await came_true(lambda: connections_ended("quiet") > deaf)
        lost = listener.wake_up.count
        proxy.mute(is_mute=False)

        before = await listener.wake_up.came(AT_EACH_JOIN, after=lost)
        await asyncio.to_thread(shop.auction)
        await listener.wake_up.came(after=before)


async def close_channel(bad: BadRealtime, _listener: Listener) -> None:
    await bad.push("phx_close", {})


async def crash_channel(bad: BadRealtime, _listener: Listener) -> None:
    await bad.push("phx_error", {})


async def send_a_system_error(bad: BadRealtime, _listener: Listener) -> None:
    await bad.push("system", system_payload("error", "Token has expired 3 seconds ago"))


async def let_the_token_end(bad: BadRealtime, listener: Listener) -> None:
    await send_a_system_error(bad, listener)
    await close_channel(bad, listener)


async def break_off(bad: BadRealtime, _listener: Listener) -> None:
    await bad.abort()


async def send_a_huge_frame(bad: BadRealtime, _listener: Listener) -> None:
    await bad.send_a_huge_frame()


async def kill_the_listener(_bad: BadRealtime, listener: Listener) -> None:
    task = listener.clients[-1]._listen_task  # noqa: SLF001 - the fault that a callback's exception makes
    assert task is not None
    task.cancel()


async def be_quiet_for_a_while(bad: BadRealtime, _listener: Listener) -> None:
    ended = connections_ended("quiet")
    bad.is_quiet = True
    await came_true(lambda: connections_ended("quiet") > ended)
    bad.is_quiet = False


def hang_up(code: int) -> Break:
    async def hung_up(bad: BadRealtime, _listener: Listener) -> None:
        await bad.hang_up(code)

    return hung_up


@pytest.mark.parametrize(
    ("break_connection", "reason"),
    [
        pytest.param(close_channel, "closed", id="phx_close"),
        pytest.param(crash_channel, "channel_error", id="phx_error"),
        pytest.param(send_a_system_error, "channel_error", id="system error"),
        pytest.param(let_the_token_end, "channel_error", id="token"),
        pytest.param(hang_up(1000), "channel_error", id="1000"),
        pytest.param(hang_up(1001), "channel_error", id="1001"),
        pytest.param(hang_up(1011), "channel_error", id="1011"),
        pytest.param(hang_up(1012), "channel_error", id="1012"),
        pytest.param(break_off, "channel_error", id="abort"),
        pytest.param(send_a_huge_frame, "channel_error", id="frame of more than 1 MiB"),
        pytest.param(kill_the_listener, "listening_ended", id="listen task"),
        pytest.param(be_quiet_for_a_while, "quiet", id="quiet"),
    ],
)
async def test_failure_ends_in_a_new_client_that_hears(
    bad: BadRealtime, bad_settings: Settings, break_connection: Break, reason: str
) -> None:
    """A new client replaces the old one, joins, wakes the job up, and receives the next change."""
    ended = connections_ended(reason)
    timing = FAST_PROBES if reason == "quiet" else SLOW_PROBES
    async with listening(bad_settings, ("auctions",), timing) as listener:
        lost = await listener.wake_up.came(AT_EACH_JOIN)
        joins = len(bad.joins)

        await break_connection(bad, listener)
        await bad.joined(joins + 1)
        before = await listener.wake_up.came(AT_EACH_JOIN, after=lost)
        await bad.change()

        await listener.wake_up.came(after=before)
        assert connections_ended(reason) > ended
        assert len(listener.clients) >= 2
        assert not listener.clients[0].is_connected
        assert not listener.task.done()


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"event": "x"}', '{"topic": 1}', "\x00"])
async def test_nonsense_is_passed_over(bad: BadRealtime, bad_settings: Settings, text: str) -> None:
    """The client ignores a malformed frame, and the next change wakes the job up."""
    async with listening(bad_settings, ("auctions",)) as listener:
        before = await listener.wake_up.came(AT_EACH_JOIN)

        await bad.say(text)
        await bad.change()

        await listener.wake_up.came(after=before)
        assert 1 == len(listener.clients)


async def test_refused_join_is_tried_again(bad: BadRealtime, bad_settings: Settings) -> None:
    """A refused join is repeated until it is accepted, because a grant may come back."""
    bad.refuses_joins = True
    async with listening(bad_settings, ("auctions",)) as listener:
        await bad.joined(3)
        assert 0 == listener.wake_up.count
        bad.refuses_joins = False

        await listener.wake_up.came(AT_EACH_JOIN)


async def test_join_without_an_answer_is_tried_again(
    bad: BadRealtime, bad_settings: Settings
) -> None:
    """A join that gets no answer times out, and a new client joins."""
    bad.answers_joins = False
    short_join = dataclasses.replace(SLOW_PROBES, join_timeout_s=0.2)
    timed_out = connections_ended("join_timed_out")
    async with listening(bad_settings, ("auctions",), short_join) as listener:
        await bad.joined(2)
        assert connections_ended("join_timed_out") > timed_out
        bad.answers_joins = True

        await listener.wake_up.came(AT_EACH_JOIN)


async def test_server_that_is_away_for_long_is_found_again(
    bad: BadRealtime, bad_settings: Settings
) -> None:
    """The adapter reconnects more often than the library's five tries."""
    async with listening(bad_settings, ("auctions",)) as listener:
        lost = await listener.wake_up.came(AT_EACH_JOIN)
        await bad.stop()
        tries = len(listener.clients) + 8
        await came_true(lambda: len(listener.clients) >= tries)

        await bad.start()

        await listener.wake_up.came(AT_EACH_JOIN, after=lost)


async def test_probe_that_comes_back_keeps_the_client(
    bad: BadRealtime, bad_settings: Settings
) -> None:
    """A client whose probes come back is not replaced."""
    long_probe = dataclasses.replace(
        FAST_PROBES, probe_interval_s=0.02, probe_timeout_s=ARRIVAL_S, join_timeout_s=ARRIVAL_S
    )
    missed = count_of("realtime_probes_missed")
    async with listening(bad_settings, ("auctions",), long_probe) as listener:
        before = await listener.wake_up.came(AT_EACH_JOIN)
        await bad.heard_broadcasts(5)
        await bad.change()

        await listener.wake_up.came(after=before)
        assert 1 == len(listener.clients)
    assert missed == count_of("realtime_probes_missed")


async def test_everything_asked_for_is_asked_at_once(
    bad: BadRealtime, bad_settings: Settings
) -> None:
    """One join has a binding for each table, and the service role's key."""
    async with listening(bad_settings, ("auctions", "outbox")) as listener:
        await listener.wake_up.came(AT_EACH_JOIN)

    [join] = bad.joins
    wanted = join["config"]["postgres_changes"]
    assert [("*", "public", "auctions"), ("*", "public", "outbox")] == [
        (one["event"], one["schema"], one["table"]) for one in wanted
    ]
    assert join["config"]["broadcast"]["self"] is True
    assert bad_settings.supabase_secret_key == join["access_token"]
