"""Run a separate stack, and programs beside it, for the benches."""

import contextlib
import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from devstack.supervisor.environment import environment_of_child
from devstack.supervisor.ports import free_port
from devstack.supervisor.processes import end, start, tail, wait_until


#: The time limit for the first answer of a program.
START_S = 30


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A running stack: addresses and keys, its main process, and the duration of its start."""

    environment: Mapping[str, str]
    pid: int
    boot_s: float


@contextlib.contextmanager
def running(*, only: str) -> Iterator[Stack]:
    """Run an ephemeral stack with the parts `only` and our migrations."""
    with TemporaryDirectory(prefix="aussie-market-bench-") as folder:
        command = [sys.executable, "-m", "devstack", "up", "--ephemeral", "--only", only]
        command += ["--port-base", "auto", "--env-file", str(Path(folder) / "env")]
        began = time.perf_counter()
        messages = (Path(folder) / "messages").open("w+")
        process = subprocess.Popen(  # noqa: S603 -- ours
            command, stdout=subprocess.PIPE, stderr=messages, text=True
        )
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                messages.seek(0)
                sys.exit(f"{messages.read()}The stack did not start.")
            boot_s = time.perf_counter() - began
            environment = json.loads(line)
            del environment["ready"]
            yield Stack(environment=environment, pid=process.pid, boot_s=boot_s)
        finally:
            process.terminate()
            process.wait()
            messages.close()


@contextlib.contextmanager
def fleet(env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run all workers in one process, as `python -m devstack up` does; give the process."""
    port = free_port()
    workers = (sys.executable, "-m", "workers", "all")
    with program(
        workers, env, f"http://127.0.0.1:{port}/health", METRICS_PORT=str(port)
    ) as process:
        yield process


@contextlib.contextmanager
def program(
    command: Sequence[str], env: Mapping[str, str], url: str, **changes: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program that answers at `url` until the block ends; give its process."""
    with TemporaryDirectory(prefix="aussie-market-bench-") as folder:
        log = Path(folder) / "log"
        options = {"env": environment_of_child(dict(env) | changes)}
        process = start(command, log, options=options)
        try:
            if not wait_until(lambda: _answers(url), START_S):
                raise RuntimeError(f"{command} does not answer: {tail(log, 30)}")
            yield process
        finally:
            end(process)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=START_S).is_success
    except httpx.TransportError:
        return False
