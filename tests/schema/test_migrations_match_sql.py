"""`sql/` says what the schema is, `supabase/migrations/` how it got there: they must agree."""

import difflib
import subprocess
from collections.abc import Iterable
from pathlib import Path

from devstack.postgres import find_binaries
from devstack.schema import build_database, declared_files, migration_files


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
