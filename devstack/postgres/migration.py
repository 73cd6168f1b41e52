"""`make migration`: a new migration, and the difference between `sql/` and the migrations."""

import argparse
import datetime as dt
import difflib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from devstack.errors import DevstackError
from devstack.paths import ROOT
from devstack.postgres.cluster import Cluster
from devstack.postgres.schema import MIGRATIONS, build_database, declared_files, migration_files
from devstack.supervisor.ports import free_port


HEADER = "set lock_timeout = '2s';\nset statement_timeout = '30s';\n"


def main() -> None:
    """Write an empty migration and print the changes that it must make; exit 1 on a bad name."""
    parser = argparse.ArgumentParser(
        prog="python -m devstack.postgres.migration", description=__doc__
    )
    parser.add_argument("name", help="<domain>_<change>, for example bidding_raise_own_maximum")
    name = parser.parse_args().name
    domains = sorted(path.name for path in (ROOT / "sql").iterdir() if path.is_dir())
    if not re.fullmatch(rf"({'|'.join(domains)})_[a-z0-9_]+", name):
        sys.exit(f"{name!r} is not <domain>_<change>; the domains are {', '.join(domains)}.")
    try:
        difference = missing_from_migrations()
    except (DevstackError, OSError) as error:
        sys.exit(str(error))

    version = dt.datetime.now(dt.UTC).strftime("%Y%m%d%H%M%S")
    path = MIGRATIONS / f"{version}_{name}.sql"
    path.write_text(HEADER)
    print("\n".join(difference) or "sql/ and the migrations build the same schema.")  # noqa: T201 -- the result
    hint = f"wrote {path.relative_to(ROOT)}; when it is whole, `make landed` records it"
    print(hint, file=sys.stderr)  # noqa: T201 -- the result


def missing_from_migrations() -> list[str]:
    """Return the lines by which the schema of `sql/` differs from that of the migrations."""
    with tempfile.TemporaryDirectory(prefix="aussie-market-") as folder:
        Path(folder).chmod(0o755)
        with Cluster.start(Path(folder) / "data", free_port(), durable=False) as cluster:
            migrated = schema_lines(cluster, "migrated", migration_files())
            declared = schema_lines(cluster, "declared", declared_files())
    return list(difflib.unified_diff(migrated, declared, "migrations", "sql", lineterm="", n=3))


def schema_lines(cluster: Cluster, name: str, files: Iterable[Path]) -> list[str]:
    """Build a database of `files`, and return its schema as pg_dump writes it."""
    url = build_database(cluster.admin_url, name, files)
    pg_dump = str(cluster.binaries.tool("pg_dump"))
    command = [pg_dump, "--schema-only", "--no-owner", f"--dbname={url}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 -- our own tool
    # Each dump has a random token in its \restrict lines.
    return [line for line in done.stdout.splitlines() if "restrict " not in line]


if __name__ == "__main__":
    main()
