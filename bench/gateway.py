"""The gateway: a simple select against its baseline in the same run, and bids over HTTP."""

import contextlib
import itertools
import json
import statistics
import sys
import uuid
from collections.abc import Iterator, Mapping

import httpx
import psycopg
from psycopg import conninfo

from bench import load, stack
from bench.figures import ROUNDS, Figure, Steps, percentile
from bench.fixtures import create_fixtures
from devstack.supervisor.ports import free_port


MANY, BIDDERS = 16, 8
SELECT = "/rest/v1/listings?select=id,title,start_cents,status&limit=20"


def figures(env: Mapping[str, str], *, seconds: float, show: Steps) -> Iterator[Figure]:
    """Measure a select and a call on one connection, selects on many, and bids of eight users."""
    fixtures = create_fixtures(env["DATABASE_URL"], bidders=0, auctions=40)
    port = int(env["SUPABASE_URL"].rsplit(":", 1)[1])
    key = env["SUPABASE_PUBLISHABLE_KEY"]
    select = load.Request(method="GET", path=SELECT, headers={"apikey": key})
    load.send(port, lambda _number: select, connections=1, seconds=0.5)

    call = load.Request(
        method="POST",
        path="/rest/v1/rpc/get_time_remaining",
        headers={"apikey": key, "content-type": "application/json"},
        body=json.dumps({"auction_id": fixtures.auction_ids[0]}).encode(),
    )
    show("one connection to the gateway")
    yield _one_connection("select", "simple select", port, select, seconds)
    yield _one_connection("rpc", "simple RPC", port, call, seconds)
    yield _against_baseline(env, port, select, seconds, show)
    show(f"bids of {BIDDERS} clients over HTTP")
    bids = _bids(env, port, fixtures.auction_ids[0], seconds)
    yield Figure(
        key="bid_http_p95",
        name=f"place_bid over HTTP, {BIDDERS} clients, p95",
        value=1000 * percentile(bids.latencies_s, 95),
        unit="ms",
        target=20.0,
        is_ceiling=True,
        note=f"{bids.per_second:,.0f}/s",
    )
    yield Figure(
        key="bid_http_rate",
        name=f"place_bid over HTTP, {BIDDERS} clients, throughput",
        value=bids.per_second,
        unit="bids/s",
    )


def _one_connection(
    key: str, subject: str, port: int, request: load.Request, seconds: float
) -> Figure:
    one = load.send(port, lambda _number: request, connections=1, seconds=seconds)
    return Figure(
        key=f"gateway_{key}_p50",
        name=f"gateway, {subject}, 1 connection, p50",
        value=1000 * percentile(one.latencies_s, 50),
        unit="ms",
        target=1.0,
        is_ceiling=True,
    )


def _against_baseline(
    env: Mapping[str, str], port: int, select: load.Request, seconds: float, show: Steps
) -> Figure:
    """Measure the gateway and its baseline in turns; the median of the rounds decides."""
    baseline_select = load.Request(method="GET", path="/", headers={})
    rounds = []
    with _baseline_handler(env) as baseline_port:
        for number in range(ROUNDS):
            show(f"gateway and its baseline, {MANY} connections: round {number + 1} of {ROUNDS}")
            rate = _rate(port, select, seconds / ROUNDS)
            rounds.append((rate, _rate(baseline_port, baseline_select, seconds / ROUNDS)))
    rate, baseline_rate = (statistics.median(rates) for rates in zip(*rounds, strict=True))
    return Figure(
        key="gateway_against_baseline",
        name=f"gateway, simple select, {MANY} connections, against its baseline",
        value=statistics.median(rate / baseline_rate for rate, baseline_rate in rounds),
        unit="x",
        target=0.6,
        note=f"{rate:,.0f}/s against {baseline_rate:,.0f}/s; median of {ROUNDS} rounds",
    )


def _rate(port: int, request: load.Request, seconds: float) -> float:
    return load.send(port, lambda _number: request, connections=MANY, seconds=seconds).per_second


@contextlib.contextmanager
def _baseline_handler(env: Mapping[str, str]) -> Iterator[int]:
    port = free_port()
    url = conninfo.make_conninfo(env["DATABASE_URL"], user="authenticator")
    command = (sys.executable, "-m", "bench.select_baseline", str(port), url)
    with stack.program(command, env, f"http://127.0.0.1:{port}/"):
        yield port


def _bids(env: Mapping[str, str], port: int, auction_id: str, seconds: float) -> load.Answered:
    """Let eight signed-in users bid for one auction, each over a connection of its own."""
    tokens = [sign_up(env, number) for number in range(BIDDERS)]
    _verify_everybody(env["DATABASE_URL"])
    prices = itertools.count(200, 10)
    return load.send(
        port,
        lambda number: bid_of(env, tokens[number], auction_id, next(prices)),
        connections=BIDDERS,
        seconds=seconds,
    )


def bid_of(env: Mapping[str, str], token: str, auction_id: str, amount_cents: int) -> load.Request:
    """Return the request that places a new bid of a signed-in user."""
    body = {
        "auction_id": auction_id,
        "amount_cents": amount_cents,
        "client_bid_id": str(uuid.uuid4()),
    }
    return load.Request(
        method="POST",
        path="/rest/v1/rpc/place_bid",
        headers={
            "apikey": env["SUPABASE_PUBLISHABLE_KEY"],
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
        },
        body=json.dumps(body).encode(),
    )


def sign_up(env: Mapping[str, str], number: int) -> str:
    """Sign up a user through Auth, and return the access token."""
    answer = httpx.post(
        f"{env['SUPABASE_URL']}/auth/v1/signup",
        headers={"apikey": env["SUPABASE_PUBLISHABLE_KEY"]},
        json={
            "email": f"bidder-{number}-{uuid.uuid4()}@example.test",
            "password": str(uuid.uuid4()),
        },
    )
    return str(answer.raise_for_status().json()["access_token"])


def _verify_everybody(database_url: str) -> None:
    with psycopg.connect(database_url) as owner:
        owner.execute("update public.users set kyc = 'passed'")
