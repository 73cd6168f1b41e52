"""devstack runs service and workers as parts, and starts them again after a crash."""

import http.client
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.devstack.supervisor.devstacks import (
    TIMEOUT_S,
    Devstack,
    command_of,
    new_devstack,
    wait_for,
)


# One process runs these tests, because the last ones end the shared stack.
pytestmark = pytest.mark.xdist_group("own processes")

WHOLE_STACK = "postgres,gateway,stripe,service,workers"
COMMANDS = {"service": b"gunicorn\0", "workers": b"workers\0all\0"}
HEALTH = {"service": (3, "/api/health/live"), "workers": (4, "/health")}


def pids(process: subprocess.Popen[bytes], part: str) -> list[int]:
    """Return the children of a stack that run the service or a worker."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in children if COMMANDS[part] in command_of(pid)]


def answers(devstack: Devstack, part: str) -> bool:
    offset, path = HEALTH[part]
    connection = http.client.HTTPConnection("127.0.0.1", devstack.base + offset, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@pytest.fixture(scope="module")
def whole_stack(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Devstack, subprocess.Popen[bytes]]]:
    """Run one whole stack; the module's last tests end it."""
    temporary = tmp_path_factory.mktemp("temporary")
    temporary.chmod(0o711)
    with new_devstack() as devstack:
        devstack.environment["TMPDIR"] = str(temporary)
        yield devstack, devstack.up_and_ready(only=WHOLE_STACK, is_bare=False)


def test_temporary_folder_of_the_machine_stays_empty(
    whole_stack: tuple[Devstack, subprocess.Popen[bytes]],
) -> None:
    """A killed part leaves files in the data folder alone, where the next start removes them."""
    devstack, _ = whole_stack

    assert [] == list(Path(devstack.environment["TMPDIR"]).iterdir())
    assert [] != list((devstack.data / "tmp").iterdir())


def test_product_has_no_database_url(
    whole_stack: tuple[Devstack, subprocess.Popen[bytes]],
) -> None:
    """Service and workers have no URL of the database, and reach it through the gateway."""
    _, process = whole_stack

    for part in COMMANDS:
        for pid in pids(process, part):
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            names = {variable.split(b"=")[0] for variable in variables}
            assert b"SUPABASE_URL" in names
            assert not names & {b"DATABASE_URL", b"ADMIN_DATABASE_URL"}


@pytest.mark.parametrize("part", ["service", "workers"])
def test_crashed_process_is_started_again(
    whole_stack: tuple[Devstack, subprocess.Popen[bytes]], part: str
) -> None:
    """The stack reports a crash and starts the part again, later after a second crash in a row."""
    devstack, process = whole_stack

    for wait_s in ("0.5", "1"):
        # The second crash follows at once. After half a minute it would count as a first one.
        crash(devstack, process, part, wait_s)

    wait_for(lambda: answers(devstack, part))
    assert process.poll() is None


def crash(devstack: Devstack, process: subprocess.Popen[bytes], part: str, wait_s: str) -> None:
    """Kill a part; wait until the stack has reported and made its new start."""
    [pid] = pids(process, part)
    os.kill(pid, signal.SIGKILL)
    message = f"{part} ended (killed by signal 9); it starts again in {wait_s} s."
    wait_for(lambda: message in devstack.errors_of(process))
    # Wait for the next process. An answer proves nothing: gunicorn's children outlive it a little.
    wait_for(lambda: pids(process, part) not in ([], [pid]))


def test_killed_whole_stack_leaves_nothing(
    whole_stack: tuple[Devstack, subprocess.Popen[bytes]],
) -> None:
    """A kill -9 of the stack ends all its processes."""
    devstack, process = whole_stack
    assert pids(process, "service")
    assert pids(process, "workers")

    process.kill()

    wait_for(lambda: not devstack.left_behind())


def test_whole_stack_comes_up_after_a_kill_and_leaves_nothing(
    whole_stack: tuple[Devstack, subprocess.Popen[bytes]],
) -> None:
    """The same command starts after a kill, and Ctrl-C ends the children of the parts too."""
    devstack, process = whole_stack
    process.kill()
    wait_for(lambda: not devstack.left_behind())

    process = devstack.up_and_ready(only=WHOLE_STACK, is_bare=False)
    assert answers(devstack, "service")
    assert pids(process, "service")
    assert pids(process, "workers")
    process.send_signal(signal.SIGINT)

    assert 0 == process.wait(60)
    assert [] == devstack.left_behind()
