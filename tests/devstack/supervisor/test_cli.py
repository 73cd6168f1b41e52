"""The official Supabase CLI works on a database with Supabase's baseline alone."""

import re
import shutil
from pathlib import Path

import psycopg
import pytest

from devstack.paths import ROOT
from devstack.postgres.schema import (
    build_database,
    changed_migrations,
    declared_files,
    migration_files,
)
from tests.support.dumps import difference, dumped_schema
from tests.support.supabase_cli import address_of, run_cli


class Cli:
    """Runs the CLI in a copy of the project, with a home folder of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        self._address = address_of(url)
        self._project = folder / "project"
        self._home = folder / "home"
        self._home.mkdir()
        shutil.copytree(ROOT / "supabase", self._project / "supabase")
        self.migrations = self._project / "supabase/migrations"

    def run(self, *arguments: str) -> str:
        """Run a command that must succeed; return its output."""
        output = run_cli(self._address, self._home, *arguments, project=self._project)
        return output.result + output.notices


@pytest.fixture
def database_url(admin_url: str) -> str:
    """Return the URL of role postgres."""
    return build_database(admin_url, "cli_tests", [])


@pytest.fixture
def declared(admin_url: str) -> list[str]:
    """Dump a database that `sql/` built."""
    return dumped_schema(build_database(admin_url, "cli_declared", declared_files()))


def listed(cli: Cli) -> list[tuple[str, str]]:
    """Return the versions in `migration list`: of the files, and of the database."""
    return re.findall(r"(\d{14})\W+(\d{14})", cli.run("migration", "list"))


def test_cli_pushes_every_migration_once(
    database_url: str, declared: list[str], tmp_path: Path
) -> None:
    """`supabase db push` builds the last release, then the state of `sql/`; a repeat does nothing.

    An empty project gets the migrations of the last release first. The second push applies the
    later ones, and only those.
    """
    cli = Cli(tmp_path, database_url)
    versions = [path.name.split("_")[0] for path in migration_files()]
    released = (ROOT / "deploy/released-migration").read_text().strip()
    later = [path for path in migration_files() if path.name.split("_")[0] > released]
    for path in later:
        (cli.migrations / path.name).unlink()

    first = cli.run("db", "push")
    assert len(versions) - len(later) == first.count("Applying migration ")
    assert (released, released) == listed(cli)[-1]
    for path in later:
        shutil.copy(path, cli.migrations)
    second = cli.run("db", "push")
    third = cli.run("db", "push")

    assert len(later) == second.count("Applying migration ")
    assert "Remote database is up to date." in third
    assert [(version, version) for version in versions] == listed(cli)
    assert [] == changed_migrations(database_url, migration_files())
    assert [] == difference(dumped_schema(database_url), declared)
    with psycopg.connect(database_url) as connection:
        query = "select count(*) > 0 from pg_policies where schemaname = 'realtime'"
        assert [(True,)] == connection.execute(query).fetchall()
