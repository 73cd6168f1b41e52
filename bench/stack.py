"""A stack of its own for a run of the benches."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory


@contextlib.contextmanager
def running(*, only: str) -> Iterator[Mapping[str, str]]:
    """Run the parts `only` of an ephemeral stack; give its addresses and keys."""
    with TemporaryDirectory(prefix="aussie-market-bench-") as folder:
        command = [sys.executable, "-m", "devstack", "up", "--ephemeral", "--only", only]
        command += ["--port-base", "auto", "--env-file", str(Path(folder) / "env")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 -- ours
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                sys.exit("The stack did not start; what it said stands above.")
            yield json.loads(line)
        finally:
            process.terminate()
            process.wait()
