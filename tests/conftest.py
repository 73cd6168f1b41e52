"""What every test may rely on."""

import importlib
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.ports import free_port
from devstack.postgres import Cluster


@pytest.fixture(autouse=True)
def _retry_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("market.retry") is None:
        return
    retry = importlib.import_module("market.retry")
    monkeypatch.setattr(retry.POLICY, "sleep", lambda _seconds: None)
    # The process has one budget, and no test may live on what another has left of it.
    monkeypatch.setattr(retry, "BUDGET", retry.RetryBudget())


@pytest.fixture(scope="session")
def admin_url() -> Iterator[str]:
    """Give the URL of a Postgres's superuser: it builds databases, and no test runs as it.

    Each process of a test run has a server of its own, unless ADMIN_DATABASE_URL names one: for one
    process, for the databases have the same names in each.
    """
    url = os.environ.get("ADMIN_DATABASE_URL")
    if url:
        if int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1:
            pytest.fail(
                "Processes side by side would drop each other's databases on the server"
                " of ADMIN_DATABASE_URL: unset it, or run without -n."
            )
        yield url
        return
    # Not pytest's own folder: that one is closed to the user who runs Postgres for root.
    folder = Path(tempfile.mkdtemp(prefix="market-tests-"))
    try:
        with Cluster.start(folder, free_port(), durable=False) as cluster:
            yield cluster.admin_url
    finally:
        shutil.rmtree(folder)
