"""The gateway reads the schema again at each notice."""

import asyncio
import itertools
from collections.abc import Callable

import httpx
import psycopg
import pytest

from devstack.gateway.rest.configuration import Configuration
from devstack.gateway.rest.schema_cache.cache import SchemaCache, read_schema_cache
from devstack.supervisor.processes import wait_until
from tests.support.gateways import Gateway
from tests.support.waits import ANSWER_S


def wait_until_known(is_met: Callable[[], bool]) -> None:
    assert wait_until(is_met, ANSWER_S), "the notice had no effect"


def test_ddl_makes_new_relations_known(http: httpx.Client, owner: psycopg.Connection) -> None:
    """Event triggers send the notice after DDL, as hosted; the gateway sees a drop as well."""
    owner.execute("create table public.fresh (id integer primary key references public.categories)")
    owner.execute("create function public.freshly() returns integer language sql as 'select 7'")
    try:
        wait_until_known(lambda: http.post("/rpc/freshly", json={}).is_success)

        assert http.post("/rpc/freshly", json={}).json() == 7
        assert http.get("/fresh?select=categories(name)").json() == []
    finally:
        owner.execute("drop table public.fresh")
        owner.execute("drop function public.freshly")
    wait_until_known(lambda: http.get("/fresh").json()["code"] == "PGRST205")


def notices_of(
    listener: psycopg.Connection, owner: psycopg.Connection, statement: str
) -> list[str]:
    """Return the payloads of the notices that a statement sends."""
    owner.execute(statement.encode())
    owner.execute("notify pgrst, 'end of test'")
    payloads = (notice.payload for notice in listener.notifies(timeout=ANSWER_S))
    return list(itertools.takewhile(lambda payload: payload != "end of test", payloads))


def test_ddl_that_concerns_the_cache_is_noticed(
    gateway: Gateway, owner: psycopg.Connection
) -> None:
    """The triggers send a notice for each command that changes PostgREST's schema cache."""
    statements = {
        "create table shop.noticed (id integer)": True,
        "comment on table shop.noticed is 'A table.'": True,
        "alter table shop.noticed add column name text": True,
        "create index noticed_idx on shop.noticed (id)": False,
        "grant select on shop.noticed to anon": False,
        "create temporary table noticed (id integer)": False,
        "drop table pg_temp.noticed": False,
        "drop table shop.noticed": True,
    }

    with psycopg.connect(gateway.owner_url, autocommit=True) as listener:
        listener.execute("listen pgrst")
        found = {statement: notices_of(listener, owner, statement) for statement in statements}

    assert found == {s: ["reload schema"] if is_ else [] for s, is_ in statements.items()}


def test_triggers_belong_to_the_superuser(owner: psycopg.Connection) -> None:
    """The superuser owns the triggers, as hosted, so no migration drops or disables them."""
    query = """
      select t.evtname, t.evtevent, t.evtowner::regrole::text, p.pronamespace::regnamespace::text
      from pg_event_trigger as t join pg_proc as p on p.oid = t.evtfoid
      where t.evtname like 'pgrst%' order by 1
    """

    assert owner.execute(query).fetchall() == [
        ("pgrst_ddl_watch", "ddl_command_end", "supabase_admin", "extensions"),
        ("pgrst_drop_watch", "sql_drop", "supabase_admin", "extensions"),
    ]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        owner.execute("drop event trigger pgrst_ddl_watch")


def test_reload_waits_for_no_lock(
    http: httpx.Client, gateway: Gateway, owner: psycopg.Connection
) -> None:
    """A reload waits for no lock, even if DDL holds every relation of the project."""
    relations = """
      select string_agg(format('%I.%I', n.nspname, c.relname), ', ')
      from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
      where n.nspname in ('public', 'shop') and c.relkind in ('r', 'p', 'v')
    """
    [names] = owner.execute(relations).fetchone() or ("",)
    with psycopg.connect(gateway.owner_url) as ddl:
        ddl.execute(f"lock table {names} in access exclusive mode".encode())
        owner.execute("create function public.unlocked() returns integer return 7")
        try:
            wait_until_known(lambda: http.post("/rpc/unlocked", json={}).is_success)
            # The cache knows a locked relation too; only a read of its rows waits.
            assert http.get("/listings?select=nope(id)").json()["code"] == "PGRST200"
            assert http.post("/rpc/unlocked", json={}).json() == 7
        finally:
            ddl.rollback()
            owner.execute("drop function public.unlocked")


def test_reload_locks_no_relation(gateway: Gateway, admin_url: str) -> None:
    """A reload locks no relation, so it cannot be in a deadlock with DDL."""
    name = str(psycopg.conninfo.conninfo_to_dict(gateway.owner_url)["dbname"])
    url = psycopg.conninfo.make_conninfo(admin_url, dbname=name)
    locked = """
      select distinct n.nspname from pg_locks as l
      join pg_class as c on c.oid = l.relation join pg_namespace as n on n.oid = c.relnamespace
      where l.pid = pg_backend_pid() and n.nspname <> 'pg_catalog'
    """
    given = Configuration(schemas=("public", "shop"), max_rows=50)

    async def locks() -> tuple[list[tuple[str]], SchemaCache]:
        async with await psycopg.AsyncConnection.connect(url) as connection:
            cache = await read_schema_cache(connection, given)
            cursor = await connection.execute(locked)
            return await cursor.fetchall(), cache

    found, cache = asyncio.run(locks())

    assert found == []
    assert ("public", "public_profiles") in cache.relationships


def test_options_of_a_locked_view_is_answered(http: httpx.Client, gateway: Gateway) -> None:
    """Only the check of a view's writability takes a lock, and it has a time limit."""
    with psycopg.connect(gateway.owner_url) as ddl:
        ddl.execute("lock table public.totals in access exclusive mode")
        answer = http.options("/totals")
        table = http.options("/listings")

    assert (answer.status_code, answer.json()["code"]) == (500, "55P03")
    assert table.headers["allow"] == "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"


def test_changed_column_is_read_without_a_notice(
    http: httpx.Client, owner: psycopg.Connection
) -> None:
    """A prepared plan of Postgres survives a change of its table without a notice."""
    owner.execute("create table shop.changing (id integer)")
    owner.execute("grant select on shop.changing to anon")
    owner.execute("insert into shop.changing values (1)")
    ask = {"Accept-Profile": "shop"}
    try:
        wait_until_known(lambda: http.get("/changing", headers=ask).status_code == 200)
        for _ in range(30):
            assert http.get("/changing", headers=ask).json() == [{"id": 1}]

        owner.execute("alter table shop.changing add column name text default 'x'")

        for _ in range(30):
            assert http.get("/changing", headers=ask).json() == [{"id": 1, "name": "x"}]
    finally:
        owner.execute("drop table shop.changing")


def test_role_settings_are_read_again(http: httpx.Client, owner: psycopg.Connection) -> None:
    """`alter role anon set …` takes effect after the notice."""

    def timeout() -> str:
        return str(http.get("/rpc/whoami").json()["timeout"])

    alter = f"alter role anon in database {owner.info.dbname}"
    owner.execute(f"{alter} set statement_timeout = '2500ms'")
    try:
        owner.execute("notify pgrst, 'reload config'")
        wait_until_known(lambda: timeout() == "2500ms")
    finally:
        owner.execute(f"{alter} reset statement_timeout")
        owner.execute("notify pgrst")
    wait_until_known(lambda: timeout() == "3s")
