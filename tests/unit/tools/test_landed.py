"""`.ci/landed.py`: nobody edits or removes a migration that has landed, or puts one before it."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from devstack.paths import ROOT


FIRST = "20260101000000_listings_first.sql"
BETWEEN = "20260101120000_listings_between.sql"
SECOND = "20260102000000_listings_second.sql"
THIRD = "20260103000000_listings_third.sql"


class Project:
    """A project with two migrations, both recorded."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.record = root / "supabase/migrations.sha256"
        (root / ".ci").mkdir()
        shutil.copy(ROOT / ".ci/landed.py", root / ".ci")
        (root / "supabase/migrations").mkdir(parents=True)
        for name in (FIRST, SECOND):
            self.write(name)
        self.record.write_text(self.line(FIRST) + self.line(SECOND))

    def path(self, name: str) -> Path:
        """Return the place of a migration."""
        return self.root / "supabase/migrations" / name

    def write(self, name: str) -> None:
        """Write a migration."""
        self.path(name).write_text(f"select '{name}';\n")

    def line(self, name: str) -> str:
        """Return a line as sha256sum writes it."""
        return f"{hashlib.sha256(self.path(name).read_bytes()).hexdigest()}  migrations/{name}\n"

    def run(self, *arguments: str) -> list[str]:
        """Run the script; return the faults that it prints."""
        command = [sys.executable, str(self.root / ".ci/landed.py"), *arguments]
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)  # noqa: S603 -- our own script
        assert bool(done.stdout) == bool(done.returncode)
        return done.stdout.splitlines()

    def git(self, *arguments: str) -> str:
        """Run git in the project; return its output."""
        person = ("-c", "user.name=tests", "-c", "user.email=tests@example.test")
        command = ["git", "-C", str(self.root), *person, *arguments]
        return subprocess.check_output(command, text=True).strip()  # noqa: S603 -- git, with our own arguments

    def commit(self) -> str:
        """Commit all files, as if they had landed; return the commit."""
        self.git("init", "--quiet")
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "landed")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def edit(project: Project) -> None:
    with project.path(FIRST).open("a") as file:
        file.write("-- A remark.\n")


def remove(project: Project) -> None:
    project.path(FIRST).unlink()


def remove_the_last(project: Project) -> None:
    project.path(SECOND).unlink()


def rename(project: Project) -> None:
    project.path(SECOND).rename(project.path(THIRD))


def insert(project: Project) -> None:
    project.write(BETWEEN)


def insert_and_record(project: Project) -> None:
    project.write(BETWEEN)
    project.record.write_text(project.record.read_text() + project.line(BETWEEN))


def append(project: Project) -> None:
    project.write(THIRD)


def repeat_a_line(project: Project) -> None:
    project.record.write_text(project.record.read_text() + project.line(SECOND))


def spoil_a_line(project: Project) -> None:
    project.record.write_text(project.record.read_text().replace("  ", " *", 1))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (edit, f"{FIRST} was edited after it had landed: "),
        (remove, f"{FIRST} was removed after it had landed"),
        (remove_the_last, f"{SECOND} was removed after it had landed"),
        (rename, f"{SECOND} was removed after it had landed"),
        (insert, f"{BETWEEN} is older than the last one that landed: "),
        (insert_and_record, " is not in the order of the versions"),
        (append, f"{THIRD} has no line in supabase/migrations.sha256: "),
        (repeat_a_line, " has a version twice"),
        (spoil_a_line, " is no line of sha256sum"),
    ],
)
def test_each_change_of_what_landed_is_a_fault(
    project: Project, change: Callable[[Project], None], fault: str
) -> None:
    """Edit, removal, insertion and a missing line each end `make check`."""
    assert [] == project.run()

    change(project)

    assert fault in project.run()[0]


def test_new_migrations_are_recorded_at_the_end(project: Project) -> None:
    """`make landed` adds their lines, and leaves the other lines alone."""
    before = project.record.read_text()
    project.write(THIRD)

    assert [] == project.run("--add")

    assert before + project.line(THIRD) == project.record.read_text()
    assert [] == project.run()


@pytest.mark.parametrize("change", [edit, remove, insert])
def test_no_fault_is_recorded_away(project: Project, change: Callable[[Project], None]) -> None:
    """`make landed` records neither an edit nor an older migration."""
    before = project.record.read_text()
    change(project)

    assert 1 == len(project.run("--add"))

    assert before == project.record.read_text()


def edit_with_its_line(project: Project) -> None:
    line = project.line(FIRST)
    edit(project)
    project.record.write_text(project.record.read_text().replace(line, project.line(FIRST)))


def remove_with_its_line(project: Project) -> None:
    project.record.write_text(project.line(FIRST))
    project.path(SECOND).unlink()


def insert_with_its_line(project: Project) -> None:
    project.write(BETWEEN)
    names = (FIRST, BETWEEN, SECOND)
    project.record.write_text("".join(project.line(name) for name in names))


@pytest.mark.parametrize("change", [edit_with_its_line, remove_with_its_line, insert_with_its_line])
def test_record_of_what_landed_only_grows(
    project: Project, change: Callable[[Project], None]
) -> None:
    """CI compares with the commit before, so nobody can change a migration and its line."""
    landed = project.commit()
    change(project)

    assert [] == project.run()
    assert [landed in fault for fault in project.run("--since", landed)] == [True]


def test_record_may_grow_since_a_commit(project: Project) -> None:
    """A new migration with its line passes, and so does a first record."""
    landed = project.commit()
    project.write(THIRD)
    assert [] == project.run("--add")

    assert [] == project.run("--since", landed)
    assert [] == project.run("--since", "0" * 40)

    project.git("rm", "--quiet", "--cached", "supabase/migrations.sha256")
    project.git("commit", "--quiet", "--message", "no record yet")
    assert [] == project.run("--since", "HEAD")


def test_migrations_are_as_they_landed() -> None:
    """The repository's own migrations have the hashes that they landed with."""
    script = [sys.executable, str(ROOT / ".ci/landed.py")]

    assert "" == subprocess.check_output(script, text=True)  # noqa: S603 -- our own script
