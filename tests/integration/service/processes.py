"""The processes of a running stack, found through the operating system."""

import contextlib
import dataclasses
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import httpx

from devstack.supervisor.processes import wait_until
from tests.support.waits import ANSWER_S, START_S, awaited


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Gunicorn:
    """The service's master, and the workers that answer for it."""

    master: int
    workers: tuple[int, ...]

    @classmethod
    def at(cls, service_url: str) -> Self:
        """Wait until the service at an address answers with all of its workers, and return it.

        gunicorn forks its workers one after the other, so the first may answer before the last
        exists. After a kill the dying processes are still there, but do not answer.
        """
        return awaited(
            lambda: cls.find(service_url) if _answers(service_url) else None,
            START_S,
            "the service with all of its workers",
        )

    @classmethod
    def find(cls, service_url: str) -> Self | None:
        """Return the service at an address, if it runs with all of its workers now."""
        bound = service_url.removeprefix("http://").encode()
        pids = {
            pid for pid in _pids() if bound in command_of(pid).split(b"\0") and _is_gunicorn(pid)
        }
        masters = {pid for pid in pids if children_of(pid) & pids}
        if len(masters) != 1:
            return None
        [master] = masters
        workers = tuple(sorted(children_of(master)))
        return cls(master=master, workers=workers) if len(workers) == 2 else None

    def kill(self) -> None:
        """Kill all processes of the service with SIGKILL.

        They are a group, and one signal to it leaves out no worker that the master is forking.
        """
        os.killpg(self.master, signal.SIGKILL)


def _answers(service_url: str) -> bool:
    try:
        return httpx.get(f"{service_url}/api/health/live", timeout=5).is_success
    except httpx.TransportError:
        return False


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))


def command_of(pid: int) -> bytes:
    """Return the command line of a process, empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _is_gunicorn(pid: int) -> bool:
    return b"gunicorn" in command_of(pid)


def children_of(pid: int) -> set[int]:
    """Return the processes that a process has started and not yet waited for."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return set()
    return {int(child) for child in text.split()}


def logs_of(service_url: str) -> list[Path]:
    """Return the logs of every program of the stack that serves an address."""
    gunicorn = Gunicorn.at(service_url)
    service_log = Path(f"/proc/{gunicorn.master}/fd/1").resolve()
    return sorted(service_log.parent.parent.rglob("*.log*"))


def workers_of(service_url: str) -> int:
    """Return the process of the workers of the stack that serves an address."""
    gunicorn = Gunicorn.at(service_url)
    status = Path(f"/proc/{gunicorn.master}/stat").read_text()
    stack = int(status.rpartition(")")[2].split()[1])
    [pid] = [pid for pid in children_of(stack) if b"\0workers\0" in command_of(pid)]
    return pid


def _states_of(pid: int) -> set[str]:
    """Return the state of each thread of a process, as a letter."""
    states = set()
    for file in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(OSError):  # the thread has just ended
            states.add(file.read_text().rpartition(")")[2].split()[0])
    return states


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop a process inside the block with SIGSTOP.

    On a busy machine a thread may go on for a short time after the signal.
    """
    os.kill(pid, signal.SIGSTOP)
    try:
        assert wait_until(lambda: _states_of(pid) == {"T"}, ANSWER_S), "the process does not stop"
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
