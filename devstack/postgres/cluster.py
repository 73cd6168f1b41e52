"""Initialise, start and stop a private PostgreSQL server."""

import dataclasses
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Self

from devstack.errors import DevstackError
from devstack.postgres.binaries import Binaries, find_binaries
from devstack.postgres.os_user import OsUser, can_reach, run_options, server_user
from devstack.supervisor.processes import (
    dies_with_parent,
    end,
    is_alive,
    start,
    tail,
    wait_until,
)


#: The time that a server has to recover after a crash, and to stop.
START_S = 60
STOP_S = 10

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # Realtime reads changes by logical decoding.
    "wal_level": "logical",
    "max_replication_slots": "10",
    "max_wal_senders": "10",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
#: A crash of the machine may lose ephemeral data. Commits stay synchronous, because logical
#: decoding reads only written WAL: asynchronous commits would delay its changes by up to 200 ms.
EPHEMERAL_SETTINGS = {"fsync": "off", "full_page_writes": "off"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A running server. It trusts every connection from this machine."""

    folder: Path
    port: int
    binaries: Binaries
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, data: Path, port: int, *, durable: bool) -> "Cluster":
        """Start a server on the cluster in the folder `data`; make one if there is none.

        A server that a kill -9 left running there is stopped first. Call this from the main thread,
        because the server ends with the thread that started it.
        """
        binaries, user = find_binaries(), server_user()
        _prepare_folder(data, user)
        stop_stale(data)
        if not (data / "pgdata").exists():
            _initialise(binaries, user, data, durable=durable)
        _check_version(binaries, data / "pgdata")

        process = start(
            _command(binaries, data / "pgdata", port, durable=durable),
            data / "postgres.log",
            death_signal=signal.SIGINT,
            options=run_options(user),
        )
        cluster = cls(folder=data, port=port, binaries=binaries, process=process)
        try:
            cluster._wait_until_ready()
        except BaseException:
            cluster.stop()
            raise
        return cluster

    @property
    def admin_url(self) -> str:
        """Return the URL of the superuser; migrations run as another role."""
        return f"postgresql://supabase_admin@127.0.0.1:{self.port}/postgres"

    def stop(self) -> None:
        """Stop the server by a fast shutdown; if that takes too long, by an immediate one."""
        end(self.process, (signal.SIGINT, signal.SIGQUIT), STOP_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def _wait_until_ready(self) -> None:
        """Wait for the server's status file; an open port may belong to another process."""
        path = self.folder / "pgdata/postmaster.pid"

        def is_ready_or_ended() -> bool:
            if self.process.poll() is not None:
                return True
            lines = _lines(path)
            return (
                len(lines) > 1
                and lines[0].strip() == str(self.process.pid)
                and lines[-1].strip() == "ready"
            )

        in_time = wait_until(is_ready_or_ended, START_S)
        if not in_time or self.process.poll() is not None:
            problem = tail(self.folder / "postgres.log")
            raise DevstackError(f"Postgres did not start on port {self.port}:\n{problem}")


def _prepare_folder(data: Path, user: OsUser | None) -> None:
    data.mkdir(parents=True, exist_ok=True)
    if user is None:
        return
    os.chown(data, user.uid, user.gid)
    if not can_reach(user, data):
        raise DevstackError(
            f"{data} cannot be entered by {user.name}, which runs Postgres instead of root."
        )


def _initialise(binaries: Binaries, user: OsUser | None, data: Path, *, durable: bool) -> None:
    """Make an empty database cluster; only a complete one gets the name `pgdata`.

    If EMBEDDED_PG_TEMPLATE names the folder of a stopped cluster, copy that one: initdb takes
    longer than most tests.
    """
    fresh = data / "pgdata.new"

    def is_removed() -> bool:
        shutil.rmtree(fresh, ignore_errors=True)
        return not fresh.exists()

    # A server process of a killed initdb may still write there; it ends soon.
    if not wait_until(is_removed, STOP_S):
        raise DevstackError(f"{fresh} cannot be removed.")
    template = os.environ.get("EMBEDDED_PG_TEMPLATE")
    command = (
        ["cp", "-R", template, str(fresh)]
        if template
        else _initdb(binaries, fresh, durable=durable)
    )
    done = subprocess.run(  # noqa: S603 -- a fixed command
        command,
        check=False,
        capture_output=True,
        text=True,
        start_new_session=True,
        # An initdb that outlives a killed stack would write into the folder of the next start.
        preexec_fn=dies_with_parent(signal.SIGKILL),
        **run_options(user),
    )
    if done.returncode != 0:
        raise DevstackError(f"{Path(command[0]).name} failed:\n{done.stderr.strip()}")
    fresh.rename(data / "pgdata")


def _initdb(binaries: Binaries, fresh: Path, *, durable: bool) -> list[str]:
    is_builtin = binaries.major >= 17  # noqa: PLR2004 -- the first with a locale provider of its own
    locale = (
        ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        if is_builtin
        else ["--locale=C.UTF-8"]
    )
    return [
        str(binaries.directory / "initdb"),
        f"--pgdata={fresh}",
        "--username=supabase_admin",
        "--auth=trust",
        "--encoding=UTF8",
        *locale,
        *([] if durable else ["--no-sync"]),
    ]


def _check_version(binaries: Binaries, pgdata: Path) -> None:
    made_by = (pgdata / "PG_VERSION").read_text().strip()
    if made_by != str(binaries.major):
        raise DevstackError(
            f"{pgdata} was made by PostgreSQL {made_by}, and {binaries.source} has "
            f"{binaries.version}: reset the data or choose others."
        )


def _command(binaries: Binaries, pgdata: Path, port: int, *, durable: bool) -> list[str | Path]:
    settings = SETTINGS | ({} if durable else EPHEMERAL_SETTINGS) | {"port": str(port)}
    if binaries.has_library("pg_stat_statements"):
        settings["shared_preload_libraries"] = "pg_stat_statements"
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return [binaries.directory / "postgres", "-D", pgdata, *options]


def stop_stale(data: Path) -> None:
    """Stop the server that a killed stack left running on a data folder, if there is one."""
    pgdata = data / "pgdata"
    lines = _lines(pgdata / "postmaster.pid")
    if not lines or not re.fullmatch(r"\d+", lines[0].strip()):
        return
    pid = int(lines[0])
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        # Another program may have this process number by now.
        if not _serves(pid, pgdata):
            return
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        except PermissionError as error:
            raise DevstackError(f"Process {pid} of another user serves {pgdata}.") from error
        wait_until(lambda: not _serves(pid, pgdata), STOP_S)


def _serves(pid: int, pgdata: Path) -> bool:
    """Return true if a process is a server on this folder, which is then its working directory."""
    if not is_alive(pid):
        return False
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cwd").samefile(pgdata)
        except (FileNotFoundError, ProcessLookupError):
            # A zombie has no working directory.
            return False
        except PermissionError:
            return True
    command = ["ps", "-o", "command=", "-p", str(pid)]
    shown = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 -- a fixed command
    return str(pgdata) in shown.stdout


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except FileNotFoundError:
        return []
