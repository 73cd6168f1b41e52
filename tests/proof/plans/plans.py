"""The plans of the web app's queries and RPCs on many rows.

`make plans` runs this file. pytest collects only `test_*.py`, so `make test` skips
it: it fills a database.
"""

from collections.abc import Collection, Mapping

import pytest
from psycopg import Connection, sql

from tests.integration.contract.embeds import QUERIES
from tests.proof.plans.calls import CALLS, called
from tests.proof.plans.conftest import LISTINGS
from tests.proof.plans.console_pages import CONSOLE_PAGES
from tests.proof.plans.dataset import Role, rows_of
from tests.proof.plans.pages import PAGES
from tests.proof.plans.plan import Plan
from tests.proof.plans.plan_requests import Reader
from tests.proof.plans.times import Time, Times


CASES = [
    pytest.param(name, role, id=f"{name}-{role}")
    for name, page in PAGES.items()
    for role in page.roles
]


def problems(plan: Plan, most_rows: int, scans: Collection[str] = ()) -> list[str]:
    """Return what makes a plan slow on large tables. It may read all of the tables in `scans`."""
    return [
        *(f"reads all of {table}" for table in plan.scanned if table not in scans),
        *([f"reads {plan.read} rows, allowed {most_rows}"] if plan.read > most_rows else []),
        *([f"sorts {plan.sorted} rows"] if plan.sorted > most_rows else []),
    ]


def test_every_select_string_has_a_plan() -> None:
    """Each select string of the web app has a page here."""
    planned = {(page.table, page.select) for page in PAGES.values()}

    assert {(query.table, query.select) for query in QUERIES.values()} <= planned


def test_every_slow_page_has_a_reason() -> None:
    """A page that may read a share of a table, or all of it, states a reason."""
    slow = {name for name, page in PAGES.items() if page.of_listings or page.scans}

    assert slow
    assert set() == {name for name in slow if not PAGES[name].because}


@pytest.mark.parametrize(("table", "rows"), rows_of(LISTINGS).items())
def test_market_is_as_large_as_stated(owner: Connection, table: str, rows: int) -> None:
    """On 250,000 listings: a million bids, 200,000 orders and 200,000 messages."""
    query = sql.SQL("select count(*) from {}").format(sql.Identifier("public", table))
    [(count,)] = owner.execute(query).fetchall()

    assert count == pytest.approx(rows, rel=0.05)


@pytest.mark.parametrize(("name", "role"), CASES)
def test_query_reads_few_rows(
    readers: Mapping[Role | None, Reader],
    ids: Mapping[str, str],
    times: Times,
    name: str,
    role: Role,
) -> None:
    """An index serves each query: no table is read from end to end, and few rows are sorted."""
    page = PAGES[name]

    plan = readers[role].plan(page, ids)

    free = readers[None].plan(page, ids)
    assert free.read > 0 or page.query == "an empty list", "the data set has no row for this page"
    times.add(Time(name=name, role=role, plan=plan, free_ms=free.took_ms, because=page.because))
    most_rows = page.reads + round(page.of_listings * LISTINGS)
    assert [] == problems(plan, most_rows, page.scans)


@pytest.mark.parametrize("name", CONSOLE_PAGES)
def test_page_of_the_console_reads_few_rows(
    name: str, readers: Mapping[Role | None, Reader], ids: Mapping[str, str]
) -> None:
    """Staff wait for each query of the console's pages, whether it finds a row or not."""
    page = CONSOLE_PAGES[name]

    plan = readers[Role.STAFF].plan(page, ids)

    assert [] == problems(plan, page.reads, page.scans)


@pytest.mark.parametrize("name", CALLS)
def test_call_reads_few_rows(
    owner: Connection, ids: Mapping[str, str], times: Times, name: str
) -> None:
    """An RPC that reads, or a hot loop, finds its rows by indexes, in whatever its body runs."""
    call = CALLS[name]

    plan = called(owner, call, ids)

    times.add(Time(name=name, role=call.role or "service", plan=plan, free_ms=None))
    assert [] == problems(plan, call.reads)
