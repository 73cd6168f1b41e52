"""Migrations are applied in order, once, and each in a transaction."""

import concurrent.futures
import re
from pathlib import Path

import psycopg
import pytest

from devstack.errors import DevstackError
from devstack.paths import ROOT
from devstack.postgres.schema import (
    build_database,
    changed_migrations,
    extend_database,
    migration_files,
)
from tests.support.database_copies import copy_database


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


def test_migrations_are_recorded_as_the_cli_does(migrated_url: str) -> None:
    """`supabase migration list` and `db push` find every file that was applied, by its version."""
    expected = [
        (path.name.split("_")[0], path.stem.partition("_")[2], [path.read_text()])
        for path in migration_files()
    ]
    assert expected == recorded(migrated_url)


def test_migrations_build_again_in_the_same_cluster(admin_url: str, migrated_url: str) -> None:
    """Case 1: the chain applies twice. Roles outlive a database, so their changes must repeat."""
    url = build_database(admin_url, "market_second_build", migration_files())

    assert recorded(migrated_url) == recorded(url)
    assert len(migration_files()) == len(recorded(url))


#: PL/pgSQL between these quotes runs at once; a function's body has other tags.
_BLOCK = re.compile(r"^do\s+(\$\w*\$)(.*?)\1", re.MULTILINE | re.DOTALL | re.IGNORECASE)


def test_chain_is_one_and_hides_no_error() -> None:
    """One folder holds all migrations; none catches its own error or builds concurrently (A6)."""
    folder = ROOT / "supabase/migrations"
    texts = {path.name: path.read_text() for path in migration_files()}

    assert sorted(texts) == sorted(path.name for path in folder.iterdir())
    assert [folder] == [path for path in ROOT.glob("*/migrations") if path.is_dir()]
    assert [] == [
        name
        for name, text in texts.items()
        if re.search(r"^[^-\n]*\bconcurrently\b", text, re.MULTILINE | re.IGNORECASE)
    ]
    assert [] == [
        name
        for name, text in texts.items()
        for _quote, body in _BLOCK.findall(text)
        if re.search(r"\bexception\s+when\b", body, re.IGNORECASE)
    ]


def test_failing_migration_leaves_nothing(admin_url: str, tmp_path: Path) -> None:
    """Earlier migrations stay, the failing one is undone, and the error names its file."""
    good = migration(tmp_path, "20260101000000", "create table public.kept ();")
    bad = migration(tmp_path, "20260102000000", "create table public.lost (); select 1 / 0;")

    with pytest.raises(DevstackError, match=bad.name) as caught:
        build_database(admin_url, "market_failing", [good, bad])

    assert isinstance(caught.value.__cause__, psycopg.errors.DivisionByZero)
    url = psycopg.conninfo.make_conninfo(admin_url, dbname="market_failing")
    assert ["20260101000000"] == [version for version, _, _ in recorded(url)]
    with psycopg.connect(url) as connection:
        query = "select to_regclass('public.kept') is null, to_regclass('public.lost') is null"
        assert [(False, True)] == connection.execute(query).fetchall()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "\nselect 1;\ncreat table x ();",
            ', line 3, does not apply: syntax error at or near "creat".',
        ),
        (
            "select 1;\nselect nothing;",
            ', line 2, does not apply: column "nothing" does not exist.',
        ),
        (
            "select 'ä';\nselect nothing;",
            ', line 2, does not apply: column "nothing" does not exist.',
        ),
        ("select n / 0 from generate_series(1, 2) n;", " does not apply: division by zero."),
        (
            "do $$ begin raise 'no\nway.' using detail = 'why\nnot'; end $$;",
            " does not apply: no way. (why not).",
        ),
    ],
)
def test_failure_is_one_sentence(admin_url: str, tmp_path: Path, text: str, sentence: str) -> None:
    """The error names the file, the line where Postgres knows it, and the reason."""
    bad = migration(tmp_path, "20260101000000", text)

    with pytest.raises(DevstackError) as caught:
        build_database(admin_url, "market_broken", [bad])

    assert f"{bad}{sentence}" == str(caught.value)


def test_file_that_is_no_text_is_named(admin_url: str, tmp_path: Path) -> None:
    bad = migration(tmp_path, "20260101000000", "")
    bad.write_bytes(b"select '\xff';")

    with pytest.raises(DevstackError, match=f"{bad} does not apply: invalid byte sequence"):
        build_database(admin_url, "market_broken", [bad])


@pytest.mark.parametrize("edited", [b"select ' ';\n", b"select '  '; select 2;", b"", b"\xff"])
def test_edit_is_noticed(admin_url: str, tmp_path: Path, edited: bytes) -> None:
    """Blanks in a literal and a non-text file count as an edit; a last line break does not."""
    path = migration(tmp_path, "20260101000000", "select '  ';")
    url = build_database(admin_url, "market_edited", [path])

    path.write_bytes(b"select '  ';\n")
    assert [] == changed_migrations(url, [path])
    path.write_bytes(edited)
    assert [f"{path} was edited"] == changed_migrations(url, [path])


def test_record_without_statements_is_not_compared(admin_url: str, tmp_path: Path) -> None:
    """`supabase migration repair` may record a version that says nothing about its text."""
    path = migration(tmp_path, "20260101000000", "select 1;")
    url = build_database(admin_url, "market_repaired", [path])
    with psycopg.connect(url) as connection:
        connection.execute("update supabase_migrations.schema_migrations set statements = null")

    assert [] == changed_migrations(url, [path])


def test_only_what_is_missing_is_applied(admin_url: str, tmp_path: Path) -> None:
    """A kept database gets only the missing migrations, and its rows stay."""
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
    """The copy of a database has its rows."""
    files = [migration(tmp_path, "20260101000000", "create table public.kept as select 1 as n;")]
    url = copy_database(build_database(admin_url, "market_original", files), "market_copy")

    with psycopg.connect(url) as connection:
        query = "select current_database()::text, current_user::text, n from public.kept"
        assert [("market_copy", "postgres", 1)] == connection.execute(query).fetchall()
