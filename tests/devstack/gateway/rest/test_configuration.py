"""PostgREST's in-database configuration: it reads the settings of authenticator at each notice.

https://docs.postgrest.org/en/stable/references/configuration.html#in-database-configuration
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import LiteralString

import httpx
import psycopg
import pytest
from psycopg import sql

from devstack.postgres.schema import build_database
from devstack.supervisor.processes import wait_until
from tests.support.gateways import Gateway, running_gateway
from tests.support.waits import ANSWER_S


SCHEMA = """
  create table public.things (id integer primary key);
  insert into public.things select generate_series(1, 9);
  create schema shop;
  grant usage on schema shop to anon, authenticated, service_role;
  create table shop.wares (id integer primary key);
  grant select on shop.wares to anon;
  create schema hidden;
  grant usage on schema hidden to anon;
  create function hidden.look() returns void language plpgsql as $$
  begin
    if current_setting('request.headers')::json ->> 'x-mood' = 'bad' then
      raise sqlstate 'PT418' using message = 'NOT_TODAY', detail = current_user;
    end if;
  end $$;
"""
TX = "pgrst.db_tx_end"
ROLLBACK = {"Prefer": "tx=rollback, return=representation"}


@pytest.fixture(scope="module")
def configured_url(admin_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("market") / "market.sql"
    path.write_text(SCHEMA)
    return build_database(admin_url, "configuration_tests", [path])


@pytest.fixture(scope="module")
def configured_gateway(
    configured_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("gateway")
    with running_gateway(configured_url, folder) as gateway:
        yield gateway


@pytest.fixture
def http(configured_gateway: Gateway) -> Iterator[httpx.Client]:
    headers = {"apikey": configured_gateway.keys.publishable_key}
    with httpx.Client(
        base_url=f"{configured_gateway.url}/rest/v1", headers=headers, timeout=ANSWER_S
    ) as client:
        yield client


@pytest.fixture
def owner(configured_url: str) -> Iterator[psycopg.Connection]:
    """Connect as role postgres, which sets these parameters on hosted Supabase too."""
    with psycopg.connect(configured_url, autocommit=True) as connection:
        yield connection


@contextlib.contextmanager
def setting(
    owner: psycopg.Connection, name: LiteralString, value: str, is_heard: Callable[[], bool]
) -> Iterator[None]:
    """Set a parameter of authenticator in this database until the block ends."""
    alter = sql.SQL("alter role authenticator in database configuration_tests")
    parameter = sql.Identifier(*name.split("."))
    owner.execute(sql.SQL("{} set {} = {}").format(alter, parameter, sql.Literal(value)))
    owner.execute("notify pgrst, 'reload config'")
    try:
        assert wait_until(is_heard, ANSWER_S), "the notice had no effect"
        yield
    finally:
        owner.execute(sql.SQL("{} reset {}").format(alter, parameter))
        owner.execute("notify pgrst, 'reload config'")
        assert wait_until(lambda: not is_heard(), ANSWER_S), "the notice had no effect"


def ids(http: httpx.Client) -> list[int]:
    return [row["id"] for row in http.get("/things?order=id").json()]


def test_tx_is_ignored_by_default(http: httpx.Client) -> None:
    """The gateway ignores tx=rollback by default, so a caller cannot undo an answered write."""
    answer = http.post("/things", json={"id": 100}, headers=ROLLBACK)
    try:
        assert answer.status_code == 201
        assert answer.headers["preference-applied"] == "return=representation"
        assert 100 in ids(http)
    finally:
        http.delete("/things?id=eq.100")


def test_tx_is_served_where_the_database_asks_for_it(
    http: httpx.Client, owner: psycopg.Connection
) -> None:
    """The setting `commit-allow-override` lets tests undo their writes."""

    def is_served() -> bool:
        answer = http.get("/things", headers={"Prefer": "tx=rollback"})
        return "preference-applied" in answer.headers

    with setting(owner, TX, "commit-allow-override", is_served):
        answer = http.post("/things", json={"id": 101}, headers=ROLLBACK)

        assert answer.status_code == 201
        assert 101 not in ids(http)


def test_rows_are_capped_by_the_setting(http: httpx.Client, owner: psycopg.Connection) -> None:
    """The setting db_max_rows wins over the number that the process was given."""
    with setting(owner, "pgrst.db_max_rows", "2", lambda: len(ids(http)) == 2):
        assert ids(http) == [1, 2]


def test_schemas_are_those_of_the_setting(http: httpx.Client, owner: psycopg.Connection) -> None:
    """The setting db_schemas exposes another schema without a restart."""

    def status() -> int:
        return http.get("/wares", headers={"Accept-Profile": "shop"}).status_code

    assert status() == 406
    with setting(owner, "pgrst.db_schemas", "public, shop", lambda: status() == 200):
        assert http.get("/wares", headers={"Accept-Profile": "shop"}).json() == []


def test_pre_request_runs_as_the_caller_before_the_request(
    http: httpx.Client, owner: psycopg.Connection
) -> None:
    """The pre-request function runs first, as the caller; it sees the head and may refuse."""

    def send_refused(
        method: str = "GET", path: str = "/things", body: object = None
    ) -> httpx.Response:
        return http.request(method, path, json=body, headers={"X-Mood": "bad"})

    with setting(
        owner, "pgrst.db_pre_request", "hidden.look", lambda: not send_refused().is_success
    ):
        refused, written = send_refused(), send_refused("POST", "/things", {"id": 102})
        head, allowed = send_refused("HEAD"), http.get("/things")

        assert (refused.status_code, refused.json()["message"]) == (418, "NOT_TODAY")
        assert refused.json()["details"] == "anon"
        assert written.status_code == 418
        assert (head.status_code, head.headers["proxy-status"]) == (418, "PostgREST; error=PT418")
        assert allowed.is_success
        assert 102 not in ids(http)


def test_setting_of_one_database_wins(http: httpx.Client, owner: psycopg.Connection) -> None:
    """A setting of one database wins over the role's setting for all databases."""
    owner.execute("alter role authenticator set pgrst.db_max_rows = '5'")
    try:
        with setting(owner, "pgrst.db_max_rows", "3", lambda: len(ids(http)) == 3):
            assert len(ids(http)) == 3
        assert wait_until(lambda: len(ids(http)) == 5, ANSWER_S)
    finally:
        owner.execute("alter role authenticator reset pgrst.db_max_rows")
        owner.execute("notify pgrst, 'reload config'")


def test_only_pgrst_settings_are_postgres_to_set(owner: psycopg.Connection) -> None:
    """Postgres refuses role postgres any unknown parameter without the prefix pgrst, as hosted."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        owner.execute("alter role authenticator set other.parameter = 'x'")


@pytest.mark.parametrize("form", ["", "+json", "+text"])
def test_plan_is_refused_by_default(
    http: httpx.Client, owner: psycopg.Connection, form: str
) -> None:
    """PostgREST shows a plan only with db_plan_enabled, because a plan tells of hidden rows."""
    accept = f"application/vnd.pgrst.plan{form}"

    def explain(method: str, path: str, header: str = accept) -> httpx.Response:
        return http.request(method, path, headers={"Accept": header})

    for method, path in (("GET", "/things"), ("HEAD", "/things"), ("DELETE", "/things?id=eq.1")):
        assert explain(method, path).status_code == 406
    refused = explain("GET", "/things").json()
    assert (refused["code"], refused["message"]) == (
        "PGRST107", f"None of these media types are available: {accept}",
    )  # fmt: skip
    assert (
        explain("GET", "/things", f"{accept}, text/csv")
        .headers["content-type"]
        .startswith("text/csv")
    )
    assert 1 in ids(http)
    with setting(
        owner, "pgrst.db_plan_enabled", "true", lambda: explain("GET", "/things").status_code == 200
    ):
        assert explain("GET", "/things").text
