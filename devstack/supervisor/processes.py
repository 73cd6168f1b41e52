"""Start child processes that do not outlive this one, and end them in order."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None

#: The pause between two looks at a condition that sends no notification.
LOOK_S = 0.01


def start(
    command: Sequence[str | os.PathLike[str]],
    log: Path,
    *,
    death_signal: signal.Signals = signal.SIGTERM,
    options: dict[str, Any] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own; append its output to `log`.

    A Ctrl-C at the terminal reaches only this process, which stops the others in order. When this
    process is killed, the kernel sends them `death_signal` (on Linux). It does so too when the
    calling thread ends, so call this from the main thread.
    """
    with log.open("ab") as output:
        streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
        settings: dict[str, Any] = streams | (options or {})
        return subprocess.Popen(  # noqa: S603 -- the commands are ours
            command,
            start_new_session=True,
            preexec_fn=dies_with_parent(death_signal),  # noqa: PLW1509 -- one call into the kernel, no lock
            **settings,
        )


def end(
    process: subprocess.Popen[bytes],
    signals: Sequence[signal.Signals] = (signal.SIGTERM,),
    timeout_s: float = 10,
) -> None:
    """Send the signals one after the other until the process is gone, at last SIGKILL.

    Processes that it leaves in its session are killed too.
    """
    for number in (*signals, signal.SIGKILL):
        if process.poll() is not None:
            break
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout_s)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def wait_until(is_true: Callable[[], bool], timeout_s: float, look_s: float = LOOK_S) -> bool:
    """Call `is_true` every `look_s` seconds; return true if it did so within `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not is_true():
        if time.monotonic() > deadline:
            return False
        time.sleep(look_s)
    return True


def is_alive(pid: int) -> bool:
    """Return true if the process exists, even if another user owns it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def tail(log: Path, line_count: int = 8) -> str:
    """Return the last lines of a log, for an error that has no better explanation."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-line_count:])
    except FileNotFoundError:
        return ""


def dies_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    """Return a `preexec_fn`: the kernel then sends the child `death_signal` when we end.

    Like `start`, call it from the main thread. The child's own children do not get the signal.
    """
    if _LIBC is None:
        return None
    libc, parent = _LIBC, os.getpid()

    def set_death_signal() -> None:
        # The child inherits Python's handler, which would swallow the signal until the program
        # begins. C resets it, because Python does so only in its main thread, and not for SIGKILL.
        libc.signal(int(death_signal), None)
        libc.prctl(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:
            # The parent died between the fork and prctl, so the kernel will send no signal.
            os.kill(os.getpid(), death_signal)

    return set_death_signal
