"""Test that our processes write nothing into a home folder."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from devstack.supervisor.processes import wait_until
from tests.faults.fleet import Fleet
from tests.integration.service.own_service import running_service
from tests.support.waits import ANSWER_S


pytestmark = pytest.mark.xdist_group("stack")


def test_home_folder_stays_empty(stack: Mapping[str, str], tmp_path: Path) -> None:
    """A container's user has no home folder, and its file system may be read-only."""
    home = tmp_path / "home"
    home.mkdir()
    changes = {"HOME": str(home), "XDG_CONFIG_HOME": "", "XDG_CACHE_HOME": ""}

    with (
        running_service(stack, tmp_path / "service", **changes) as service,
        closing(Fleet(stack, tmp_path / "workers", **changes)) as fleet,
    ):
        fleet.start()
        assert wait_until(lambda: "workers_started" in fleet.log(), ANSWER_S)
        health = httpx.get(f"{service.url}/api/health", timeout=ANSWER_S)
        status = fleet.stop()

    assert "up" == health.json()["services"]["stripe"]
    assert 0 == status
    assert [] == list(home.iterdir())
