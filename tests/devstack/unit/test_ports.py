"""Claims on ports: no two processes get the same port, and no claim leaves a file."""

import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from devstack.supervisor.options import PARTS, read_options
from devstack.supervisor.ports import (
    BLOCK,
    HIGHEST,
    LOWEST,
    free_base,
    free_port,
    is_free,
    reserved,
)


#: As many servers as a run of the tests starts in one process.
SERVERS = 200
OTHER_PROCESS = f"""
from devstack.supervisor.ports import free_port
print(*(free_port() for _ in range({SERVERS})))
"""


def test_claim_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim on ports is no file, so a stack leaves nothing in the temporary folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    free_base(BLOCK)

    assert [] == list(tmp_path.iterdir())


def test_no_port_is_given_out_twice() -> None:
    """Servers that start at once get different ports, although none listens yet."""
    command = [sys.executable, "-c", OTHER_PROCESS]
    own = [free_port() for _ in range(SERVERS)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 -- ours
    others = [int(port) for port in output.split()]

    assert 2 * SERVERS == len({*own, *others})


def test_stack_chooses_no_port_that_connections_get() -> None:
    """A connection of any program may take one of the system's own ports while a stack starts."""
    ports = read_options(["up", "--port-base", "auto"]).ports

    assert all(LOWEST <= ports.of(part) < HIGHEST for part in PARTS)


def test_reserved_port_waits_for_its_server() -> None:
    """A stack's port stays free for a part that starts again, and for no connection."""
    port = free_port()

    with reserved(port):
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
        for _ in range(2):
            assert is_free(port)
            with socket.create_server(("127.0.0.1", port)):
                assert not is_free(port)
