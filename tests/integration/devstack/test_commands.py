"""`python -m devstack stop|status`: one finds a running stack by its data folder."""

from tests.integration.devstack.devstacks import Devstack


def test_status_tells_where_a_stack_runs(devstack: Devstack) -> None:
    """It says the addresses, and exits with 0 as long as the stack lives."""
    devstack.up_and_ready()

    done = devstack.run("status", "--data", str(devstack.data))

    assert 0 == done.returncode
    assert f"SUPABASE_URL=http://127.0.0.1:{devstack.base}" in done.stdout


def test_status_tells_that_none_runs(devstack: Devstack) -> None:
    """Exit code 3 is for scripts; nothing is made by asking."""
    done = devstack.run("status", "--data", str(devstack.data))

    assert 3 == done.returncode
    assert "No stack runs on " in done.stdout
    assert not devstack.data.exists()


def test_psql_opens_the_running_database(devstack: Devstack) -> None:
    """The wheel's psql connects as role postgres, so nobody has to install one."""
    devstack.up_and_ready()

    done = devstack.run(
        *("psql", "--data", str(devstack.data), "--"),
        *("--no-align", "--tuples-only", "--command", "select current_user"),
    )

    assert (0, "postgres\n") == (done.returncode, done.stdout)


def test_psql_needs_a_stack(devstack: Devstack) -> None:
    """Without a running stack one sentence names the command that starts one."""
    done = devstack.run("psql", "--data", str(devstack.data))

    assert 3 == done.returncode
    assert "`make up` starts one" in done.stderr
    assert not devstack.data.exists()


def test_stop_ends_a_stack(devstack: Devstack) -> None:
    """When it returns, nothing of the stack is left, and it ended as if by Ctrl-C."""
    process = devstack.up_and_ready(only="postgres,gateway,stripe")

    done = devstack.run("stop", "--data", str(devstack.data))

    assert (0, 0) == (done.returncode, process.wait(60))
    assert [] == devstack.left_behind()
    assert 3 == devstack.run("status", "--data", str(devstack.data)).returncode


def test_stop_without_a_stack_is_fine(devstack: Devstack) -> None:
    """What it is to reach is already so."""
    assert 0 == devstack.run("stop", "--data", str(devstack.data)).returncode


def test_killed_stack_does_not_run(devstack: Devstack) -> None:
    """The lock goes with the process, so nobody has to clean up a file."""
    process = devstack.up_and_ready()
    process.kill()
    process.wait(60)

    assert 3 == devstack.run("status", "--data", str(devstack.data)).returncode
