"""`sql/` defines the current schema and `supabase/migrations/` its history: both build the same."""

import tomllib

import psycopg
import pytest
from psycopg import sql

from devstack.paths import ROOT
from devstack.postgres.schema import build_database, declared_files
from tests.support.dumps import difference, dumped_schema


#: PostgREST reads these settings. Without them a caller of place_bid can undo the bid.
GATEWAY_SETTINGS = {
    "pgrst.db_max_rows=1000",
    "pgrst.db_pre_request=private.check_request",
    "pgrst.db_tx_end=commit",
    "random_page_cost=1",
}


ENUMS = {
    "user_role": "buyer seller moderator admin",
    "kyc_status": "none pending passed failed",
    "item_condition": "new like_new good fair parts",
    "listing_status": "scheduled live ended cancelled",
    "auction_status": "scheduled live finalized no_sale cancelled",
    "order_state": (
        "pending_payment paid ready_for_handover shipped delivered released refunded cancelled"
        " disputed"
    ),
    "payment_status": (
        "requires_payment processing authorized captured failed cancelled partially_refunded"
        " refunded"
    ),
    "ledger_type": "AUTH CAPTURE HOLD RELEASE FEE PAYOUT REFUND ADJUST",
    "webhook_status": "received failed processed ignored dead",
    "dispute_state": "open needs_evidence review resolved",
}
DEFAULTS = {
    "users.role": "'buyer'",
    "users.kyc": "'none'",
    "users.payouts_enabled": "false",
    "users.address_verified": "false",
    "orders.state": "'pending_payment'",
    "orders.refunded_cents": "0",
    "payments.provider": "'stripe'",
    "bids.accepted": "true",
    "notifications.read": "false",
    "payouts.reversed_cents": "0",
}


@pytest.fixture(scope="module")
def declared_url(admin_url: str) -> str:
    return build_database(admin_url, "market_declared", declared_files())


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


@pytest.mark.parametrize("name", ENUMS)
def test_migrations_build_the_enums_of_the_contract(migrated_url: str, name: str) -> None:
    """The enums have the contract's values in its order after the last migration (A6)."""
    query = """
      select e.enumlabel::text from pg_enum as e
      where e.enumtypid = format('public.%%I', %s::text)::regtype order by e.enumsortorder
    """
    with psycopg.connect(migrated_url) as connection:
        values = [value for (value,) in connection.execute(query, [name])]

    assert ENUMS[name].split() == values


def test_migrations_build_the_defaults_of_the_contract(migrated_url: str) -> None:
    """A row without these values gets the contract's defaults (A6)."""
    query = """
      select c.table_name || '.' || c.column_name, split_part(c.column_default, '::', 1)
      from information_schema.columns as c where c.table_schema = 'public'
    """
    with psycopg.connect(migrated_url) as connection:
        found: dict[str, str] = dict(connection.execute(query).fetchall())

    assert {column: found[column] for column in DEFAULTS} == DEFAULTS


def test_every_file_is_built_once() -> None:
    """The build order names each file of `sql/` exactly once."""
    assert sorted((ROOT / "sql").rglob("*.sql")) == sorted(declared_files())


def test_build_order_names_only_what_is_there() -> None:
    """Each pattern of the build order matches a file."""
    config = tomllib.loads((ROOT / "supabase/config.toml").read_text())
    patterns = config["db"]["migrations"]["schema_paths"]

    found = {pattern: list((ROOT / "supabase").glob(pattern)) for pattern in patterns}

    assert [] == [pattern for pattern, files in found.items() if not files]


def rows_of(url: str) -> dict[str, list[str]]:
    """Return the rows of our tables and of the buckets, by table, without their times."""
    query = """
      select format('%I.%I', n.nspname, c.relname)
      from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
      where
        c.relkind = 'r' and n.nspname in ('public', 'private')
        or c.oid = 'storage.buckets'::regclass
    """
    rows = {}
    with psycopg.connect(url) as connection:
        for (table,) in connection.execute(query).fetchall():
            entries = sql.SQL(
                "select (to_jsonb(entry) - 'created_at' - 'updated_at')::text from {} as entry"
            ).format(sql.Identifier(*table.split(".")))
            rows[table] = sorted(entry for (entry,) in connection.execute(entries))
    return rows


def test_migrations_write_the_declared_rows(declared_url: str, migrated_url: str) -> None:
    """Settings, transitions, buckets and the filter are rows, which a dump of the schema omits."""
    declared, migrated = rows_of(declared_url), rows_of(migrated_url)

    assert declared.keys() == migrated.keys()
    assert {} == {
        table: sorted({*declared[table]} ^ {*migrated[table]})
        for table in declared
        if declared[table] != migrated[table]
    }
    assert all(declared[f"private.{table}"] for table in ("app_settings", "filter_rules"))
