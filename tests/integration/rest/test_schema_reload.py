"""The schema cache: as old as the last notice, and as new."""

from collections.abc import Callable

import httpx
import psycopg

from devstack.processes import wait_until
from tests.integration.gateways import PATIENCE_S


def until(is_met: Callable[[], bool]) -> None:
    assert wait_until(is_met, PATIENCE_S), "the notice was not heard"


def test_notice_makes_new_things_known(http: httpx.Client, owner: psycopg.Connection) -> None:
    """A new table, its relationships and a new function are served after `notify pgrst`."""
    owner.execute("create table public.fresh (id integer primary key references public.categories)")
    owner.execute("create function public.freshly() returns integer language sql as 'select 7'")
    try:
        assert http.get("/fresh").status_code == 404

        owner.execute("notify pgrst, 'reload schema'")

        until(lambda: http.get("/fresh").status_code == 200)
        assert http.post("/rpc/freshly", json={}).json() == 7
        assert http.get("/fresh?select=categories(name)").json() == []
    finally:
        owner.execute("drop table public.fresh")
        owner.execute("drop function public.freshly")
        owner.execute("notify pgrst, 'reload schema'")
    until(lambda: http.get("/fresh").json()["code"] == "PGRST205")


def test_changed_column_is_read_without_a_notice(
    http: httpx.Client, owner: psycopg.Connection
) -> None:
    """A plan that Postgres has prepared survives a change of the table it reads."""
    owner.execute("create table shop.changing (id integer)")
    owner.execute("grant select on shop.changing to anon")
    owner.execute("insert into shop.changing values (1)")
    owner.execute("notify pgrst, 'reload schema'")
    ask = {"Accept-Profile": "shop"}
    try:
        until(lambda: http.get("/changing", headers=ask).status_code == 200)
        for _ in range(30):
            assert http.get("/changing", headers=ask).json() == [{"id": 1}]

        owner.execute("alter table shop.changing add column name text default 'x'")

        for _ in range(30):
            assert http.get("/changing", headers=ask).json() == [{"id": 1, "name": "x"}]
    finally:
        owner.execute("drop table shop.changing")
        owner.execute("notify pgrst, 'reload schema'")


def test_role_settings_are_part_of_it(http: httpx.Client, owner: psycopg.Connection) -> None:
    """`alter role anon set …` holds after the notice."""

    def shown() -> str:
        return str(http.get("/rpc/whoami").json()["timeout"])

    alter = f"alter role anon in database {owner.info.dbname}"
    owner.execute(f"{alter} set statement_timeout = '2500ms'")
    try:
        owner.execute("notify pgrst, 'reload config'")
        until(lambda: shown() == "2500ms")
    finally:
        owner.execute(f"{alter} reset statement_timeout")
        owner.execute("notify pgrst")
    until(lambda: shown() == "3s")
