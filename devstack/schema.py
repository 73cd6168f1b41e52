"""Builds a database from `sql/`, which says what the schema is, or from the migrations."""

import contextlib
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg
from psycopg import Connection, conninfo, sql


ROOT = Path(__file__).parents[1]
MIGRATIONS = ROOT / "supabase/migrations"
#: In the order in which they are built.
BASELINE = [
    ROOT / "devstack/baseline" / f"{part}.sql"
    for part in ("server", "auth", "storage", "realtime", "postgrest", "ownership")
]

#: The key of the cluster's one lock: roles and memberships are shared by all its databases.
BUILD_LOCK = 7_236_401


def declared_files() -> list[Path]:
    """Return the files of `sql/` in the build order that `supabase/config.toml` gives."""
    config = tomllib.loads((ROOT / "supabase/config.toml").read_text())
    patterns = config["db"]["migrations"]["schema_paths"]
    return [path for pattern in patterns for path in sorted(ROOT.glob(pattern.removeprefix("../")))]


def read_baseline() -> bytes:
    """Return what hosted Supabase ships, as SQL for one transaction of its superuser."""
    return b"\n".join(path.read_bytes() for path in BASELINE)


def migration_files() -> list[Path]:
    """Return the migrations, oldest first."""
    return sorted(MIGRATIONS.glob("*.sql"))


def build_database(admin_url: str, name: str, files: Iterable[Path]) -> str:
    """Create database `name` afresh, with Supabase's baseline and `files`; return its URL.

    The superuser of `admin_url` builds what Supabase ships, and no more. The files are applied as
    `postgres`, which owns the database, and whose URL is returned: it has no more rights here than
    on hosted Supabase, so what lacks a grant fails here too.
    """
    database = sql.Identifier(name)
    with _turn(admin_url) as server:
        server.execute(sql.SQL("drop database if exists {} with (force)").format(database))
        server.execute(sql.SQL("create database {}").format(database))
        return _build(conninfo.make_conninfo(admin_url, dbname=name), files)


def extend_database(admin_url: str, files: Iterable[Path]) -> tuple[str, bool]:
    """Bring the database of `admin_url` itself up to date; return its URL and whether it is new.

    What is recorded as applied is left out, so that a second start applies what was added since.
    """
    with _turn(admin_url):
        applied = _applied_versions(admin_url)
        pending = [path for path in files if _version(path) not in (applied or ())]
        is_new = applied is None
        return _build(admin_url, pending, is_new=is_new), is_new


def copy_database(url: str, name: str) -> str:
    """Copy the database of `url` as `name`, afresh; return its URL. Nobody may be connected to it.

    A test that needs two connections gets one: what both are to see, it has to commit.
    """
    original = str(conninfo.conninfo_to_dict(url)["dbname"])
    names = {"copy": sql.Identifier(name), "original": sql.Identifier(original)}
    with psycopg.connect(url, dbname="postgres", autocommit=True) as server:
        server.execute(sql.SQL("drop database if exists {copy} with (force)").format(**names))
        # Copying files is the fast way for a small original, and takes a checkpoint.
        server.execute(
            sql.SQL("create database {copy} template {original} strategy file_copy").format(**names)
        )
    return conninfo.make_conninfo(url, dbname=name)


@contextlib.contextmanager
def _turn(admin_url: str) -> Iterator[Connection]:
    """Connect as superuser when no other build is under way in the cluster.

    An advisory lock holds within one database, so all builds take it in the same one.
    """
    with psycopg.connect(admin_url, dbname="postgres", autocommit=True) as server:
        server.execute("select pg_advisory_lock(%s)", [BUILD_LOCK])
        yield server


def _applied_versions(admin_url: str) -> set[str] | None:
    """Return which migrations a database has, or nothing where it has no baseline either."""
    with psycopg.connect(admin_url) as admin:
        [(is_new,)] = admin.execute("select to_regnamespace('auth') is null").fetchall()
        if is_new:
            return None
        query = "select version from supabase_migrations.schema_migrations"
        return {version for (version,) in admin.execute(query)}


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
    """
    with psycopg.connect(url) as connection:
        for path in files:
            try:
                connection.execute(path.read_bytes())
                _record(connection, path)
                connection.commit()
            except psycopg.Error as error:
                error.add_note(f"in {path.name}")
                raise


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
