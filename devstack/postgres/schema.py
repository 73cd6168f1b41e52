"""Build a database from `sql/`, the current schema, or from the migrations."""

import contextlib
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg
from psycopg import Connection, conninfo, sql

from devstack.errors import DevstackError
from devstack.paths import ROOT


MIGRATIONS = ROOT / "supabase/migrations"
#: The files of the baseline, in build order.
BASELINE = [
    Path(__file__).parent / "baseline" / f"{part}.sql"
    for part in ("server", "auth", "storage", "realtime", "postgrest", "ownership")
]

#: The key of the one lock on builds. The databases of a cluster share its roles and memberships.
BUILD_LOCK = 7_236_401


def declared_files() -> list[Path]:
    """Return the files of `sql/` in the build order that `supabase/config.toml` gives."""
    config = tomllib.loads((ROOT / "supabase/config.toml").read_text())
    patterns = config["db"]["migrations"]["schema_paths"]
    return [path for pattern in patterns for path in sorted(ROOT.glob(pattern.removeprefix("../")))]


def read_baseline() -> bytes:
    """Return the baseline of hosted Supabase, as SQL for one transaction of its superuser."""
    return b"\n".join(path.read_bytes() for path in BASELINE)


def migration_files() -> list[Path]:
    """Return the migrations, oldest first.

    Raises: DevstackError for a name without a version, because the CLI skips such a file.
    """
    files = sorted(MIGRATIONS.glob("*.sql"))
    for path in files:
        if _version(path) is None:
            raise DevstackError(
                f"{_display_path(path)} needs a name like 20260131235959_{path.name}."
            )
    return files


def build_database(admin_url: str, name: str, files: Iterable[Path]) -> str:
    """Drop and create database `name`, with Supabase's baseline and `files`; return its URL.

    The superuser of `admin_url` applies the baseline only. `postgres`, whose URL is returned, owns
    the database and applies the files. It has no more rights here than on hosted Supabase, so a
    missing grant fails here too.
    """
    database = sql.Identifier(name)
    with _build_lock(admin_url) as server:
        server.execute(sql.SQL("drop database if exists {} with (force)").format(database))
        server.execute(sql.SQL("create database {}").format(database))
        return _build(conninfo.make_conninfo(admin_url, dbname=name), files)


def extend_database(admin_url: str, files: Iterable[Path]) -> tuple[str, bool]:
    """Bring the database of `admin_url` itself up to date; return its URL and whether it is new.

    It leaves out the migrations that are recorded as applied.
    """
    with _build_lock(admin_url):
        applied = _applied_versions(admin_url)
        pending = [path for path in files if _version(path) not in (applied or ())]
        is_new = applied is None
        return _build(admin_url, pending, is_new=is_new), is_new


def changed_migrations(admin_url: str, files: Iterable[Path]) -> list[str]:
    """Return a phrase for each applied migration whose file was edited or deleted since.

    A record without statements, which `supabase migration repair` may write, is not compared.
    """
    by_version = {_version(path): path for path in files}
    changes = []
    for version, (name, statements) in sorted((_applied_versions(admin_url) or {}).items()):
        path = by_version.get(version)
        if path is None:
            changes.append(f"{_display_path(MIGRATIONS / f'{version}_{name}.sql')} was deleted")
        elif statements and _parts(statements) != _parts([path.read_text(errors="replace")]):
            changes.append(f"{_display_path(path)} was edited")
    return changes


@contextlib.contextmanager
def _build_lock(admin_url: str) -> Iterator[Connection]:
    """Wait for the lock on builds of the cluster, and hold it on a connection of the superuser.

    An advisory lock holds within one database, so all builds take it in the same one.
    """
    with psycopg.connect(admin_url, dbname="postgres", autocommit=True) as server:
        server.execute("select pg_advisory_lock(%s)", [BUILD_LOCK])
        yield server


def _applied_versions(admin_url: str) -> dict[str, tuple[str, list[str]]] | None:
    """Return name and statements of each applied migration; None if there is no baseline."""
    with psycopg.connect(admin_url) as admin:
        [(is_new,)] = admin.execute("select to_regnamespace('auth') is null").fetchall()
        if is_new:
            return None
        query = """
          select version, coalesce(name, ''), coalesce(statements, '{}')
          from supabase_migrations.schema_migrations
        """
        return {version: (name, statements) for version, name, statements in admin.execute(query)}


def _build(admin_url: str, files: Iterable[Path], *, is_new: bool = True) -> str:
    if is_new:
        with psycopg.connect(admin_url) as admin:
            admin.execute(read_baseline())
    url = conninfo.make_conninfo(admin_url, user="postgres")
    apply_files(url, files)
    return url


def apply_files(url: str, files: Iterable[Path]) -> None:
    """Apply each file in a transaction of its own, on one connection, as the CLI does.

    A migration is recorded in the transaction that applies it.

    Raises: DevstackError that names the first file that fails, and the line if Postgres knows it.
    """
    with psycopg.connect(url) as connection:
        for path in files:
            try:
                connection.execute(path.read_bytes())
                _record(connection, path)
                connection.commit()
            except psycopg.Error as error:
                raise DevstackError(_failure(path, error)) from error


def _failure(path: Path, error: psycopg.Error) -> str:
    """Say in one sentence why a file does not apply."""
    position, line = error.diag.statement_position, ""
    if position:
        before = path.read_text(errors="replace")[: int(position)]
        line = f", line {before.count(chr(10)) + 1},"
    reason = error.diag.message_primary or str(error)
    if error.diag.message_detail:
        reason += f" ({error.diag.message_detail})"
    return f"{_display_path(path)}{line} does not apply: {' '.join(reason.split()).rstrip('.')}."


def _record(connection: Connection, path: Path) -> None:
    version = _version(path)
    if version is None:
        return
    query = """
      insert into supabase_migrations.schema_migrations (version, name, statements)
      values (%s, %s, array[%s])
    """
    connection.execute(query, [version, path.stem.removeprefix(f"{version}_"), path.read_text()])


def _version(path: Path) -> str | None:
    """Return the version of a migration; other files have none, and are not recorded."""
    match = re.match(r"(\d{14})_", path.name)
    return match.group(1) if match else None


def _parts(statements: Iterable[str]) -> list[str]:
    """Return the texts between semicolons, which are equal for a file and the CLI's record of it.

    The CLI records a file as trimmed statements without their semicolons. We record it as it is.
    """
    parts = (part.strip() for part in ";".join(statements).split(";"))
    return [part for part in parts if part]


def _display_path(path: Path) -> str:
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
