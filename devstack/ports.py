"""Ports of this machine: which are free."""

import random
import socket

from devstack.errors import DevstackError


#: How far apart the stacks of one machine stand.
STEP = 10
#: Where tests look for ports: Linux gives those from 32768 on to connections.
LOWEST, HIGHEST = 10_000, 32_768


def free_port() -> int:
    """Return a port that nobody listens on, another one at each call; nothing keeps it free."""
    return free_base(1)


def first_free_base(first: int, count: int) -> int:
    """Return the first base, in steps from `first`, with `count` free ports in a row."""
    for base in range(first, 65536 - count, STEP):
        if all(is_free(port) for port in range(base, base + count)):
            return base
    raise DevstackError(f"There are no {count} free ports in a row above {first}.")


def free_base(count: int) -> int:
    """Return a base with `count` free ports in a row, another one at each call.

    By chance, for whoever counts up from a fixed number finds the same as his neighbours do; and
    below the ports that the system gives to connections, which come and go.
    """
    while True:
        base = random.SystemRandom().randrange(LOWEST, HIGHEST - count)
        if all(is_free(base + offset) for offset in range(count)):
            return base


def is_free(port: int) -> bool:
    """Say whether a server could listen on a port of this machine's loopback."""
    with socket.socket() as probe:
        # As servers do, so that a connection that is just closing is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
