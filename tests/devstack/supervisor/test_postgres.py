"""`devstack.postgres` runs a server of its own, and touches no other."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import psycopg
import pytest

from devstack.errors import DevstackError
from devstack.paths import ROOT
from devstack.postgres.binaries import find_binaries
from devstack.postgres.cluster import Cluster
from devstack.postgres.os_user import OsUser, can_reach, run_options, server_user
from devstack.supervisor.ports import free_port
from devstack.supervisor.processes import is_alive
from tests.devstack.supervisor.devstacks import Devstack, wait_for


def test_server_that_outlived_its_parent_is_replaced(devstack: Devstack) -> None:
    """The next start finds an orphaned server by its file and stops it."""
    with (
        Cluster.start(devstack.data, free_port(), durable=True) as cluster,
        psycopg.connect(cluster.admin_url) as connection,
    ):
        connection.execute("create table kept as select 1 as n")
    port = free_port()
    server = [str(find_binaries().directory / "postgres"), "-D", str(devstack.data / "pgdata")]
    left = subprocess.Popen(  # noqa: S603 -- our own server, without the death signal
        [*server, "-p", str(port), "-c", "unix_socket_directories="],
        stderr=subprocess.DEVNULL,
        **run_options(server_user()),
    )
    status = devstack.data / "pgdata/postmaster.pid"
    wait_for(lambda: status.exists() and "ready" in status.read_text())

    with Cluster.start(devstack.data, free_port(), durable=True) as cluster:
        assert 0 == left.wait(60)
        with psycopg.connect(cluster.admin_url) as connection:
            assert [(1,)] == connection.execute("select n from kept").fetchall()


def test_number_of_another_process_is_no_server(devstack: Devstack) -> None:
    """A process id in the file may belong to another process after a reboot."""
    with Cluster.start(devstack.data, free_port(), durable=False):
        pass
    innocent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    (devstack.data / "pgdata/postmaster.pid").write_text(f"{innocent.pid}\n")

    # Postgres also ignores such a file, unless the process belongs to its user.
    try:
        with Cluster.start(devstack.data, free_port(), durable=False):
            pass
    except DevstackError:
        assert server_user() is None
    finally:
        assert is_alive(innocent.pid)
        innocent.communicate(b"\n")


def test_server_is_as_realtime_needs_it(devstack: Devstack) -> None:
    """The server logs all changes for Realtime, and commits do not delay the stream."""
    with (
        Cluster.start(devstack.data, free_port(), durable=False) as cluster,
        psycopg.connect(cluster.admin_url) as connection,
    ):
        query = """
          select name, setting from pg_settings
          where name in ('wal_level', 'synchronous_commit', 'TimeZone', 'fsync') order by 1
        """
        expected = [
            ("TimeZone", "UTC"),
            ("fsync", "off"),
            ("synchronous_commit", "on"),
            ("wal_level", "logical"),
        ]
        assert expected == connection.execute(query).fetchall()


def test_kept_data_are_safe_from_power_cuts(devstack: Devstack) -> None:
    """Kept data use fsync; only ephemeral data do without."""
    with (
        Cluster.start(devstack.data, free_port(), durable=True) as cluster,
        psycopg.connect(cluster.admin_url) as connection,
    ):
        assert [("on",)] == connection.execute("show fsync").fetchall()


def test_foreign_server_is_not_taken_for_ours(devstack: Devstack) -> None:
    """A server that answers on the port is not ours if ours could not start."""
    port = free_port()
    with (
        Cluster.start(devstack.data, port, durable=False),
        pytest.raises(DevstackError, match=f"did not start on port {port}"),
    ):
        Cluster.start(devstack.data.with_name("other"), port, durable=False)


def test_interrupted_initdb_starts_afresh(
    devstack: Devstack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted initdb starts from the beginning."""
    monkeypatch.delenv("EMBEDDED_PG_TEMPLATE", raising=False)
    half = devstack.data / "pgdata.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("17\n")

    with Cluster.start(devstack.data, free_port(), durable=False) as cluster:
        assert cluster.process.poll() is None


def test_cluster_of_another_major_is_refused(devstack: Devstack) -> None:
    """A cluster of another major version is refused, and the error names both versions."""
    with Cluster.start(devstack.data, free_port(), durable=False):
        pass
    (devstack.data / "pgdata/PG_VERSION").write_text("9\n")

    with pytest.raises(DevstackError, match="was made by PostgreSQL 9"):
        Cluster.start(devstack.data, free_port(), durable=False)


def python_for(user: OsUser) -> Path | None:
    """Return a Python of our version that `user` may run; a pyenv below /root is closed."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for path in (Path(sys.executable), Path("/usr/bin", version), Path("/usr/local/bin", version)):
        if path.exists() and can_reach(user, path.resolve()):
            return path
    return None


@pytest.mark.skipif(os.geteuid() != 0, reason="without root every other test is this one")
def test_ordinary_user_runs_a_stack(devstack: Devstack) -> None:
    """A user without root and without a home runs the same command."""
    user = OsUser(name="nobody", uid=65534, gid=65534)
    python = python_for(user)
    if python is None or not can_reach(user, ROOT):
        pytest.skip("nobody may neither run a Python of this version nor read the repository")
    folder = devstack.env_file.parent / "nobody"
    folder.mkdir()
    os.chown(folder, user.uid, user.gid)
    packages = sysconfig.get_path("purelib")

    process = subprocess.Popen(  # noqa: S603 -- our own program
        [
            *(python, "-m", "devstack", "up", "--data", folder / "data"),
            *("--env-file", folder / "env", "--port-base", str(devstack.base)),
            *("--only", "postgres,gateway,stripe"),
        ],
        stdout=subprocess.PIPE,
        user=user.uid,
        group=user.gid,
        extra_groups=[],
        cwd=ROOT,
        env={"PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.defpath},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b'{"ready": true')
        assert user.uid == (folder / "data/postgres/pgdata").stat().st_uid
    finally:
        process.terminate()
        assert 0 == process.wait(60)
        assert process.stdout is not None
        process.stdout.close()
