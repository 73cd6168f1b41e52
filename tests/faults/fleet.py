"""Workers in a process of their own, which a test starts and kills."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from devstack.paths import ROOT
from devstack.supervisor.environment import environment_of_child
from devstack.supervisor.ports import free_port
from devstack.supervisor.processes import end, start, tail, wait_until
from tests.support.waits import ANSWER_S, START_S


_SAMPLE = re.compile(r"^market_(\w+)_total(\{[^}]*\})? (\d+)\.0$", re.MULTILINE)


class Fleet:
    """A process of `python -m workers all`, seen from outside."""

    def __init__(self, environment: Mapping[str, str], log: Path, **changes: str) -> None:
        self._environment = environment_of_child(dict(environment) | changes)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._url = ""

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """Return the process that runs or ran last."""
        assert self._process is not None, "the fleet was never started"
        return self._process

    def launch(self) -> None:
        """Start the process, and do not wait for it."""
        port = free_port()
        self._url = f"http://127.0.0.1:{port}"
        self._process = start(
            (sys.executable, "-m", "workers", "all"),
            self._log,
            death_signal=signal.SIGKILL,
            options={"cwd": ROOT, "env": self._environment | {"METRICS_PORT": str(port)}},
        )

    def start(self) -> None:
        """Start the process, and wait until it answers."""
        self.launch()
        assert wait_until(self.is_up, START_S), tail(self._log, 30)

    def is_up(self) -> bool:
        """Return true if the process answers; it must not have ended."""
        assert self.process.poll() is None, tail(self._log, 30)
        try:
            return httpx.get(f"{self._url}/health", timeout=ANSWER_S).is_success
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """Kill the process with SIGKILL."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Send SIGTERM, wait for the end, and return the exit status."""
        end(self.process, timeout_s=ANSWER_S)
        return int(self.process.returncode)

    def close(self) -> None:
        """Kill the process that a test has left running."""
        if self._process is not None:
            end(self._process, signals=())

    def count(self, name: str, labels: str = "") -> int:
        """Return the count of all series of a metric whose labels contain `labels`."""
        headers = {"Authorization": f"Bearer {self._environment['METRICS_TOKEN']}"}
        text = httpx.get(f"{self._url}/metrics", headers=headers, timeout=ANSWER_S).text
        return sum(
            int(number)
            for found, braces, number in _SAMPLE.findall(text)
            if found == name and labels in braces
        )

    def log(self) -> str:
        """Return the log of the process."""
        return self._log.read_text()
