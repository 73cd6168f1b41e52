"""Auctions that end together: measure the time from each end to its committed order."""

import time
from collections.abc import Iterator

import psycopg
from psycopg import Connection

from bench import stack
from bench.figures import Figure, Steps, percentile
from bench.fixtures import create_ending_auctions


AUCTIONS = 1000
#: The time from the creation of the auctions to their first end, and the limit for the last order.
HEAD_START_S, LIMIT_S = 15, 60
#: A lag is known to this precision. Looking more often would take CPU from the workers.
LOOK_S = 0.01
PARTS = "postgres,gateway,stripe,workers"
#: The observer's own clock says when it first sees an order, so a lag is at most a look too long.
SEE = """
  insert into pg_temp.seen (auction_id, lag_s)
  select a.id, extract(epoch from clock_timestamp() - a.end_at)
  from public.orders as o join public.auctions as a on a.id = o.auction_id
  on conflict do nothing
"""


def figures(*, show: Steps) -> Iterator[Figure]:
    """Let the workers of a stack close a thousand auctions that end within one second."""
    show("starting a stack with workers")
    with stack.running(only=PARTS) as running:
        url = running.environment["DATABASE_URL"]
        show(f"closing {AUCTIONS:,} auctions that end within a second, in {HEAD_START_S} s")
        create_ending_auctions(url, AUCTIONS, first_end_s=HEAD_START_S)
        with psycopg.connect(url, autocommit=True) as observer:
            lags_s = _watch(observer)
    for percent, target in ((50, 0.4), (99, 1.0)):
        yield Figure(
            name=f"close lag of {AUCTIONS:,} auctions ending in one second, p{percent}",
            value=percentile(lags_s, percent),
            unit="s",
            target=target,
            is_ceiling=True,
        )


def _watch(observer: Connection) -> list[float]:
    """Look for orders until each auction has one; return the lags."""
    observer.execute(
        "create temporary table seen (auction_id uuid primary key, lag_s double precision)"
    )
    end = time.monotonic() + HEAD_START_S + LIMIT_S
    count = 0
    while count < AUCTIONS:
        if time.monotonic() > end:
            raise RuntimeError(f"only {count} of {AUCTIONS} auctions were closed in {LIMIT_S} s")
        count += observer.execute(SEE).rowcount
        time.sleep(LOOK_S)
    return [lag_s for (lag_s,) in observer.execute("select lag_s from pg_temp.seen")]
