"""Measure the time from a commit to the last of two hundred watchers."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import psycopg
from websockets.asyncio.client import ClientConnection, connect

from bench.figures import Figure, Steps, percentile
from bench.fixtures import create_fixtures


WATCHERS, CHANGES = 200, 50
#: The pause between two changes, so that each is delivered alone, as bids are.
PAUSE_S = 0.05
TIMEOUT_S = 30


def figures(
    env: Mapping[str, str],
    *,
    seconds: float,  # noqa: ARG001 -- the number of changes is fixed
    show: Steps,
) -> Iterator[Figure]:
    """Change a price fifty times; measure from each commit to the first and the last watcher."""
    show(f"changing a price {CHANGES} times before {WATCHERS} subscribers")
    fixtures = create_fixtures(env["DATABASE_URL"], bidders=0, auctions=1)
    firsts, lasts = asyncio.run(_watch(env, fixtures.auction_ids[0]))
    yield Figure(
        key="fan_out_first_p95",
        name="commit to first watcher, p95",
        value=1000 * percentile(firsts, 95),
        unit="ms",
    )
    yield Figure(
        key="fan_out_last_p95",
        name=f"commit to last of {WATCHERS} watchers, p95",
        value=1000 * percentile(lasts, 95),
        unit="ms",
        target=50.0,
        is_ceiling=True,
        note=f"p50 {1000 * percentile(lasts, 50):.1f} ms",
    )


class Watcher(ClientConnection):
    """A subscriber's socket, which notes the time of arrivals and can put off reading them.

    Real subscribers have machines of their own. Here each message that is read while others are
    still on their way would take the CPU from the server.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Read what arrives, until `hold` is called."""
        super().__init__(*arguments, **options)
        self.arrived_at = 0.0
        self._held: list[bytes] = []
        self._on_arrival: Callable[[], None] | None = None

    def data_received(self, data: bytes) -> None:
        """Note the time; read the bytes, or keep them for `read`."""
        self.arrived_at = time.perf_counter()
        if self._on_arrival is None:
            super().data_received(data)
            return
        self._held.append(data)
        if len(self._held) == 1:
            self._on_arrival()

    def hold(self, on_arrival: Callable[[], None]) -> None:
        """Keep what arrives from now on, and call `on_arrival` once."""
        self._on_arrival = on_arrival

    async def read(self, version: int) -> float:
        """Read on until the change to `version`; return the time at which it arrived."""
        held, self._held, self._on_arrival = self._held, [], None
        for data in held:
            super().data_received(data)
        await _receive(
            self,
            lambda event, payload: (
                event == "postgres_changes" and payload["data"]["record"]["version"] == version
            ),
        )
        return self.arrived_at


async def _watch(env: Mapping[str, str], auction_id: str) -> tuple[list[float], list[float]]:
    watchers = await asyncio.gather(*(_join(env, auction_id) for _ in range(WATCHERS)))
    firsts, lasts = [], []
    try:
        async with await psycopg.AsyncConnection.connect(
            env["DATABASE_URL"], autocommit=True
        ) as owner:
            for version in range(2, CHANGES + 2):
                everybody = asyncio.Semaphore(0)
                for watcher in watchers:
                    watcher.hold(everybody.release)
                query = "update public.auctions set version = %s where id = %s"
                await owner.execute(query, [version, auction_id])
                committed = time.perf_counter()
                async with asyncio.timeout(TIMEOUT_S):
                    for _ in watchers:
                        await everybody.acquire()
                arrivals = [await watcher.read(version) for watcher in watchers]
                firsts.append(max(0.0, min(arrivals) - committed))
                lasts.append(max(arrivals) - committed)
                await asyncio.sleep(PAUSE_S)
    finally:
        await asyncio.gather(*(watcher.close() for watcher in watchers))
    return firsts, lasts


async def _join(env: Mapping[str, str], auction_id: str) -> Watcher:
    """Open a socket and subscribe to the auction as a visitor does; return once subscribed."""
    base = env["SUPABASE_URL"].replace("http", "ws", 1)
    key = env["SUPABASE_PUBLISHABLE_KEY"]
    address = f"{base}/realtime/v1/websocket?apikey={key}&vsn=2.0.0"
    watcher = await connect(address, create_connection=Watcher)
    if not isinstance(watcher, Watcher):
        raise TypeError("websockets made a connection of another class")
    binding = {
        "event": "*",
        "schema": "public",
        "table": "auctions",
        "filter": f"id=eq.{auction_id}",
    }
    config = {"postgres_changes": [binding]}
    topic = f"realtime:auction-{auction_id}"
    await watcher.send(json.dumps(["1", "1", topic, "phx_join", {"config": config}]))
    await _receive(watcher, lambda event, payload: event == "system" and payload["status"] == "ok")
    return watcher


async def _receive(socket: ClientConnection, is_it: Any) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            _, _, _, event, payload = json.loads(await socket.recv())
            if is_it(event, payload):
                return
