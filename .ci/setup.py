"""Install uv in `.tools/`, and the packages of `uv.lock` in `.venv/`.

The script needs Python 3.11 or newer with pip. One run at a time works on a checkout. A run does
nothing when Python and the lock are the same as in the last run.
"""

import contextlib
import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path


ROOT = Path(__file__).parents[1]
TOOLS = ROOT / ".tools"
STAMP = ROOT / ".venv" / ".made-from"
UV_VERSION = "0.9.30"
OLDEST_PYTHON = (3, 11)


def main() -> None:
    """Bring `.tools/` and `.venv/` up to date, or end with one sentence that names the obstacle."""
    # Ctrl-C ends the set-up without a traceback. The next run starts it again, for the stamp is
    # written last.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(
            f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: "
            "run make PYTHON=/path/to/python3.11"
        )
    with one_at_a_time():
        if STAMP.exists() and STAMP.read_text() == fingerprint():
            return
        try:
            uv = install_uv()
            say("setting up .venv from uv.lock …")
            # uv must trust the system's certificates, as pip does: a proxy may have its own.
            defaults = {"UV_NATIVE_TLS": "true"}
            fixed = {"UV_PYTHON_DOWNLOADS": "never", "VIRTUAL_ENV": ""}
            environment = defaults | os.environ | fixed
            command = [str(uv), "sync", "--frozen", "--quiet", "--python", sys.executable]
            subprocess.run(command, cwd=ROOT, env=environment, check=True)
        except subprocess.CalledProcessError as error:
            sys.exit(f"Set-up failed (exit {error.returncode}): {' '.join(map(str, error.cmd))}")
        STAMP.write_text(fingerprint())


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold the lock of this checkout's set-up; wait while another set-up runs."""
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fingerprint() -> str:
    """Return a digest of everything that `.venv/` depends on."""
    parts = [sys.version.encode(), UV_VERSION.encode()]
    parts += [(ROOT / name).read_bytes() for name in ("pyproject.toml", "uv.lock")]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def install_uv() -> Path:
    """Install uv from the package index that pip is configured for; return its path."""
    uv = TOOLS / "bin" / "uv"
    if not (TOOLS / f"uv-{UV_VERSION}").exists():
        say("installing uv in .tools …")
        venv.create(TOOLS, with_pip=True, symlinks=True)
        pip = [
            str(TOOLS / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            f"uv=={UV_VERSION}",
        ]
        subprocess.run([*pip, "--disable-pip-version-check"], check=True)
        (TOOLS / f"uv-{UV_VERSION}").touch()
    return uv


def say(text: str) -> None:
    """Write a line of progress to standard error."""
    print(f"setup: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
