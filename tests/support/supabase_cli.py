"""Supabase's own command line, on a database that a test has built."""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from psycopg import conninfo

from tests.support import node


class Output(NamedTuple):
    """The output of a command: its result, and its notices about the connection."""

    result: str
    notices: str


def run_cli(address: str, home: Path, *arguments: str, project: Path | None = None) -> Output:
    """Run a command that must succeed, with a home folder of its own."""
    own = {"HOME": str(home), "DO_NOT_TRACK": "1", "SUPABASE_TELEMETRY_DISABLED": "1"}
    done = subprocess.run(  # noqa: S603 -- a pinned tool
        [*node.install_cli(), *arguments, f"--remote={address}", "--yes"],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=project or home,
        env=os.environ | own,
        timeout=node.FILE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Output(done.stdout, done.stderr)


def address_of(database_url: str) -> str:
    """Return the address of a database, in the form that the CLI reads."""
    address = conninfo.conninfo_to_dict(database_url)
    return f"postgresql://postgres@{address['host']}:{address['port']}/{address['dbname']}"
