"""Turn signals into an event to wait for, so that they interrupt no step half-way."""

import contextlib
import select
import signal
import socket
from typing import Any, Self


#: The signals of Ctrl-C, of `kill`, and of a terminal that closes.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(Exception):  # noqa: N818 -- a request to stop is no error
    """A signal asked this process to stop."""


class Signals:
    """Inside the block, a signal only sets a flag and wakes up `wait`.

    The block restores the handlers at its end.
    """

    def __init__(self) -> None:
        self.is_stop_requested = False
        self._reader, self._writer = socket.socketpair()
        self._reader.settimeout(0)
        self._writer.settimeout(0)
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in ENDING:
            self._before[number] = signal.signal(number, self._note)
        # A child that ends wakes us up as well.
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        return self

    def __exit__(self, *_exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        self._reader.close()
        self._writer.close()

    def wait(self, timeout_s: float) -> None:
        """Wait for the next signal, at most `timeout_s`.

        Raises:
            StopRequested: a signal asked us to stop.

        """
        if not self.is_stop_requested:
            select.select([self._reader], [], [], timeout_s)
            with contextlib.suppress(BlockingIOError):
                self._reader.recv(4096)
        self.check()

    def check(self) -> None:
        """Raise `StopRequested` if a signal asked us to stop."""
        if self.is_stop_requested:
            raise StopRequested

    def _note(self, *_: object) -> None:
        self.is_stop_requested = True
