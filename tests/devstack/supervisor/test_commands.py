"""`python -m devstack stop|status|psql|…` finds a running stack by its data folder."""

from collections.abc import Iterator

import psycopg
import pytest

from devstack.supervisor.options import PARTS
from devstack.supervisor.ports import free_base
from tests.devstack.supervisor.devstacks import Devstack, new_devstack


#: One process runs these tests, because they share a stack.
RUNS = pytest.mark.xdist_group("a running devstack")


@pytest.fixture(scope="module")
def running() -> Iterator[Devstack]:
    """Run one stack for the commands that do not end it."""
    with new_devstack() as devstack:
        devstack.up_and_ready()
        yield devstack


@RUNS
def test_status_tells_where_a_stack_runs(running: Devstack) -> None:
    """`status` prints the addresses and exits with 0 while the stack runs."""
    done = running.run("status", "--data", str(running.data))

    assert 0 == done.returncode
    assert f"SUPABASE_URL=http://127.0.0.1:{running.base}" in done.stdout


def test_status_tells_that_none_runs(devstack: Devstack) -> None:
    """`status` exits with 3 for scripts if no stack runs, and makes no folder."""
    done = devstack.run("status", "--data", str(devstack.data))

    assert 3 == done.returncode
    assert "No stack runs on " in done.stdout
    assert not devstack.data.exists()


@RUNS
def test_psql_opens_the_running_database(running: Devstack) -> None:
    """`psql` from the wheel connects as role postgres."""
    done = running.run(
        *("psql", "--data", str(running.data), "--"),
        *("--no-align", "--tuples-only", "--command", "select current_user"),
    )

    assert (0, "postgres\n") == (done.returncode, done.stdout)


@RUNS
def test_reset_is_refused_while_a_stack_runs(running: Devstack) -> None:
    """`reset` is refused while a stack runs, so that nobody loses rows in use."""
    done = running.run("reset", "--data", str(running.data))

    assert 1 == done.returncode
    assert f"-m devstack stop --data {running.data}`" in done.stderr
    assert (running.data / "postgres/pgdata").exists()


@RUNS
def test_second_stack_on_the_same_data_is_refused(running: Devstack) -> None:
    """A second stack on the same data names the first, which goes on."""
    second = running.up("--port-base", str(free_base(len(PARTS))))

    assert 1 == second.wait(60)
    assert "A stack already runs on " in running.errors_of(second)
    assert "Traceback" not in running.errors_of(second)
    url = f"postgresql://postgres@127.0.0.1:{running.base + 1}/postgres"
    with psycopg.connect(url) as connection:
        assert [(1,)] == connection.execute("select 1").fetchall()


def test_psql_needs_a_stack(devstack: Devstack) -> None:
    """`psql` without a stack names the command that starts one."""
    done = devstack.run("psql", "--data", str(devstack.data))

    assert 3 == done.returncode
    assert "`make up` starts one" in done.stderr
    assert not devstack.data.exists()


def test_stop_ends_a_stack(devstack: Devstack) -> None:
    """`stop` returns after the stack's end, which is as clean as by Ctrl-C."""
    process = devstack.up_and_ready(only="postgres,gateway,stripe")

    done = devstack.run("stop", "--data", str(devstack.data))

    assert (0, 0) == (done.returncode, process.wait(60))
    assert [] == devstack.left_behind()
    assert 3 == devstack.run("status", "--data", str(devstack.data)).returncode


def test_stop_without_a_stack_is_fine(devstack: Devstack) -> None:
    """`stop` without a stack succeeds."""
    assert 0 == devstack.run("stop", "--data", str(devstack.data)).returncode
