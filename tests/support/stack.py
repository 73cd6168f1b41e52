"""Fixtures of whole stacks. Each stack starts when a test first asks for it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from devstack.paths import ROOT
from devstack.postgres.cluster import Cluster
from devstack.postgres.schema import extend_database, migration_files
from devstack.supervisor.options import PARTS
from devstack.supervisor.ports import free_base, free_port
from devstack.supervisor.processes import end, start


#: Longer than the stack waits for one of its parts.
READY_S = 180


@contextlib.contextmanager
def running_stack(*options: str) -> Iterator[Mapping[str, str]]:
    """Run `python -m devstack up` with these options; give the environment that it prints."""
    with tempfile.TemporaryDirectory(prefix="market-stack-") as folder:
        env_file, log = Path(folder, "env"), Path(folder, "devstack.log")
        command = [
            *(sys.executable, "-m", "devstack", "up", "--ephemeral"),
            *("--port-base", str(free_base(len(PARTS))), "--env-file", str(env_file), *options),
        ]
        # The stack ends with the tests, even if they are killed.
        process = start(
            command,
            log,
            death_signal=signal.SIGTERM,
            options={
                "cwd": ROOT,
                "stdout": subprocess.PIPE,
                "env": os.environ | _migrated_template(),
            },
        )
        try:
            assert process.stdout is not None
            with process.stdout:
                line = process.stdout.readline()
                if not line:
                    process.wait(READY_S)
                    pytest.fail(f"The stack did not start:\n{log.read_text()}")
                environment: dict[str, str] = json.loads(line)
                environment.pop("ready")
                yield environment
                assert process.poll() is None, f"The stack has ended:\n{log.read_text()}"
        finally:
            end(process, (signal.SIGINT,), timeout_s=30)


def _migrated_template() -> Mapping[str, str]:
    """Migrate a cluster once; each stack of this test process starts as a copy of it."""
    template = os.environ.get("EMBEDDED_PG_TEMPLATE")
    if template is None:
        return {}
    folder = Path(template).parent / "migrated"
    if not folder.exists():
        with Cluster.start(folder, free_port(), durable=False) as cluster:
            extend_database(cluster.admin_url, migration_files())
    return {"EMBEDDED_PG_TEMPLATE": str(folder / "pgdata")}


@pytest.fixture(scope="session")
def stack() -> Iterator[Mapping[str, str]]:
    """Start the whole system: Supabase with our schema, Stripe, service and workers."""
    with running_stack() as environment:
        yield environment
