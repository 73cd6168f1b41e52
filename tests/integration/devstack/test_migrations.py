"""Migrations that fail, and migrations that were changed after they were applied."""

import shutil
import subprocess
from pathlib import Path

import pytest

from devstack.schema import ROOT
from tests.integration.devstack.devstacks import Devstack


FIRST = "20260101000000_listings_first.sql"
SECOND = "20260102000000_listings_second.sql"


@pytest.fixture
def migrations(devstack: Devstack, tmp_path: Path) -> Path:
    """Let the devstack of a copy of the project run; return the copy's folder of migrations."""
    devstack.root = tmp_path / "project"
    for folder in ("devstack", "sql"):
        shutil.copytree(ROOT / folder, devstack.root / folder)
    found = devstack.root / "supabase/migrations"
    found.mkdir(parents=True)
    shutil.copy(ROOT / "supabase/config.toml", found.parent)
    (found / FIRST).write_text("create table public.things (n int);\n")
    return found


def up(devstack: Devstack) -> subprocess.CompletedProcess[str]:
    """Run a start that has to fail."""
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
        "migration": lambda: devstack.run_module("devstack.migration", "listings_change"),
    }[command]()

    last = (done.stdout + done.stderr).strip().splitlines()[-1]
    assert last.endswith(
        f'supabase/migrations/{SECOND}, line 1, does not apply: syntax error at or near "creat".'
    )
    assert 1 == done.returncode
    assert "Traceback" not in done.stdout + done.stderr
    assert [FIRST, SECOND] == sorted(path.name for path in migrations.iterdir())


def test_start_goes_on_after_the_migration_is_mended(devstack: Devstack, migrations: Path) -> None:
    """A migration that failed left nothing behind, so nobody has to reset."""
    (migrations / SECOND).write_text("create table public.more (); select 1 / 0;")
    assert 1 == up(devstack).returncode

    (migrations / SECOND).write_text("create table public.more ();")

    restart(devstack)


def test_edited_migration_is_named(devstack: Devstack, migrations: Path) -> None:
    """The data lack the edit, so the start is refused; the old text lets it start again."""
    restart(devstack)
    text = (migrations / FIRST).read_text()
    (migrations / FIRST).write_text(f"{text}alter table public.things add m int;\n")

    done = up(devstack)

    last = done.stderr.splitlines()[-1]
    assert f"supabase/migrations/{FIRST} was edited after it was applied to {devstack.data}" in last
    assert f"-m devstack reset --data {devstack.data}` throws the database away" in last
    assert 1 == done.returncode
    (migrations / FIRST).write_text(text)
    restart(devstack)


def test_deleted_migration_is_named(devstack: Devstack, migrations: Path) -> None:
    """A migration that another branch has is named by the name that its file had."""
    (migrations / SECOND).write_text("create table public.more ();")
    restart(devstack)
    (migrations / SECOND).unlink()

    done = up(devstack)

    last = done.stderr.splitlines()[-1]
    assert f"supabase/migrations/{SECOND} was deleted after it was applied" in last
    assert f"-m devstack reset --data {devstack.data}` throws the database away" in last
    assert 1 == done.returncode


def test_each_changed_migration_is_named(devstack: Devstack, migrations: Path) -> None:
    """One start names all of them, and adds nothing to the data."""
    (migrations / SECOND).write_text("create table public.more ();")
    restart(devstack)
    (migrations / FIRST).write_text("select 1;")
    (migrations / SECOND).unlink()
    (migrations / "20260103000000_listings_third.sql").write_text("create table public.third ();")

    last = up(devstack).stderr.splitlines()[-1]

    assert f"{FIRST} was edited" in last
    assert f"{SECOND} was deleted" in last


def test_bare_stack_looks_at_no_migration(devstack: Devstack, migrations: Path) -> None:
    """`--bare` has nothing to do with migrations, whatever the data have."""
    restart(devstack)
    (migrations / FIRST).unlink()

    devstack.up_and_ready()


def test_file_without_a_version_is_named(devstack: Devstack, migrations: Path) -> None:
    """The CLI skips such a file, so hosted Supabase would never get it."""
    (migrations / "listings_later.sql").write_text("select 1;")

    done = up(devstack)

    assert "supabase/migrations/listings_later.sql needs a name like" in done.stderr
    assert 1 == done.returncode
