"""Fixtures of the plans: one filled database, a gateway on it, and the table of all times."""

import os
from collections.abc import Iterator, Mapping

import httpx
import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import dict_row
from rich.console import Console

from devstack.postgres.schema import build_database, declared_files
from tests.proof.plans.dataset import HOT, LONG_THREAD, SOLD, Role, fill, id_of, people
from tests.proof.plans.plan_requests import Reader, readers_of
from tests.proof.plans.times import Times
from tests.support.gateways import running_gateway


#: `make plans` fills the full size. A fiftieth shows the same shapes in seconds.
LISTINGS = int(os.environ.get("PLANS_LISTINGS", "250000"))


@pytest.fixture(scope="session")
def database_url(admin_url: str) -> str:
    """Build and fill the database; return the address of its owner."""
    url = build_database(admin_url, "plans", declared_files())
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute("alter role authenticator in database plans set pgrst.db_plan_enabled = 'on'")
    fill(admin_url, "plans", LISTINGS)
    return url


@pytest.fixture(scope="session")
def owner(database_url: str) -> Iterator[Connection]:
    """Connect as the owner, to look up ids and to call functions as somebody."""
    with psycopg.connect(database_url) as connection:
        yield connection


@pytest.fixture(scope="session")
def ids(owner: Connection) -> Mapping[str, str]:
    """Return what the filters may name."""
    rows = owner.cursor(row_factory=dict_row).execute(
        """
        select
          to_char(now(), 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as now,
          to_char(now() + interval '1 day', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as tomorrow,
          (select id::text from public.disputes order by id limit 1) as dispute,
          (select initiator_id::text from public.disputes order by id limit 1) as plaintiff,
          (select id::text from public.orders
            where buyer_id = %(buyer)s order by id limit 1) as "order",
          (select buyer_id::text from public.orders order by id limit 1) as purchaser,
          (select order_id::text from public.refunds order by id limit 1) as refunded,
          (select entity_id from public.audit_logs order by id limit 1) as audited,
          (select s.id::text from public.shipments as s join public.orders as o on o.id = s.order_id
            where o.buyer_id = %(buyer)s order by s.id limit 1) as shipment,
          (select listing_id::text from public.auctions where id = %(hot)s) as hot_listing
        """,
        {"buyer": people(LISTINGS)[Role.BUYER], "hot": id_of("auction", HOT)},
    )
    [found] = rows.fetchall()
    return {
        **{role.value: user_id for role, user_id in people(LISTINGS).items()},
        "hot": id_of("auction", HOT),
        "sold": id_of("auction", SOLD),
        "thread": id_of("thread", LONG_THREAD),
        **found,
    }


@pytest.fixture(scope="session")
def readers(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[Role | None, Reader]]:
    """Give a client for each role, and under None one that no row level security bounds."""
    folder = tmp_path_factory.mktemp("gateway")
    with (
        running_gateway(database_url, folder) as gateway,
        httpx.Client(base_url=f"{gateway.url}/rest/v1", timeout=60) as http,
    ):
        yield readers_of(http, gateway.keys, people(LISTINGS))


@pytest.fixture(scope="session")
def times() -> Iterator[Times]:
    """Collect the times of all plans, and print them at the end."""
    times = Times(LISTINGS)
    yield times
    Console(width=120).print(times.table())
