"""Free ports of this machine."""

import contextlib
import random
import socket
from collections.abc import Iterator

from devstack.errors import DevstackError


#: The distance between the bases of two stacks.
STEP = 10
#: The range for tests: Linux gives ports from 32768 on to connections.
LOWEST, HIGHEST = 10_000, 32_768
TOO_HIGH = 65_536


def free_port() -> int:
    """Return a random port without a listener; nothing reserves it."""
    return free_base(1)


@contextlib.contextmanager
def claimed_base(first: int, count: int, *, is_fixed: bool) -> Iterator[int]:
    """Yield a base with `count` free ports in a row: `first`, or the next one in steps.

    A port is free until a server listens. Until then a claim keeps other stacks, which start at
    the same time, from the port. The claim is a name in Linux's abstract socket namespace. It
    leaves no file behind, and it ends with the process.
    """
    bases = [first] if is_fixed else range(first, TOO_HIGH - count, STEP)
    for base in bases:
        with socket.socket(socket.AF_UNIX) as claim:
            try:
                claim.bind(f"\0devstack-ports-{base}")
            except OSError:
                # A fixed base that is in use fails later, with the port's own error.
                if not is_fixed:
                    continue
            if is_fixed or all(is_free(port) for port in range(base, base + count)):
                yield base
                return
    raise DevstackError(f"There are no {count} free ports in a row above {first}.")


def free_base(count: int) -> int:
    """Return a random base with `count` free ports in a row.

    The choice is random, so that processes which start together do not choose the same ports. All
    are below the ports that the system gives to connections.
    """
    while True:
        base = random.SystemRandom().randrange(LOWEST, HIGHEST - count)
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
