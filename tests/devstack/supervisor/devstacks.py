"""A stack under test: its start, its end, and the processes that it leaves."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from devstack.paths import ROOT
from devstack.supervisor.options import PARTS
from devstack.supervisor.ports import free_base
from devstack.supervisor.processes import end, start, wait_until


#: The longest wait on a machine that is busy with other tests.
TIMEOUT_S = 150


class Devstack:
    """Runs `python -m devstack` on one data folder, and finds the processes that it leaves."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.env_file = folder / "env"
        self.base = free_base(len(PARTS))
        self.environment = dict(os.environ)
        #: The project that devstack runs.
        self.root = ROOT
        self._folder = folder
        self._started: list[subprocess.Popen[bytes]] = []

    def copy_project(self, root: Path, *folders: str) -> None:
        """Run a copy of these folders of the project.

        Caches and packages stay out, because other processes write them at this time.
        """
        ignored = shutil.ignore_patterns("__pycache__", "node_modules")
        for folder in folders:
            shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
        self.root = root

    def up(
        self,
        *options: str,
        only: str = "postgres",
        is_bare: bool = True,
        stdout: int = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        """Start a stack in the background, by default without the migrations, which take time."""
        ports = () if "--port-base" in options else ("--port-base", str(self.base))
        data = () if "--ephemeral" in options else ("--data", str(self.data))
        schema = ("--bare",) if is_bare else ()
        command = [
            *(sys.executable, "-m", "devstack", "up", "--only", only),
            *("--env-file", str(self.env_file), *ports, *data, *schema, *options),
        ]
        process = start(
            command,
            self._folder / f"stderr.{len(self._started)}",
            death_signal=signal.SIGTERM,
            options={
                "cwd": self.root,
                "env": self.environment | {"DEVSTACK_TEST": self._folder.name},
                "stdout": stdout,
            },
        )
        self._started.append(process)
        return process

    def up_and_ready(
        self, *options: str, only: str = "postgres", is_bare: bool = True
    ) -> subprocess.Popen[bytes]:
        """Start a stack and wait for its ready line."""
        process = self.up(*options, only=only, is_bare=is_bare)
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b'{"ready": true'), self.errors_of(process)
        return process

    def run(self, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run a devstack command to its end."""
        return self.run_module("devstack", command, *options)

    def run_module(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a module of the project to its end."""
        return subprocess.run(  # noqa: S603 -- our own program
            [sys.executable, "-m", *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.root,
            env=self.environment,
            timeout=TIMEOUT_S,
        )

    def errors_of(self, process: subprocess.Popen[bytes]) -> str:
        """Return the stack's standard error so far."""
        number = self._started.index(process)
        return (self._folder / f"stderr.{number}").read_text()

    def left_behind(self) -> list[str]:
        """Return the commands of the living processes of our stacks."""
        mark = self._folder.name.encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes()
                if mark in command or mark in (entry / "environ").read_bytes():
                    found.append(command.replace(b"\0", b" ").decode())
        return found

    def close(self) -> None:
        """End all stacks that a failed test left."""
        for process in self._started:
            end(process, (signal.SIGINT,), 20)
            if process.stdout:
                process.stdout.close()
        wait_until(lambda: not self.left_behind(), TIMEOUT_S)


@contextlib.contextmanager
def new_devstack() -> Iterator[Devstack]:
    """Give a stack under test its own folder; end the stack and remove the folder afterwards."""
    # pytest's own folder is closed to the user who runs Postgres for root.
    folder = Path(tempfile.mkdtemp(prefix="market-devstack-"))
    folder.chmod(0o711)
    devstack = Devstack(folder)
    try:
        yield devstack
    finally:
        devstack.close()
        shutil.rmtree(folder)


def command_of(pid: int | str) -> bytes:
    """Return a process's command, with NUL after each word; empty if the process has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def wait_for(is_true: Callable[[], bool]) -> None:
    assert wait_until(is_true, TIMEOUT_S)
