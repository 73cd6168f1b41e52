"""`sql/` says what the schema is, `supabase/migrations/` how it got there: they must agree."""

import difflib
import subprocess
import tomllib
from collections.abc import Iterable
from pathlib import Path

from devstack.postgres import find_binaries
from devstack.schema import ROOT, build_database, declared_files, migration_files


def built_schema(admin_url: str, name: str, files: Iterable[Path]) -> list[str]:
    url = build_database(admin_url, name, files)
    pg_dump = str(find_binaries().tool("pg_dump"))
    command = [pg_dump, "--schema-only", "--no-owner", f"--dbname={url}"]
    dump = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 -- a fixed command
    # Each dump carries a random token in its \restrict line.
    return [line for line in dump.splitlines() if "restrict " not in line]


def test_migrations_build_the_declared_schema(admin_url: str) -> None:
    """Applying every migration gives the same schema, down to comments and grants."""
    declared = built_schema(admin_url, "market_declared", declared_files())
    migrated = built_schema(admin_url, "market_migrated", migration_files())

    # Said as a difference, for the dumps are thousands of lines long.
    assert [] == list(difflib.unified_diff(migrated, declared, "migrations", "sql", lineterm=""))
    assert declared


def test_every_file_is_built_once() -> None:
    """A file that the build order forgets, or takes twice, is no part of what `sql/` says."""
    assert sorted((ROOT / "sql").rglob("*.sql")) == sorted(declared_files())


def test_build_order_names_only_what_is_there() -> None:
    """A pattern that matches no file is a name mistyped, or a file that is gone."""
    config = tomllib.loads((ROOT / "supabase/config.toml").read_text())
    patterns = config["db"]["migrations"]["schema_paths"]

    found = {pattern: list((ROOT / "supabase").glob(pattern)) for pattern in patterns}

    assert [] == [pattern for pattern, files in found.items() if not files]
