"""Auctions that end together: measure the time from each end to its committed order."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import httpx
import psycopg
from psycopg import Connection

from bench import stack
from bench.figures import Figure, Steps, percentile
from bench.fixtures import create_ending_auctions, wait_until_ended
from devstack.supervisor.processes import wait_until


AUCTIONS = 1000
#: The time from the creation of the auctions to their first end, and the limit for the last order.
HEAD_START_S, LIMIT_S = 12, 60
ENDS_ARE_NEAR = """
  select min(end_at) < clock_timestamp() + interval '1 second'
  from public.auctions where status = 'live'
"""
#: The number of orders after which a fleet is killed: it is in the middle of its work.
KILL_AT = 100
#: A lag is known to this precision. Looking more often would take CPU from the workers.
LOOK_S = 0.01
PARTS = "postgres,gateway,stripe"
TARGETS_S = {50: 0.4, 99: 1.0}
CRON_TARGET_S = 15.0
#: The database's clock tells when a look first sees an order, so a lag is at most a look too long.
SEE = """
  insert into pg_temp.seen (auction_id, lag_s)
  select a.id, extract(epoch from clock_timestamp() - a.end_at)
  from public.orders as o join public.auctions as a on a.id = o.auction_id
  where o.created_at > %s
  on conflict do nothing
"""
HAS_CRON = """
  select exists (select from pg_available_extensions where name = 'pg_cron')
    and current_setting('cron.database_name', true) = current_database()
"""
CRON_JOB = """
  select extract(epoch from schedule::interval)::float8, command
  from private.scheduled_jobs() where job = 'end_expired_auctions'
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A state of the system in which auctions are closed."""

    key: str
    name: str


def figures(*, show: Steps) -> Iterator[Figure]:
    """Close a thousand auctions, ending within a second, in each state of the system."""
    show("starting a stack with workers")
    with stack.running(only=PARTS) as running:
        env = running.environment
        with stack.fleet(env):
            yield from _lags(env, Case(key="close", name="all well"), show)
            with _realtime_down(env):
                yield from _lags(env, Case(key="close_silent", name="Realtime down"), show)
        with stack.fleet(env) as killed_fleet, stack.fleet(env):
            case = Case(key="close_killed", name="one of two fleets killed")
            yield from _lags(env, case, show, killed_fleet.kill)
        yield from _without_workers(env, show)


def _lags(
    env: Mapping[str, str], case: Case, show: Steps, interfere: Callable[[], None] | None = None
) -> Iterator[Figure]:
    show(f"closing {AUCTIONS:,} auctions, {case.name}, in {HEAD_START_S} s")
    lags_s = _close(env["DATABASE_URL"], interfere)
    for percent, target_s in TARGETS_S.items():
        yield Figure(
            key=f"{case.key}_p{percent}",
            name=f"close lag, {AUCTIONS:,} auctions ending in one second, {case.name}, p{percent}",
            value=percentile(lags_s, percent),
            unit="s",
            target=target_s,
            is_ceiling=True,
            note=f"worst {max(lags_s):.2f} s" if percent == max(TARGETS_S) else "",
            samples=lags_s if percent == max(TARGETS_S) else (),
        )


def _close(url: str, interfere: Callable[[], None] | None = None) -> Sequence[float]:
    """Wait until each of the auctions has its order; return the lags."""
    with psycopg.connect(url, autocommit=True) as observer:
        observer.execute(
            "create temporary table seen (auction_id uuid primary key, lag_s double precision)"
        )
        [(since,)] = observer.execute("select clock_timestamp()").fetchall()
        create_ending_auctions(url, AUCTIONS, first_end_s=HEAD_START_S)
        # An observer that looks long before the ends would only take CPU from the workers.
        wait_until(lambda: observer.execute(ENDS_ARE_NEAR).fetchone() == (True,), HEAD_START_S)
        _watch(observer, since, interfere)
        return [lag_s for (lag_s,) in observer.execute("select lag_s from pg_temp.seen")]


def _watch(observer: Connection, since: object, interfere: Callable[[], None] | None) -> None:
    """Look for orders until each auction has one; interfere once, in the middle of the closes."""
    end = time.monotonic() + 2 + LIMIT_S
    count = 0
    while count < AUCTIONS:
        if time.monotonic() > end:
            raise RuntimeError(f"only {count} of {AUCTIONS} auctions were closed in {LIMIT_S} s")
        count += observer.execute(SEE, [since]).rowcount
        if interfere is not None and count >= KILL_AT:
            interfere()
            interfere = None
        time.sleep(LOOK_S)


@contextlib.contextmanager
def _realtime_down(env: Mapping[str, str]) -> Iterator[None]:
    """Let Realtime close its sockets, and refuse every join, until the block ends."""
    address = f"{env['SUPABASE_URL']}/_control/realtime"
    httpx.put(address, json={"mode": "closing"}).raise_for_status()
    yield
    httpx.put(address, json={"mode": "normal"}).raise_for_status()


def _without_workers(env: Mapping[str, str], show: Steps) -> Iterator[Figure]:
    """Measure pg_cron where it exists, else the statement that it would run."""
    url = env["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as owner:
        [(has_cron,)] = owner.execute(HAS_CRON).fetchall()
        lags_s: Sequence[float] = ()
        if has_cron:
            show(f"closing {AUCTIONS:,} auctions without workers, through pg_cron")
            lags_s = _close(url)
        yield Figure(
            key="close_cron",
            name=f"close lag, {AUCTIONS:,} auctions, all workers down, through pg_cron, worst",
            value=max(lags_s, default=None),
            unit="s",
            target=CRON_TARGET_S,
            is_ceiling=True,
            samples=lags_s,
            problem="" if has_cron else "this PostgreSQL has no pg_cron",
        )
        show(f"running the statement of pg_cron over {AUCTIONS:,} auctions")
        yield from _cron_statement(owner, url)


def _cron_statement(owner: Connection, url: str) -> Iterator[Figure]:
    """Run pg_cron's statement over due auctions, and add the longest wait for its start."""
    [(interval_s, command)] = owner.execute(CRON_JOB).fetchall()
    create_ending_auctions(url, AUCTIONS, first_end_s=0)
    wait_until_ended(owner)
    began = time.perf_counter()
    [(answer,)] = owner.execute(command).fetchall()
    took_s = time.perf_counter() - began
    if answer["auctions_processed"] != AUCTIONS:
        raise RuntimeError(f"the statement closed {answer['auctions_processed']} auctions")
    yield Figure(
        key="close_sql_rate",
        name="auctions closed in SQL, one statement",
        value=AUCTIONS / took_s,
        unit="auctions/s",
    )
    yield Figure(
        key="close_statement",
        name="close lag, all workers down, worst: interval of pg_cron and its statement",
        value=interval_s + took_s,
        unit="s",
        target=CRON_TARGET_S,
        is_ceiling=True,
        note=f"computed: {interval_s:g} s until it starts, {took_s:.2f} s measured",
    )
