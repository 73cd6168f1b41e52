"""Bids in SQL: one client against the baseline, and one auction with many bidders.

The bidders are connections of this one process. Its work per bid is a fraction of the server's, and
an auction takes one bid at a time, so the load needs only the second core.
"""

import asyncio
import contextlib
import itertools
import statistics
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

import psycopg
from psycopg import AsyncConnection, Connection

from bench import bid_baseline
from bench.figures import ROUNDS, Figure, Steps, percentile
from bench.fixtures import Fixtures, act_as, claims_of, create_fixtures


FEW, MANY = 8, 96
#: Postgres settles on a statement's plan after five executions.
WARM_UP_BIDS = 6
PLACE_BID = "select public.place_bid(%s, %s, %s, %s)"
BASELINE_BID = "select public.bench_baseline_bid(%s, %s, %s, %s, %s, %s)"


def figures(env: Mapping[str, str], *, seconds: float, show: Steps) -> Iterator[Figure]:
    """Measure `place_bid` against its baseline, then a hot auction with few and many bidders."""
    url = env["DATABASE_URL"]
    bid_baseline.install(url)
    yield from _against_baseline(url, seconds, show)
    yield from _hot_auctions(url, seconds, show)
    show(f"bids of {MANY} clients past an end")
    yield _late_bids(url)


def _against_baseline(url: str, seconds: float, show: Steps) -> Iterator[Figure]:
    """Alternate bids and baseline bids, so that other load on the machine slows both.

    Each has a session per bidder: a session that runs every call keeps its caches warmer.
    """
    fixtures = create_fixtures(url, bidders=2, auctions=2 * ROUNDS)
    ratios, mean_s = [], []
    with contextlib.ExitStack() as opened:
        bidders = [opened.enter_context(_session(url, each)) for each in fixtures.bidder_ids]
        baseline_sessions = [
            opened.enter_context(_session(url, each)) for each in fixtures.bidder_ids
        ]
        for number in range(ROUNDS):
            show(f"bids of one client and their baseline: round {number + 1} of {ROUNDS}")
            pair = fixtures.auction_ids[2 * number : 2 * number + 2]
            bids, baseline_times = _bid_in_turns(
                bidders, baseline_sessions, pair, fixtures, seconds / ROUNDS
            )
            ratios.append(sum(baseline_times) / sum(bids))
            mean_s.append((statistics.fmean(bids), statistics.fmean(baseline_times)))
    bid_s, baseline_s = (statistics.median(values) for values in zip(*mean_s, strict=True))
    yield Figure(
        key="bid_sql_mean",
        name="place_bid in SQL, one client, mean",
        value=1000 * bid_s,
        unit="ms",
    )
    yield Figure(
        key="bid_against_baseline",
        name="place_bid, one client, against its baseline",
        value=statistics.median(ratios),
        unit="x",
        target=0.65,
        note=f"{1e6 * bid_s:,.0f} µs against {1e6 * baseline_s:,.0f} µs; median of {ROUNDS} rounds",
    )


def _session(url: str, user_id: str) -> Connection:
    connection = psycopg.connect(url, autocommit=True)
    act_as(connection, user_id)
    return connection


def _bid_in_turns(
    bidders: Sequence[Connection],
    baseline_sessions: Sequence[Connection],
    auction_ids: Sequence[str],
    fixtures: Fixtures,
    seconds: float,
) -> tuple[list[float], list[float]]:
    """Let two bidders outbid each other's maximum; return the latencies of bids and baseline bids.

    Each bid is below the rival's maximum and its own maximum above it, so it writes three rows.
    """
    bids, baseline_times = [], []
    end = time.perf_counter() + seconds
    for number in itertools.count():
        price = 200 + 6 * number
        bid = [auction_ids[0], price, price + 10, uuid.uuid4()]
        began = time.perf_counter()
        [(receipt,)] = bidders[number % 2].execute(PLACE_BID, bid, prepare=True).fetchall()
        bids.append(time.perf_counter() - began)
        if not receipt["success"] or not receipt["is_leading"]:
            raise RuntimeError(f"a bid that was to lead did not: {receipt}")
        people = fixtures.bidder_ids[:: -1 if number % 2 else 1]
        row = [auction_ids[1], *people, price, number + 1, uuid.uuid4()]
        began = time.perf_counter()
        baseline_sessions[number % 2].execute(BASELINE_BID, row, prepare=True).fetchall()
        baseline_times.append(time.perf_counter() - began)
        if began > end:
            return bids, baseline_times
    raise AssertionError


def _hot_auctions(url: str, seconds: float, show: Steps) -> Iterator[Figure]:
    """Compare few and many bidders, in turns; each turn has an auction of its own."""
    errors: list[psycopg.Error] = []
    rounds = asyncio.run(_alternate(url, seconds / ROUNDS, show, errors))
    rates = {
        clients: [len(each[clients]) * ROUNDS / seconds for each in rounds]
        for clients in (FEW, MANY)
    }
    for clients, values in rates.items():
        yield Figure(
            key=f"hot_{clients}_rate",
            name=f"hot auction, {clients} clients",
            value=statistics.median(values),
            unit="bids/s",
            note="accepted",
        )
    yield from _hot_ratios(rounds, rates)
    yield Figure(
        key="hot_errors",
        name=f"hot auction, {FEW} and {MANY} clients, serialization and other errors",
        value=len(errors),
        unit="",
        target=0.0,
        is_ceiling=True,
        note="; ".join(str(each) for each in errors[:2]),
    )


def _hot_ratios(
    rounds: Sequence[Mapping[int, Sequence[float]]], rates: Mapping[int, Sequence[float]]
) -> Iterator[Figure]:
    ratios = [many / few for few, many in zip(rates[FEW], rates[MANY], strict=True)]
    yield Figure(
        key="hot_many_against_few",
        name=f"hot auction, {MANY} against {FEW} clients",
        value=statistics.median(ratios),
        unit="x",
        target=0.5,
        note=f"median of {ROUNDS} rounds",
    )
    yield Figure(
        key="hot_p99_against_mean",
        name=f"hot auction, {MANY} clients, p99 against mean",
        value=statistics.median(
            percentile(each[MANY], 99) / statistics.fmean(each[MANY]) for each in rounds
        ),
        unit="x",
        target=3.0,
        is_ceiling=True,
        note=f"median of {ROUNDS} rounds",
    )


async def _alternate(
    url: str, seconds: float, show: Steps, errors: list[psycopg.Error]
) -> list[dict[int, list[float]]]:
    """Return the latencies of accepted bids by number of clients, for each round."""
    fixtures = create_fixtures(url, bidders=MANY, auctions=2 * ROUNDS + 1)
    warm_up_id, *auction_ids = fixtures.auction_ids
    free = iter(auction_ids)
    rounds: list[dict[int, list[float]]] = []
    show(f"warming up {MANY} clients")
    async with _bidders(url, fixtures.bidder_ids, warm_up_id) as bidders:
        for number in range(ROUNDS):
            show(f"hot auction, {FEW} and {MANY} clients: round {number + 1} of {ROUNDS}")
            rounds.append(
                {
                    clients: await _bid_at_once(bidders[:clients], next(free), seconds, errors)
                    for clients in (FEW, MANY)
                }
            )
    return rounds


def _late_bids(url: str) -> Figure:
    """Let many bid past the end of an auction; count accepted bids that came after it."""
    with psycopg.connect(url) as owner:
        owner.execute("update private.app_settings set value = '0' where key = 'snipe_window_s'")
    asyncio.run(_bid_past_the_end(url))
    query = """
      select count(*), count(*) filter (where b.placed_at >= a.end_at)
      from public.bids as b join public.auctions as a on a.id = b.auction_id
      where a.end_at < clock_timestamp()
    """
    with psycopg.connect(url) as owner:
        [(count, late_count)] = owner.execute(query).fetchall()
        owner.execute("update private.app_settings set value = '300' where key = 'snipe_window_s'")
    return Figure(
        key="hot_late",
        name=f"late bids of {MANY} clients at an end",
        value=late_count,
        unit="",
        target=0.0,
        is_ceiling=True,
        note=f"{count:,} accepted",
    )


async def _bid_past_the_end(url: str) -> None:
    fixtures = create_fixtures(url, bidders=MANY, auctions=1)
    async with _bidders(url, fixtures.bidder_ids, fixtures.auction_ids[0]) as bidders:
        [auction_id] = create_fixtures(url, bidders=0, auctions=1, last_s=2).auction_ids
        errors: list[psycopg.Error] = []
        await _bid_at_once(bidders, auction_id, 3, errors)
        if errors:
            raise errors[0]


@contextlib.asynccontextmanager
async def _bidders(
    url: str, bidder_ids: Sequence[str], warm_up_id: str
) -> AsyncIterator[list[AsyncConnection]]:
    """Connect each bidder, and let each bid until its session has its plans, as in a pool."""
    prices = itertools.count(200, 10)
    async with contextlib.AsyncExitStack() as opened:
        connections = []
        for bidder_id in bidder_ids:
            connection = await opened.enter_async_context(
                await AsyncConnection.connect(url, autocommit=True)
            )
            for statement in claims_of(bidder_id):
                await connection.execute(statement)
            for _ in range(WARM_UP_BIDS):
                await _bid(connection, warm_up_id, next(prices))
            connections.append(connection)
        yield connections


async def _bid_at_once(
    bidders: Sequence[AsyncConnection],
    auction_id: str,
    seconds: float,
    errors: list[psycopg.Error],
) -> list[float]:
    """Bid for one auction with all bidders at once; return the latency of each accepted bid."""
    prices, end = itertools.count(200, 10), time.perf_counter() + seconds

    async def bid(connection: AsyncConnection) -> list[float]:
        latencies = []
        while (began := time.perf_counter()) < end:
            try:
                if await _bid(connection, auction_id, next(prices)):
                    latencies.append(time.perf_counter() - began)
            except psycopg.Error as error:
                errors.append(error)
        return latencies

    each = await asyncio.gather(*map(bid, bidders))
    return [latency for latencies in each for latency in latencies]


async def _bid(connection: AsyncConnection, auction_id: str, price_cents: int) -> bool:
    """Place one bid; return true if it was accepted."""
    row = [auction_id, price_cents, price_cents, uuid.uuid4()]
    cursor = await connection.execute(PLACE_BID, row, prepare=True)
    [(receipt,)] = await cursor.fetchall()
    return bool(receipt["success"])
