"""Start a stack of its own for the demo, and end it with the demo."""

import contextlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devstack.errors import DevstackError
from devstack.supervisor.processes import LOOK_S, end, start, tail
from devstack.supervisor.signals import ENDING, Signals


#: Longer than the stack waits for one of its parts.
_START_S = 180
#: Longer than the stack waits for its own processes to end.
_STOP_S = 40


@dataclass(slots=True)
class DemoStack:
    """A running stack; its env file supplies `environment`."""

    process: subprocess.Popen[bytes]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def env_file(self) -> Path:
        """Return the file to which the stack writes its addresses and keys."""
        return self.folder / "env"

    def log_ends(self) -> str:
        """Return the last lines of each log."""
        # The line of JSON has the keys, which must not reach the log of a failed run.
        lines = [line for line in tail(self._log, 12).splitlines() if not line.startswith("{")]
        output = "\n".join(lines)
        found = re.search(r"^Logs: (\S+) and", self._log.read_text(errors="replace"), re.MULTILINE)
        logs = sorted(Path(found[1]).glob("*.log")) if found else []
        ends = [f"{log.name} ends with:\n{tail(log, 6)}" for log in logs]
        return "\n".join([f"The output of the stack ends with:\n{output}", *ends])

    def reason(self) -> str:
        """Return the error message of the stack, or else the end of its log."""
        sentences = re.findall("^devstack: (.+)$", self._log.read_text(), re.MULTILINE)
        return sentences[-1] if sentences else f"\n{tail(self._log)}"

    @property
    def _log(self) -> Path:
        return self.folder / "up.log"


@contextlib.contextmanager
def running_stack(port_base: str, signals: Signals) -> Iterator[DemoStack]:
    """Start the whole system, wait until it is healthy, and end all of its processes.

    Raises: DevstackError when it does not start, StopRequested when a signal arrives meanwhile.
    """
    folder = Path(tempfile.mkdtemp(prefix="market-demo-"))
    try:
        command = [sys.executable, "-m", "devstack", "up", "--ephemeral", "--seed"]
        command += ["--port-base", port_base, "--env-file", str(folder / "env")]
        process = start(command, folder / "up.log")
        stack = DemoStack(process, folder)
        try:
            _wait_until_ready(stack, signals)
            yield stack
        finally:
            # A second Ctrl-C must not interrupt the end of the stack.
            for number in ENDING:
                signal.signal(number, signal.SIG_IGN)
            end(process, timeout_s=_STOP_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(stack: DemoStack, signals: Signals) -> None:
    """Wait for the env file, which the stack writes when every process is healthy."""
    deadline = time.monotonic() + _START_S
    while not stack.env_file.exists():
        if stack.process.poll() is not None:
            raise DevstackError(f"The system did not start: {stack.reason()}")
        if time.monotonic() > deadline:
            raise DevstackError(f"The system was not ready in {_START_S} s.\n{stack.log_ends()}")
        signals.wait(LOOK_S)
    lines = stack.env_file.read_text().splitlines()
    stack.environment = dict(line.split("=", 1) for line in lines if "=" in line)
