"""Measure the time from a commit to the last of two hundred watchers."""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from websockets.asyncio.client import ClientConnection, connect

from bench.figures import Figure, Steps, percentile
from bench.fixtures import create_fixtures


WATCHERS, CHANGES = 200, 50
#: The pause between two changes, so that each is delivered alone, as bids are.
PAUSE_S = 0.05


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
        name="commit to first watcher, p95",
        value=1000 * percentile(firsts, 95),
        unit="ms",
    )
    yield Figure(
        name=f"commit to last of {WATCHERS} watchers, p95",
        value=1000 * percentile(lasts, 95),
        unit="ms",
        target=50.0,
        is_ceiling=True,
        note=f"p50 {1000 * percentile(lasts, 50):.1f} ms",
    )


async def _watch(env: Mapping[str, str], auction_id: str) -> tuple[list[float], list[float]]:
    sockets = await asyncio.gather(*(_join(env, auction_id) for _ in range(WATCHERS)))
    firsts, lasts = [], []
    try:
        async with await psycopg.AsyncConnection.connect(
            env["DATABASE_URL"], autocommit=True
        ) as owner:
            for version in range(2, CHANGES + 2):
                query = "update public.auctions set version = %s where id = %s"
                waits = [asyncio.create_task(_version(socket, version)) for socket in sockets]
                await owner.execute(query, [version, auction_id])
                committed = time.perf_counter()
                arrivals = await asyncio.gather(*waits)
                firsts.append(max(0.0, min(arrivals) - committed))
                lasts.append(max(arrivals) - committed)
                await asyncio.sleep(PAUSE_S)
    finally:
        await asyncio.gather(*(socket.close() for socket in sockets))
    return firsts, lasts


async def _join(env: Mapping[str, str], auction_id: str) -> ClientConnection:
    """Open a socket and subscribe to the auction as a visitor does; return once subscribed."""
    base = env["SUPABASE_URL"].replace("http", "ws", 1)
    key = env["SUPABASE_PUBLISHABLE_KEY"]
    socket = await connect(f"{base}/realtime/v1/websocket?apikey={key}&vsn=2.0.0")
    binding = {
        "event": "*",
        "schema": "public",
        "table": "auctions",
        "filter": f"id=eq.{auction_id}",
    }
    config = {"postgres_changes": [binding]}
    topic = f"realtime:auction-{auction_id}"
    await socket.send(json.dumps(["1", "1", topic, "phx_join", {"config": config}]))
    await _receive(socket, lambda event, payload: event == "system" and payload["status"] == "ok")
    return socket


async def _version(socket: ClientConnection, version: int) -> float:
    """Return the time at which the change to `version` arrived."""

    def is_it(event: str, payload: Any) -> bool:
        return event == "postgres_changes" and payload["data"]["record"]["version"] == version

    await _receive(socket, is_it)
    return time.perf_counter()


async def _receive(socket: ClientConnection, is_it: Any) -> None:
    async with asyncio.timeout(30):
        while True:
            _, _, _, event, payload = json.loads(await socket.recv())
            if is_it(event, payload):
                return
