"""Fixtures and settings of every test."""

import contextlib
import functools
import gc
import importlib
import importlib.util
import os
import shutil
import ssl
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from httpx._config import DEFAULT_TIMEOUT_CONFIG

from devstack.postgres.cluster import Cluster
from devstack.supervisor.ports import free_port
from tests.support.seen_answers import SEEN, stated_codes, unseen


pytest_plugins = ("tests.support.stack",)

#: A file system in memory. Postgres makes a file per table and index, and some disks take a
#: millisecond for each.
MEMORY = Path("/dev/shm")  # noqa: S108 - each test makes a folder of its own there
#: The databases and logs of a whole run need less.
MEMORY_BYTES = 4 * 2**30
#: Options of pytest that leave out tests.
CHOICES = ("keyword", "markexpr", "collectonly", "lf", "stepwise", "deselect", "ignore")
#: Folders whose tests share servers or databases, and one whose tests start servers of their own.
SHARING = ("tests/integration/", "tests/devstack/gateway/", "tests/devstack/stripe", "tests/schema")
ONE_BY_ONE = "tests/devstack/supervisor/"
#: The tests that share a running system.
LONGEST_GROUP = "stack"


def pytest_configure() -> None:
    """Make a run quick: cheap password hashes, and temporary files in memory."""
    os.environ.setdefault("DEVSTACK_PASSWORD_COST", "4")
    _use_memory()
    _limit_no_time()


def _limit_no_time() -> None:
    """Let Hypothesis's tests take any time: a busy machine stops a process for more than 0.2 s."""
    slow = [hypothesis.HealthCheck.too_slow]
    usual = hypothesis.settings()
    hypothesis.settings.register_profile("busy", usual, deadline=None, suppress_health_check=slow)
    hypothesis.settings.load_profile("busy")


def _use_memory() -> None:
    """Put temporary files into memory where there is room, but for those that pytest keeps."""
    if "TMPDIR" in os.environ or not MEMORY.is_dir():
        return
    found = os.statvfs(MEMORY)
    is_executable = not found.f_flag & getattr(os, "ST_NOEXEC", 0)
    if is_executable and found.f_bavail * found.f_frsize >= MEMORY_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the garbage collector leave out what lasts as long as the run: 10,000 tests and imports.

    It would search them again and again, in half of the time in which pytest collects the tests.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process run all tests of a file, or of a folder whose tests share something.

    Two processes would start the servers or build the databases twice, and xdist is slow with
    8,000 groups of one test. The longest group starts first, because a run ends no sooner than it.
    """
    for item in items:
        file = item.nodeid.split("::")[0]
        if file.startswith(ONE_BY_ONE) or item.get_closest_marker("xdist_group"):
            continue
        folder = file.rpartition("/")[0]
        is_shared = folder.startswith(SHARING)
        item.add_marker(pytest.mark.xdist_group(folder if is_shared else file))
    items.sort(key=_is_short)


def _is_short(item: pytest.Item) -> bool:
    mark = item.get_closest_marker("xdist_group")
    return mark is None or mark.args != (LONGEST_GROUP,)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over the codes that a process of the run has seen."""
    SEEN.update(map(tuple, getattr(node, "workeroutput", {}).get("seen_answers", ())))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Hand on the codes that this process has seen; after a whole run, look for unseen ones."""
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["seen_answers"] = sorted(SEEN)
        return
    chosen = (getattr(config.option, name, None) for name in CHOICES)
    is_whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not any(chosen)
    if exitstatus == pytest.ExitCode.OK and (is_whole or os.environ.get("SEEN_ANSWERS")):
        codes = unseen(stated_codes(), SEEN)
        if codes:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            title = "Codes that routes state and no test has seen:"
            print("", title, *codes, sep="\n")  # noqa: T201 - pytest shows it


@pytest.fixture(scope="session", autouse=True)
def _one_tls_context() -> Iterator[None]:
    """Let all HTTP clients of the tests share a context: each would take 20 ms to read its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))
        yield


@pytest.fixture(scope="session", autouse=True)
def _patient_clients() -> Iterator[None]:
    """Let HTTP clients without a limit of their own wait for a minute.

    The five seconds of httpx are too few on a machine that is busy with other tests.
    """
    with pytest.MonkeyPatch.context() as patch:
        for limit in ("connect", "read", "write", "pool"):
            patch.setattr(DEFAULT_TIMEOUT_CONFIG, limit, 60.0)
        yield


@pytest.fixture(autouse=True)
def _retry_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("market.retry") is None:
        return
    retry = importlib.import_module("market.retry")
    monkeypatch.setattr(retry.POLICY, "sleep", lambda _seconds: None)
    # The process has one budget, and no test may live on what another has left of it.
    monkeypatch.setattr(retry, "BUDGET", retry.RetryBudget())


@pytest.fixture(scope="session", autouse=True)
def _cluster_template(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run initdb once; every Postgres of this test process starts as a copy of its result."""
    if all("/unit/" in item.nodeid for item in request.session.items):
        yield
        return
    with _temporary_folder() as folder, pytest.MonkeyPatch.context() as patch:
        with Cluster.start(folder, free_port(), durable=False):
            pass
        patch.setenv("EMBEDDED_PG_TEMPLATE", str(folder / "pgdata"))
        yield


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    # Pytest's own folder is closed to the user who runs Postgres for root.
    folder = Path(tempfile.mkdtemp(prefix="market-tests-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


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
    with (
        _temporary_folder() as folder,
        Cluster.start(folder, free_port(), durable=False) as cluster,
    ):
        yield cluster.admin_url
