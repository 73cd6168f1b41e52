"""The JavaScript project of the tests: its packages, its tests and its programs."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

import pytest

from devstack import npm
from devstack.paths import ROOT


PROJECT = Path(__file__).parents[1]
#: The locked packages, once `install` has run.
MODULES = PROJECT / "node_modules"
#: The time limit of one file of tests on a busy machine; each test in it has its own limit.
FILE_S = 300
#: The time limit of one test.
TEST_MS = 120_000

#: The official command line, in the version that deploys, by its hash.
_CLI = ROOT / "deploy/supabase-cli"
_TOOLS = ROOT / ".tools/npm"
_DECOMPRESS = """
const [source, target] = process.argv.slice(1)
const { createReadStream, createWriteStream } = require('node:fs')
require('node:stream').pipeline(
  createReadStream(source),
  require('node:zlib').createBrotliDecompress(),
  createWriteStream(target),
  (error) => { if (error) throw error }
)
"""


def test_files() -> list[str]:
    """Return the files of tests, as paths in the project."""
    files = (path.relative_to(PROJECT) for path in PROJECT.glob("devstack/js/*/*.test.mjs"))
    return sorted(map(str, files))


def install() -> None:
    """Install the locked packages unless they are there; a second process waits for the first."""
    npm.install(PROJECT)


def install_cli() -> list[str]:
    """Install the Supabase CLI unless it is there; return the command that runs it."""

    def fill(folder: Path) -> None:
        shutil.copytree(_CLI, folder, ignore=shutil.ignore_patterns("node_modules"))
        npm.install_fresh(folder)

    folder = made_from(_CLI / "package-lock.json", "supabase", fill)
    return [str(folder / "node_modules/@supabase/cli-linux-x64/bin/supabase")]


def made_from(source: Path, name: str, make: Callable[[Path], None]) -> Path:
    """Make the folder of a tool unless it is there for this content of `source`; return its path.

    A second process waits for the first.
    """
    _TOOLS.mkdir(parents=True, exist_ok=True)
    fingerprint = hashlib.sha256(source.read_bytes()).hexdigest()
    folder = _TOOLS / f"{name}-{fingerprint[:12]}"
    with (_TOOLS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=_TOOLS) as parent:
                fresh = Path(parent) / name
                make(fresh)
                # The rename leaves no half of it under the final name if the process is killed.
                fresh.rename(folder)
    return folder


def run_tests(file: str, settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run one file of tests by Node's own runner, with these environment variables."""
    options = ["--test-reporter=spec", f"--test-timeout={TEST_MS}"]
    command = [npm.node(), "--test", *options, file]
    return _run(command, os.environ | dict(settings), FILE_S)


def run_program(file: str, text: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the project with a text on its standard input."""
    with tempfile.TemporaryFile("w+") as given:
        given.write(text)
        given.seek(0)
        return _run([npm.node(), file], os.environ, FILE_S, stdin=given)


def decompress(source: Path, target: Path) -> None:
    """Write the content of a file that Brotli has compressed; Python has no Brotli of its own."""
    result = _run([npm.node(), "-e", _DECOMPRESS, str(source), str(target)], os.environ, FILE_S)
    assert result.returncode == 0, result.stdout


def compiled(program: str) -> str:
    """Return the errors of the TypeScript compiler in a program of the project."""
    options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022"]
    options += ["--module", "esnext", "--moduleResolution", "bundler"]
    compiler = str(MODULES / "typescript/bin/tsc")
    return _run([npm.node(), compiler, *options, program], os.environ, FILE_S).stdout


def parsed(module: Path) -> str:
    """Return the error of Node's parser in a module, or nothing."""
    return _run([npm.node(), "--check", str(module)], os.environ, FILE_S).stdout


def _run(
    command: list[str],
    environment: Mapping[str, str],
    timeout_s: float,
    stdin: IO[str] | None = None,
) -> subprocess.CompletedProcess[str]:
    with subprocess.Popen(  # noqa: S603 -- our own tests, by a Node of our own
        command,
        cwd=PROJECT,
        env=environment,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            _kill(process)
            output, _ = process.communicate()
            pytest.fail(f"Not done after {timeout_s} s:\n{output}")
        finally:
            _kill(process)
    return subprocess.CompletedProcess(command, process.returncode, output)


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill a process and its children, because Node runs each file in a child."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
