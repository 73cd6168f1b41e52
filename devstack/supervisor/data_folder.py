"""The data folder: the files of a stack, and the lock that one stack at a time holds."""

import contextlib
import fcntl
import hashlib
import json
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from devstack.errors import DevstackError
from devstack.paths import ROOT
from devstack.postgres.binaries import shared_folder
from devstack.postgres.cluster import stop_stale
from devstack.postgres.os_user import can_reach, server_user


_EPHEMERAL = "devstack-"


class DataFolder:
    """The paths inside a data folder. Only its owner can read a file with secrets."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.postgres = path / "postgres"
        self.keys = path / "keys.json"
        self.secrets = path / "secrets.json"
        self.baseline = path / "postgres/baseline.sha256"
        self.gateway = path / "gateway.json"
        self.stripe = path / "stripe.json"
        self.saleroom = path / "saleroom.json"
        self.stripe_state = path / "stripe.sqlite"
        #: The objects in Storage's buckets.
        self.files = path / "files"
        self.logs = path / "logs"
        #: The parts' temporary files. A killed part leaves them here; the next start removes them.
        self.temporary = path / "tmp"
        #: The process that runs here, and its environment. A killed stack leaves the file behind.
        self.running = path / "running.json"
        self._lock = path / "lock"

    @contextlib.contextmanager
    def held(self) -> Iterator[bool]:
        """Lock the folder unless another process holds it; yield true if this process holds it.

        The kernel releases the lock when the process ends.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def wait_for_release(self) -> None:
        """Wait until no process holds the folder."""
        with self._lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)

    def runner(self) -> dict[str, Any]:
        """Return the record of the stack that runs here, or ran last."""
        try:
            found: dict[str, Any] = json.loads(self.running.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return found

    def log(self, part: str) -> Path:
        """Return the log of a part; Postgres has its own with its data."""
        return self.postgres / "postgres.log" if part == "postgres" else self.logs / f"{part}.log"

    def prepare_temporary(self) -> None:
        """Make the folder for temporary files, empty."""
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir()

    def prepare_logs(self) -> None:
        """Rename the logs of the last run, so that new ones begin."""
        self.logs.mkdir(exist_ok=True)
        for log in (*self.logs.glob("*.log"), self.log("postgres")):
            if log.exists():
                log.replace(log.with_name(f"{log.name}.1"))

    def clear(self) -> None:
        """Delete database, files and Stripe state with its secrets; the API keys stay."""
        for tree in (self.postgres, self.files):
            shutil.rmtree(tree, ignore_errors=True)
        for path in (self.secrets, *self.path.glob(f"{self.stripe_state.name}*")):
            path.unlink(missing_ok=True)


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read; a reader sees the old or the new text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def default_data() -> Path:
    """Return the default data folder: in the repository, if Postgres can enter it."""
    wanted, user = ROOT / ".devstack/data", server_user()
    wanted.parent.mkdir(exist_ok=True)
    if user is None or can_reach(user, wanted.parent):
        return wanted
    return shared_folder() / f"data-{hashlib.sha256(os.fsencode(ROOT)).hexdigest()[:12]}"


@contextlib.contextmanager
def ephemeral_data() -> Iterator[Path]:
    """Make a folder that is deleted when the block ends."""
    _remove_abandoned_folders()
    path = Path(tempfile.mkdtemp(prefix=_EPHEMERAL))
    # Postgres's user must be able to enter its own folder in here, which other users cannot enter.
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _remove_abandoned_folders() -> None:
    """Remove the folders that killed stacks left behind.

    A stack writes `running.json` while it holds its folder. A folder that has this file and that
    no process holds is therefore abandoned.
    """
    for path in Path(tempfile.gettempdir()).glob(f"{_EPHEMERAL}*"):
        # Another stack may end at this time and remove its own folder.
        with contextlib.suppress(FileNotFoundError):
            _remove_abandoned(path)


def _remove_abandoned(path: Path) -> None:
    """Remove an ephemeral folder unless another user owns it or a stack holds it."""
    folder = DataFolder(path)
    if path.stat().st_uid == os.geteuid() and folder.running.exists():
        with folder.held() as is_ours:
            if is_ours:
                stop_stale(folder.postgres)
                shutil.rmtree(path, ignore_errors=True)


def display_path(path: Path) -> str:
    """Return a path as a person would type it."""
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def display_command(command: str, folder: DataFolder) -> str:
    """Return the devstack command for a folder as a person would type it here."""
    words = [display_path(Path(sys.executable)), "-m", "devstack", command]
    if folder.path != default_data():
        words += ["--data", shlex.quote(display_path(folder.path))]
    return f"`{' '.join(words)}`"


def in_use_error(folder: DataFolder) -> DevstackError:
    """Return the error for a folder that another stack holds."""
    pid = folder.runner().get("pid")
    who = f"process {pid}" if pid else "another process"
    return DevstackError(
        f"A stack already runs on {display_path(folder.path)} ({who}): "
        f"{display_command('stop', folder)} ends it, --data DIR or --ephemeral starts another."
    )
