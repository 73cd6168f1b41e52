"""Make what everything here needs: uv in `.tools/`, and from `uv.lock` the packages in `.venv/`.

Needs Python 3.11 or newer with pip, and nothing else. Runs one at a time, and does nothing when the
lock has not changed since the last run.
"""

import contextlib
import fcntl
import hashlib
import os
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
    """Bring `.tools/` and `.venv/` up to date, or say in one sentence what is in the way."""
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: PYTHON=… make")
    with one_at_a_time():
        if STAMP.exists() and STAMP.read_text() == fingerprint():
            return
        try:
            uv = install_uv()
            say("setting up .venv from uv.lock …")
            # The system's certificates, as pip takes them: a company's proxy may have its own.
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
    """Wait until no other set-up of this checkout is under way."""
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fingerprint() -> str:
    """Return what `.venv/` depends on, as a digest."""
    parts = [sys.version.encode(), UV_VERSION.encode()]
    parts += [(ROOT / name).read_bytes() for name in ("pyproject.toml", "uv.lock")]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def install_uv() -> Path:
    """Install uv from the package index that pip is set up for; return its path."""
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
    """Tell the person who waits what is going on."""
    print(f"setup: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
