"""Ports of this machine: which are free."""

import contextlib
import socket


def free_port() -> int:
    """Return a port that nobody listens on; nothing keeps it free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def is_free(port: int) -> bool:
    """Say whether a server could listen on a port of this machine's loopback."""
    with contextlib.closing(socket.socket()) as probe:
        # As servers do, so that a connection that is just closing is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
