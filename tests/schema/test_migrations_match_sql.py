"""`sql/` defines the current schema and `supabase/migrations/` its history: both build the same."""

import tomllib

import psycopg
import pytest
from psycopg import sql

from devstack.schema import ROOT, build_database, declared_files, migration_files
from tests.schema.dumps import difference, dumped_schema


#: PostgREST reads these settings. Without them a caller of place_bid can undo the bid.
GATEWAY_SETTINGS = {
    "pgrst.db_pre_request=private.check_request",
    "pgrst.db_tx_end=commit",
}


@pytest.fixture(scope="module")
def declared_url(admin_url: str) -> str:
    return build_database(admin_url, "market_declared", declared_files())


@pytest.fixture(scope="module")
def migrated_url(admin_url: str) -> str:
    return build_database(admin_url, "market_migrated", migration_files())


def test_migrations_build_the_declared_schema(declared_url: str, migrated_url: str) -> None:
    """Applying every migration gives the same schema, down to comments and grants."""
    declared, migrated = dumped_schema(declared_url), dumped_schema(migrated_url)

    assert [] == difference(migrated, declared)
    assert declared


@pytest.mark.parametrize("build", ["declared_url", "migrated_url"])
def test_both_builds_configure_the_gateway(request: pytest.FixtureRequest, build: str) -> None:
    """PostgREST's settings belong to this database alone, and pg_dump omits them."""
    query = """
      select unnest(setconfig) from pg_db_role_setting
      where setrole = 'authenticator'::regrole
        and setdatabase = (select oid from pg_database where datname = current_database())
    """

    with psycopg.connect(request.getfixturevalue(build)) as connection:
        settings = {setting for (setting,) in connection.execute(query)}

    assert GATEWAY_SETTINGS == settings


def test_every_file_is_built_once() -> None:
    """The build order names each file of `sql/` exactly once."""
    assert sorted((ROOT / "sql").rglob("*.sql")) == sorted(declared_files())


def test_build_order_names_only_what_is_there() -> None:
    """A pattern that matches no file is mistyped, or its file was deleted."""
    config = tomllib.loads((ROOT / "supabase/config.toml").read_text())
    patterns = config["db"]["migrations"]["schema_paths"]

    found = {pattern: list((ROOT / "supabase").glob(pattern)) for pattern in patterns}

    assert [] == [pattern for pattern, files in found.items() if not files]


@pytest.mark.parametrize(
    "table", ["filter_characters", "filter_numerals", "filter_rules", "filter_words"]
)
def test_migrations_write_the_declared_filter(
    declared_url: str, migrated_url: str, table: str
) -> None:
    """Rules and words of the message filter are rows, which a dump of the schema omits."""
    query = sql.SQL("select to_jsonb(entry)::text from private.{} as entry").format(
        sql.Identifier(table)
    )
    with psycopg.connect(declared_url) as declared, psycopg.connect(migrated_url) as migrated:
        expected = {row for (row,) in declared.execute(query)}
        actual = {row for (row,) in migrated.execute(query)}

    assert expected == actual
    assert expected
