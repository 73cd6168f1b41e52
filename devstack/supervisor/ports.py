"""Free ports of this machine."""

import contextlib
import errno
import random
import socket
import sys
from collections.abc import Iterator

from devstack.errors import DevstackError


#: By default Linux gives ports from 32768 on to connections, which may take one at any time.
LOWEST, HIGHEST = 10_000, 32_768
BLOCK = 64


class _Supply:
    """Blocks of ports that belong to this process until it ends.

    A port is free until a server listens. Until then the claim keeps other processes, which start
    servers at the same time, from the port. The claim is a name in Linux's abstract socket
    namespace. It leaves no file behind.
    """

    def __init__(self) -> None:
        self._next = self._end = 0

    def take(self, count: int) -> int:
        """Return the first of `count` new ports in a row, at most a block of them."""
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
            except OSError as error:
                claim.close()
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                # The system closes the socket when this process ends, and nothing does before.
                claim.detach()
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
    try:
        with _bound(port):
            return True
    except OSError:
        return False


@contextlib.contextmanager
def reserved(port: int) -> Iterator[None]:
    """Keep the system from giving a port to a connection, while no server listens there.

    A server may still listen: Linux lets it if both sockets have SO_REUSEADDR.

    Raises: OSError if a server listens there already.
    """
    with _bound(port) as bound:
        if sys.platform != "linux":
            bound.close()
        yield


def _bound(port: int) -> socket.socket:
    """Return a socket that is bound to a port as a server's is, and does not listen."""
    bound = socket.socket()
    # Servers set this option too, so a connection that is closing does not block the port.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.close()
        raise
    return bound
