"""Free ports of this machine."""

import random
import socket
import sys

from devstack.errors import DevstackError


#: Linux gives ports from 32768 on to connections, so a port there may be taken at any time.
LOWEST, HIGHEST = 10_000, 32_768
BLOCK = 64


class _Supply:
    """Blocks of ports that belong to this process until it ends.

    A port is free until a server listens. Until then the claim keeps other processes, which start
    servers at the same time, from the port. The claim is a name in Linux's abstract socket
    namespace. It leaves no file behind.
    """

    def __init__(self) -> None:
        self._claims: list[socket.socket] = []
        self._next = self._end = 0

    def take(self, count: int) -> int:
        """Return the first of `count` ports in a row that were not taken before."""
        if self._end - self._next < count:
            self._next = self._claim_block()
            self._end = self._next + BLOCK
        base, self._next = self._next, self._next + count
        return base

    def _claim_block(self) -> int:
        blocks = range(LOWEST, HIGHEST - BLOCK, BLOCK)
        for block in random.SystemRandom().sample(blocks, len(blocks)):
            claim = socket.socket(socket.AF_UNIX)
            try:
                if sys.platform == "linux":
                    claim.bind(f"\0devstack-ports-{block}")
            except OSError:
                claim.close()
            else:
                self._claims.append(claim)
                return block
        raise DevstackError("All free ports are claimed by other processes.")


_SUPPLY = _Supply()


def free_port() -> int:
    """Return a port without a listener, which no other process gets from here."""
    return free_base(1)


def free_base(count: int) -> int:
    """Return the first of `count` free ports in a row, which no other process gets from here."""
    while True:
        base = _SUPPLY.take(count)
        if all(is_free(base + offset) for offset in range(count)):
            return base


def is_free(port: int) -> bool:
    """Return true if a server could listen on a port of this machine's loopback."""
    with socket.socket() as probe:
        # Servers set this option too, so a connection that is closing does not block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
