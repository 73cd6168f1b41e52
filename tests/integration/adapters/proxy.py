"""A TCP proxy in front of a server; a test can cut it, mute Realtime, or let it lose answers."""

import socket
import struct
import threading
from contextlib import suppress
from typing import Self


_CHUNK = 65_536
#: Closing with this option sends a reset instead of a goodbye.
_RESET = struct.pack("ii", 1, 0)
_SOCKET_PATH = b"/realtime/"


class Proxy:
    """Passes bytes on, both ways, over as many connections as come.

    `lose_answers(n)`: the next n answers are read and thrown away, and the connection is reset.
    `mute`: what Realtime says is thrown away, and it looks alive. `cut`: every connection is reset
    and none is made any more, until `mend`.
    """

    def __init__(self, target_url: str) -> None:
        host, _, port = target_url.removeprefix("http://").partition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._answers_to_lose = 0
        self._is_mute = False
        self._is_cut = False
        self._is_closed = False
        #: The number of connections to Realtime that were ever made.
        self.socket_count = 0

    @property
    def url(self) -> str:
        """Return the address to give to the adapter."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._run(self._accept)
        return self

    def __exit__(self, *_error: object) -> None:
        self._is_closed = True
        # Closing alone does not end a blocked accept().
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._reset_all()

    def lose_answers(self, count: int) -> None:
        """Discard the next answers; the server has done the work of their requests."""
        with self._lock:
            self._answers_to_lose = count

    def answers_still_to_lose(self) -> int:
        """Return the number of answers that are still to be lost."""
        with self._lock:
            return self._answers_to_lose

    def mute(self, *, is_mute: bool = True) -> None:
        """Discard the messages of Realtime, or pass them on again."""
        self._is_mute = is_mute

    def cut(self) -> None:
        """Reset every connection, and refuse new ones."""
        with self._lock:
            self._is_cut = True
        self._reset_all()

    def mend(self) -> None:
        """Pass everything on again."""
        self._is_cut = False

    def _accept(self) -> None:
        while not self._is_closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self._run(self._serve, near)

    def _serve(self, near: socket.socket) -> None:
        if self._is_cut:
            _reset(near)
            return
        try:
            far = socket.create_connection(self._target)
        except OSError:
            _reset(near)
            return
        if not self._keep(near, far):
            self._forget(near, far)
            return
        is_realtime = threading.Event()
        self._run(self._carry_answers, far, near, is_realtime)
        self._carry_questions(near, far, is_realtime)

    def _keep(self, *sockets: socket.socket) -> bool:
        """Add a connection to the open ones; return false if the proxy was cut meanwhile."""
        with self._lock:
            if not self._is_cut:
                self._open |= set(sockets)
            return not self._is_cut

    def _carry_questions(
        self, near: socket.socket, far: socket.socket, is_realtime: threading.Event
    ) -> None:
        with suppress(OSError):
            while chunk := near.recv(_CHUNK):
                if _SOCKET_PATH in chunk and b"Upgrade" in chunk:
                    is_realtime.set()
                    self.socket_count += 1
                far.sendall(chunk)
        self._forget(near, far)

    def _carry_answers(
        self, far: socket.socket, near: socket.socket, is_realtime: threading.Event
    ) -> None:
        with suppress(OSError):
            while chunk := far.recv(_CHUNK):
                if is_realtime.is_set():
                    if self._is_mute:
                        continue
                elif self._loses_this_one():
                    break
                near.sendall(chunk)
        self._forget(near, far)

    def _loses_this_one(self) -> bool:
        with self._lock:
            if self._answers_to_lose == 0:
                return False
            self._answers_to_lose -= 1
            return True

    def _forget(self, *sockets: socket.socket) -> None:
        for one in sockets:
            _reset(one)
        with self._lock:
            self._open -= set(sockets)

    def _reset_all(self) -> None:
        with self._lock:
            sockets, self._open = self._open, set()
        for one in sockets:
            _reset(one)

    def _run(self, function: object, *arguments: object) -> None:
        threading.Thread(target=function, args=arguments, daemon=True).start()  # type: ignore[arg-type] # a callable


def _reset(one: socket.socket) -> None:
    with suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        # This wakes the thread that reads from the socket.
        one.shutdown(socket.SHUT_RDWR)
    one.close()
