"""Service and workers below devstack: they crash on a bug by design, and are started again."""

import http.client
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.integration.devstack.devstacks import Devstack, command_of, wait_for


EVERYTHING = "postgres,gateway,stripe,service,workers"
COMMANDS = {"service": b"gunicorn\0", "workers": b"workers\0all\0"}
HEALTH = {"service": (3, "/api/health/live"), "workers": (4, "/health")}


def pids(process: subprocess.Popen[bytes], part: str) -> list[int]:
    """Return the children of a stack that run one of our parts."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in children if COMMANDS[part] in command_of(pid)]


def answers(devstack: Devstack, part: str) -> bool:
    offset, path = HEALTH[part]
    connection = http.client.HTTPConnection("127.0.0.1", devstack.base + offset, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@pytest.mark.parametrize("part", ["service", "workers"])
def test_crashed_process_is_started_again(devstack: Devstack, part: str) -> None:
    """The stack says so and goes on; the second crash in a row is given more time."""
    process = devstack.up_and_ready(only=EVERYTHING)

    for wait_s in ("0.5", "1"):
        crash(devstack, process, part, wait_s)

    assert process.poll() is None


def crash(devstack: Devstack, process: subprocess.Popen[bytes], part: str, wait_s: str) -> None:
    """Kill a part, and wait until the stack has said what it does and has done it."""
    [pid] = pids(process, part)
    os.kill(pid, signal.SIGKILL)
    told = f"{part} ended (killed by signal 9); it starts again in {wait_s} s."
    wait_for(lambda: told in devstack.told(process))
    # Gunicorn's children answer a little longer than it lives, so an answer alone proves nothing.
    wait_for(lambda: pids(process, part) not in ([], [pid]) and answers(devstack, part))


def test_whole_stack_leaves_nothing(devstack: Devstack) -> None:
    """Ctrl-C ends gunicorn's and the workers' processes too."""
    process = devstack.up_and_ready(only=EVERYTHING)
    assert pids(process, "service")
    assert pids(process, "workers")

    process.send_signal(signal.SIGINT)

    assert 0 == process.wait(60)
    assert [] == devstack.left_behind()


def test_killed_whole_stack_leaves_nothing(devstack: Devstack) -> None:
    """A kill -9 takes all of them along, and the same command works again."""
    devstack.up_and_ready(only=EVERYTHING).kill()

    wait_for(lambda: not devstack.left_behind())
    devstack.up_and_ready(only=EVERYTHING)

    assert answers(devstack, "service")


def test_product_is_not_told_where_the_database_is(devstack: Devstack) -> None:
    """It has one door to Postgres, as in production, and no way round it."""
    process = devstack.up_and_ready(only=EVERYTHING)

    for part in COMMANDS:
        for pid in pids(process, part):
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            names = {variable.split(b"=")[0] for variable in variables}
            assert b"SUPABASE_URL" in names
            assert not names & {b"DATABASE_URL", b"ADMIN_DATABASE_URL"}
