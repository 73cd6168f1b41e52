"""A whole deployment on this machine, whose service and workers a test changes and restarts."""

import contextlib
import dataclasses
import functools
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx

from devstack.paths import ROOT
from devstack.supervisor.environment import environment_of_child
from devstack.supervisor.processes import end, start, tail, wait_until
from tests.support.stack import running_stack
from tests.support.waits import START_S


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """A change of one file: `before` must stand in it once."""

    file: str
    before: str
    after: str

    def applied(self, tree: Path) -> str:
        """Return the changed text of the file in a tree."""
        text = (tree / self.file).read_text()
        assert text.count(self.before) == 1, f"not once in {self.file}: {self.before!r}"
        return text.replace(self.before, self.after)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The service's tree and settings, and whether workers run; they run from our own tree."""

    patch: Patch | None = None
    settings: tuple[tuple[str, str], ...] = ()
    has_workers: bool = True


HEALTHY = Release()


class Deployment:
    """The Supabase and Stripe of a stack, with a service and workers of our own on them."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self.environment = dict(environment)
        self._folder = folder
        self._service = HEALTHY
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        bind = self.environment["SERVICE_URL"].removeprefix("http://")
        self._commands = {
            "service": ("gunicorn", "--bind", bind, "service.wsgi:app"),
            "workers": ("workers", "all"),
        }
        self._health = {
            "service": f"{self.environment['SERVICE_URL']}/api/health/live",
            "workers": f"http://127.0.0.1:{self.environment['METRICS_PORT']}/health",
        }

    def run(self, release: Release) -> None:
        """Run a release; a process that it does not change goes on."""
        service = dataclasses.replace(release, has_workers=True)
        if service != self._service:
            self._stop("service")
        self._service = service
        if not release.has_workers:
            self._stop("workers")
        self._start("service", self._tree_of(release), dict(release.settings))
        if release.has_workers:
            self._start("workers", ROOT, {})
        for name in self._processes:
            assert wait_until(functools.partial(self._answers, name), START_S), self._log(name)

    def close(self) -> None:
        """End both processes."""
        self._stop("service")
        self._stop("workers")

    def _tree_of(self, release: Release) -> Path:
        """Return our own tree, or a copy with the change of the release."""
        if release.patch is None:
            return ROOT
        tree = self._folder / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir()
        shutil.copy(ROOT / "gunicorn.conf.py", tree)
        for name in ("market", "service"):
            # A copy has no bytecode of a text that is not its own.
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        (tree / release.patch.file).write_text(release.patch.applied(ROOT))
        return tree

    def _start(self, name: str, tree: Path, settings: Mapping[str, str]) -> None:
        if name in self._processes:
            return
        self._processes[name] = start(
            (sys.executable, "-m", *self._commands[name]),
            self._folder / f"{name}.log",
            death_signal=signal.SIGKILL,
            options={"cwd": tree, "env": environment_of_child(self.environment | dict(settings))},
        )

    def _stop(self, name: str) -> None:
        """Kill a process: the system must survive that, and a polite end takes seconds."""
        if name in self._processes:
            end(self._processes.pop(name), signals=())

    def _answers(self, name: str) -> bool:
        assert self._processes[name].poll() is None, self._log(name)
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(self._health[name], timeout=5).is_success
        return False

    def _log(self, name: str) -> str:
        return tail(self._folder / f"{name}.log", 30)


@contextlib.contextmanager
def running_deployment(folder: Path) -> Iterator[Deployment]:
    """Run a healthy deployment until the block ends."""
    with running_stack("--only", "postgres,stripe,gateway") as environment:
        deployment = Deployment(environment, folder)
        try:
            deployment.run(HEALTHY)
            yield deployment
        finally:
            deployment.close()
