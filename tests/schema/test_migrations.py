"""How migrations are applied: in order, once, each in a transaction."""

import concurrent.futures
from pathlib import Path

import psycopg
import pytest

from devstack.schema import build_database, copy_database, extend_database, migration_files


def migration(folder: Path, version: str, text: str) -> Path:
    path = folder / f"{version}_listings_change.sql"
    path.write_text(text)
    return path


def recorded(url: str) -> list[tuple[str, str, list[str]]]:
    query = """
      select version, name, statements from supabase_migrations.schema_migrations order by 1
    """
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def test_migrations_are_recorded_as_the_cli_does(admin_url: str) -> None:
    """`supabase migration list` and `db push` find every file that was applied, by its version."""
    url = build_database(admin_url, "market_recorded", migration_files())

    expected = [
        (path.name.split("_")[0], path.stem.partition("_")[2], [path.read_text()])
        for path in migration_files()
    ]
    assert expected == recorded(url)


def test_migrations_build_again_in_the_same_cluster(admin_url: str) -> None:
    """Roles outlive a database, so what a migration does to them must bear a repetition."""
    for name in ("market_first_build", "market_second_build"):
        url = build_database(admin_url, name, migration_files())

        assert len(migration_files()) == len(recorded(url))


def test_failing_migration_leaves_nothing(admin_url: str, tmp_path: Path) -> None:
    """Those before it stay, its own statements do not, and the error names the file."""
    good = migration(tmp_path, "20260101000000", "create table public.kept ();")
    bad = migration(tmp_path, "20260102000000", "create table public.lost (); select 1 / 0;")

    with pytest.raises(psycopg.errors.DivisionByZero) as caught:
        build_database(admin_url, "market_failing", [good, bad])

    assert [f"in {bad.name}"] == caught.value.__notes__
    url = psycopg.conninfo.make_conninfo(admin_url, dbname="market_failing")
    assert ["20260101000000"] == [version for version, _, _ in recorded(url)]
    with psycopg.connect(url) as connection:
        query = "select to_regclass('public.kept') is null, to_regclass('public.lost') is null"
        assert [(False, True)] == connection.execute(query).fetchall()


def test_only_what_is_missing_is_applied(admin_url: str, tmp_path: Path) -> None:
    """A database that is kept gets what was added since, and its rows stay."""
    first = migration(tmp_path, "20260101000000", "create table public.kept as select 1 as n;")
    url = build_database(admin_url, "market_extended", [first])
    second = migration(tmp_path, "20260102000000", "create table public.added ();")

    extended_url, is_new = extend_database(
        psycopg.conninfo.make_conninfo(admin_url, dbname="market_extended"), [first, second]
    )

    assert (False, 2) == (is_new, len(recorded(extended_url)))
    with psycopg.connect(url) as connection:
        assert [(1,)] == connection.execute("select n from public.kept").fetchall()


def test_builds_at_the_same_time_take_turns(admin_url: str) -> None:
    """Memberships belong to the cluster, so no build may take back what another still needs."""
    names = [f"market_at_once_{number}" for number in range(3)]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        urls = list(pool.map(lambda name: build_database(admin_url, name, []), names))

    for url in urls:
        assert [] == recorded(url)


def test_copy_has_the_originals_rows(admin_url: str, tmp_path: Path) -> None:
    """A test that commits gets a database of its own."""
    files = [migration(tmp_path, "20260101000000", "create table public.kept as select 1 as n;")]
    url = copy_database(build_database(admin_url, "market_original", files), "market_copy")

    with psycopg.connect(url) as connection:
        query = "select current_database()::text, current_user::text, n from public.kept"
        assert [("market_copy", "postgres", 1)] == connection.execute(query).fetchall()
