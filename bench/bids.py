"""Bids in SQL: one client against the floor, and one auction that many bid for."""

import itertools
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import psycopg
from psycopg import Connection

from bench import floor
from bench.fair import Fair, act_as, open_fair
from bench.figures import Figure, percentile


FEW, MANY = 8, 96
PLACE_BID = "select public.place_bid(%s, %s, %s, %s)"
BARE_BID = "select public.bench_bare_bid(%s, %s, %s, %s, %s, %s)"


def figures(env: Mapping[str, str], *, seconds: float) -> Iterator[Figure]:
    """Measure `place_bid` against its floor, then a hot auction with few and with many bidders."""
    url = env["DATABASE_URL"]
    floor.install(url)
    fair = open_fair(url, bidders=MANY, auctions=6)
    yield _against_floor(url, fair, seconds)

    few = _hot_auction(url, fair, fair.auction_ids[4], clients=FEW, seconds=seconds)
    many = _hot_auction(url, fair, fair.auction_ids[5], clients=MANY, seconds=seconds)
    rates = {clients: len(latencies) / seconds for clients, latencies in ((FEW, few), (MANY, many))}
    yield Figure(
        name=f"hot auction, {FEW} clients", value=rates[FEW], unit="bids/s", note="accepted"
    )
    yield Figure(
        name=f"hot auction, {MANY} clients", value=rates[MANY], unit="bids/s", note="accepted"
    )
    yield Figure(
        name=f"hot auction, {MANY} against {FEW} clients",
        value=rates[MANY] / rates[FEW],
        unit="x",
        bar=0.4,
    )
    yield Figure(
        name=f"hot auction, {MANY} clients, p99 against mean",
        value=percentile(many, 99) / (sum(many) / len(many)),
        unit="x",
        bar=3.0,
        is_ceiling=True,
    )


def _against_floor(url: str, fair: Fair, seconds: float) -> Figure:
    """Alternate the two in short turns, so that a noisy machine is noisy for both."""
    turns = 6
    counts = {"bid": 0, "bare": 0}
    with psycopg.connect(url, autocommit=True) as one, psycopg.connect(url, autocommit=True) as two:
        prices = {name: itertools.count(200, 10) for name in counts}
        for _ in range(turns):
            counts["bid"] += _bid_in_turns((one, two), fair, prices["bid"], seconds / turns)
            counts["bare"] += _bare_bids(one, fair, prices["bare"], seconds / turns)
    rate, floor_rate = counts["bid"] / seconds, counts["bare"] / seconds
    return Figure(
        name="place_bid, one client, against its floor",
        value=rate / floor_rate,
        unit="x",
        bar=0.5,
        note=f"{rate:,.0f}/s against {floor_rate:,.0f}/s",
    )


def _bid_in_turns(
    connections: tuple[Connection, Connection], fair: Fair, prices: Iterator[int], seconds: float
) -> int:
    """Let two bidders outbid each other's maximum for `seconds`; return how often."""
    for connection, user_id in zip(connections, fair.bidder_ids, strict=False):
        act_as(connection, user_id)
    count, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        price = next(prices)
        bid = [fair.auction_ids[0], price, price + 5, uuid.uuid4()]
        [(receipt,)] = connections[count % 2].execute(PLACE_BID, bid).fetchall()
        if not receipt["success"] or not receipt["is_leading"]:
            raise RuntimeError(f"a bid that was to lead did not: {receipt}")
        count += 1
    return count


def _bare_bids(connection: Connection, fair: Fair, prices: Iterator[int], seconds: float) -> int:
    count, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        bidder_id, rival_id = fair.bidder_ids[count % 2], fair.bidder_ids[1 - count % 2]
        price = next(prices)
        bid = [fair.auction_ids[1], bidder_id, rival_id, price, price // 10, uuid.uuid4()]
        connection.execute(BARE_BID, bid).fetchall()
        count += 1
    return count


def _hot_auction(
    url: str, fair: Fair, auction_id: str, *, clients: int, seconds: float
) -> list[float]:
    """Bid for one auction with `clients` at once; return how long each accepted bid took, in s."""
    prices, ready = itertools.count(200, 10), threading.Barrier(clients)

    def bid(user_id: str) -> list[float]:
        latencies = []
        with psycopg.connect(url, autocommit=True) as connection:
            act_as(connection, user_id)
            ready.wait()
            end = time.perf_counter() + seconds
            while (began := time.perf_counter()) < end:
                price = next(prices)
                row = [auction_id, price, price, uuid.uuid4()]
                [(receipt,)] = connection.execute(PLACE_BID, row).fetchall()
                if receipt["success"]:
                    latencies.append(time.perf_counter() - began)
        return latencies

    with ThreadPoolExecutor(clients) as threads:
        return [one for each in threads.map(bid, fair.bidder_ids[:clients]) for one in each]
