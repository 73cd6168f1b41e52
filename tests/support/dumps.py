"""Dumps of a schema, by which two builds of the database are compared."""

import difflib
import subprocess

from devstack.postgres.binaries import find_binaries


def dumped_schema(url: str) -> list[str]:
    """Return the schema of a database as lines of SQL, down to comments and grants."""
    pg_dump = str(find_binaries().tool("pg_dump"))
    command = [pg_dump, "--schema-only", "--no-owner", f"--dbname={url}"]
    dump = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 -- a fixed command
    # Each dump carries a random token in its \restrict line.
    return [line for line in dump.splitlines() if "restrict " not in line]


def difference(migrated: list[str], declared: list[str]) -> list[str]:
    """Return the lines that differ, because a dump has thousands."""
    return list(difflib.unified_diff(migrated, declared, "migrations", "sql", lineterm=""))
