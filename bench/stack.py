"""Run a separate stack for the benches."""

import contextlib
import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory


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
