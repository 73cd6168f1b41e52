"""The running system: a stack with one fleet of workers, and a second fleet beside it."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from devstack.paths import ROOT
from devstack.supervisor.options import PARTS
from devstack.supervisor.ports import free_base
from devstack.supervisor.processes import end, start, tail
from tests.faults.fleet import Fleet
from tests.integration.service.processes import children_of, command_of


_RESTART_S = 1.0
_LOOK_S = 0.1


class System:
    """A stack that restarts service, workers and Postgres, and a second fleet of workers."""

    def __init__(self, environment: Mapping[str, str], stack_pid: int, fleet: Fleet) -> None:
        self.environment = environment
        self._stack_pid = stack_pid
        self._fleet = fleet

    def kill_workers(self) -> bool:
        """Kill the stack's fleet of workers with -9; return false if it does not run."""
        return self._kill(b"\0workers\0", signal.SIGKILL)

    def kill_second_fleet(self) -> bool:
        """Kill the second fleet with -9; return false if it does not run."""
        if self._fleet.process.poll() is not None:
            return False
        self._fleet.process.kill()
        return True

    def kill_service(self) -> bool:
        """Kill gunicorn's master and workers with -9; return false if none runs."""
        [*masters] = self._pids(b"gunicorn")
        for pid in [worker for master in masters for worker in children_of(master)] + masters:
            _send(pid, signal.SIGKILL)
        return bool(masters)

    def kill_service_worker(self, number: int) -> bool:
        """Kill one of gunicorn's workers with -9; return false if none runs."""
        workers = sorted(w for master in self._pids(b"gunicorn") for w in children_of(master))
        return bool(workers) and _send(workers[number % len(workers)], signal.SIGKILL)

    def restart_postgres(self) -> bool:
        """End Postgres in immediate mode, so that it recovers from its log at its next start."""
        return self._kill(b"/postgres\0", signal.SIGQUIT)

    async def keep_second_fleet(self) -> None:
        """Start the second fleet again whenever it has ended."""
        while True:
            await asyncio.sleep(_LOOK_S)
            if self._fleet.process.poll() is not None:
                await asyncio.sleep(_RESTART_S)
                self._fleet.launch()

    def _kill(self, part: bytes, number: signal.Signals) -> bool:
        pids = self._pids(part)
        return bool(pids) and all(_send(pid, number) for pid in pids)

    def _pids(self, part: bytes) -> list[int]:
        return [pid for pid in children_of(self._stack_pid) if part in command_of(pid)]


@contextlib.contextmanager
def running_system(logs: Path) -> Iterator[System]:
    """Run the whole system until the block ends; its logs stay in the folder `logs`."""
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    log = logs / "devstack.log"
    with tempfile.TemporaryDirectory(prefix="market-chaos-") as folder:
        command = [
            *(sys.executable, "-m", "devstack", "up", "--ephemeral"),
            *("--port-base", str(free_base(len(PARTS))), "--env-file", str(Path(folder, "env"))),
        ]
        options = {"cwd": ROOT, "stdout": subprocess.PIPE}
        process = start(command, log, death_signal=signal.SIGTERM, options=options)
        try:
            environment = _environment(process, log)
            fleet = Fleet(environment, logs / "second-fleet.log")
            fleet.start()
            try:
                yield System(environment, process.pid, fleet)
            finally:
                fleet.close()
                _keep_logs(log, logs)
        finally:
            end(process, (signal.SIGINT,), timeout_s=30)


def _environment(process: "subprocess.Popen[bytes]", log: Path) -> dict[str, str]:
    assert process.stdout is not None
    with process.stdout:
        line = process.stdout.readline()
    if not line:
        sys.exit(f"The stack did not start:\n{tail(log, 30)}")
    answer: dict[str, str] = json.loads(line)
    return {name: text for name, text in answer.items() if name != "ready"}


def _keep_logs(log: Path, logs: Path) -> None:
    """Copy the logs of the stack's programs, whose folder ends with the stack."""
    for folder in re.findall(r"^Logs: (\S+) and", log.read_text(), re.MULTILINE)[-1:]:
        shutil.copytree(folder, logs / "stack", dirs_exist_ok=True)


def _send(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
