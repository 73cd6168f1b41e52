"""Migrations that fail, and migrations that change after they were applied."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.paths import ROOT
from tests.devstack.supervisor.devstacks import Devstack, new_devstack


#: One process runs these tests, because they share the data.
SHARES_DATA = pytest.mark.xdist_group("applied migrations")
FIRST = "20260101000000_listings_first.sql"
SECOND = "20260102000000_listings_second.sql"


@pytest.fixture
def migrations(devstack: Devstack, tmp_path: Path) -> Path:
    """Run devstack in a copy of the project; return the copy's folder of migrations."""
    copy_project(devstack, tmp_path / "project")
    (folder_of(devstack) / SECOND).unlink()
    return folder_of(devstack)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devstack]:
    """Apply two migrations of a copied project, and end the stack."""
    with new_devstack() as devstack:
        copy_project(devstack, tmp_path_factory.mktemp("copy") / "project")
        restart(devstack)
        yield devstack


@pytest.fixture
def applied(shared: Devstack) -> Iterator[Devstack]:
    """Return the shared data; restore the migrations after the test."""
    yield shared
    write_migrations(shared)


def copy_project(devstack: Devstack, root: Path) -> None:
    devstack.copy_project(root, "devstack", "sql")
    folder_of(devstack).mkdir(parents=True)
    shutil.copy(ROOT / "supabase/config.toml", root / "supabase")
    write_migrations(devstack)


def folder_of(devstack: Devstack) -> Path:
    return devstack.root / "supabase/migrations"


def write_migrations(devstack: Devstack) -> None:
    """Write the two migrations, and delete all others."""
    for path in folder_of(devstack).iterdir():
        path.unlink()
    (folder_of(devstack) / FIRST).write_text("create table public.things (n int);\n")
    (folder_of(devstack) / SECOND).write_text("create table public.more ();")


def up(devstack: Devstack) -> subprocess.CompletedProcess[str]:
    """Run a start that must fail."""
    place = ("--data", str(devstack.data), "--port-base", str(devstack.base))
    return devstack.run("up", "--only", "postgres", *place)


def restart(devstack: Devstack) -> None:
    devstack.up_and_ready(is_bare=False).terminate()
    devstack.close()


@pytest.mark.parametrize("command", ["up", "demo", "migration"])
def test_broken_migration_is_one_sentence(
    devstack: Devstack, migrations: Path, command: str
) -> None:
    """Every command that builds a database names the file, the line and the reason."""
    (migrations / SECOND).write_text("creat table x ();")

    done = {
        "up": lambda: up(devstack),
        "demo": lambda: devstack.run_module("devstack.demo"),
        "migration": lambda: devstack.run_module("devstack.postgres.migration", "listings_change"),
    }[command]()

    last = (done.stdout + done.stderr).strip().splitlines()[-1]
    assert last.endswith(
        f'supabase/migrations/{SECOND}, line 1, does not apply: syntax error at or near "creat".'
    )
    assert 1 == done.returncode
    assert "Traceback" not in done.stdout + done.stderr
    assert [FIRST, SECOND] == sorted(path.name for path in migrations.iterdir())


def test_start_goes_on_after_the_migration_is_mended(devstack: Devstack, migrations: Path) -> None:
    """A failed migration changes nothing, so the next start needs no reset."""
    (migrations / SECOND).write_text("create table public.more (); select 1 / 0;")
    assert 1 == up(devstack).returncode

    (migrations / SECOND).write_text("create table public.more ();")

    restart(devstack)


@SHARES_DATA
def test_edited_migration_is_named(applied: Devstack) -> None:
    """An edited migration refuses the start, and its earlier text allows it again."""
    with (folder_of(applied) / FIRST).open("a") as file:
        file.write("alter table public.things add m int;\n")

    done = up(applied)

    last = done.stderr.splitlines()[-1]
    assert f"supabase/migrations/{FIRST} was edited after it was applied to {applied.data}" in last
    assert f"-m devstack reset --data {applied.data}` deletes the database" in last
    assert 1 == done.returncode
    write_migrations(applied)
    restart(applied)


@SHARES_DATA
def test_deleted_migration_is_named(applied: Devstack) -> None:
    """The error names a deleted migration by its file, which another branch may have."""
    (folder_of(applied) / SECOND).unlink()

    done = up(applied)

    last = done.stderr.splitlines()[-1]
    assert f"supabase/migrations/{SECOND} was deleted after it was applied" in last
    assert f"-m devstack reset --data {applied.data}` deletes the database" in last
    assert 1 == done.returncode


@SHARES_DATA
def test_each_changed_migration_is_named(applied: Devstack) -> None:
    """One start names every changed migration and applies none."""
    folder = folder_of(applied)
    (folder / FIRST).write_text("select 1;")
    (folder / SECOND).unlink()
    (folder / "20260103000000_listings_third.sql").write_text("create table public.third ();")

    last = up(applied).stderr.splitlines()[-1]

    assert f"{FIRST} was edited" in last
    assert f"{SECOND} was deleted" in last


@SHARES_DATA
def test_bare_stack_looks_at_no_migration(applied: Devstack) -> None:
    """`--bare` ignores the migrations, whatever the data have."""
    (folder_of(applied) / FIRST).unlink()

    applied.up_and_ready()
    applied.close()


def test_file_without_a_version_is_named(devstack: Devstack, migrations: Path) -> None:
    """Devstack refuses a file without a version, because the CLI would skip it."""
    (migrations / "listings_later.sql").write_text("select 1;")

    done = up(devstack)

    assert "supabase/migrations/listings_later.sql needs a name like" in done.stderr
    assert 1 == done.returncode
