"""`/metrics` of a running service and of running workers."""

import os
import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from devstack.ports import free_port
from devstack.processes import wait_until
from market import metrics
from tests.integration.service.own_service import OwnService, running_service
from tests.integration.service.processes import Gunicorn


LIVE = re.compile(r'^market_http_request_duration_seconds_count\{.*/live".*\} (\d+)', re.MULTILINE)


def scrape(url: str, token: str) -> str:
    answer = httpx.get(f"{url}/metrics", headers={"Authorization": f"Bearer {token}"}, timeout=10)
    assert 200 == answer.status_code
    return answer.text


@pytest.fixture(scope="module")
def workers_url(stack: Mapping[str, str]) -> str:
    return f"http://127.0.0.1:{stack['METRICS_PORT']}"


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic {token}", "{token}"])
@pytest.mark.parametrize("program", ["service", "workers"])
def test_metrics_need_the_token(
    stack: Mapping[str, str], workers_url: str, program: str, header: str | None
) -> None:
    """The port of the workers may be open to a network, so it needs the token too."""
    url = workers_url if program == "workers" else stack["SERVICE_URL"]
    headers = {"Authorization": header.format(token=stack["METRICS_TOKEN"])} if header else {}

    answer = httpx.get(f"{url}/metrics", headers=headers)

    assert 401 == answer.status_code
    assert "market_" not in answer.text


def test_port_of_the_workers_shows_health_alone(workers_url: str) -> None:
    """A supervisor has no token, and no other path answers."""
    assert (200, "") == ((answer := httpx.get(f"{workers_url}/health")).status_code, answer.text)
    assert 404 == httpx.get(f"{workers_url}/").status_code
    assert 501 == httpx.post(f"{workers_url}/metrics").status_code


def test_port_is_free_again_afterwards() -> None:
    """The port belongs to the block."""
    port = free_port()

    with metrics.serving("127.0.0.1", port, "secret"):
        assert "market_alerts_total" in scrape(f"http://127.0.0.1:{port}", "secret")

    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/health")


def replace_worker(service: OwnService) -> None:
    """Kill a worker of gunicorn, and wait until all of them have their files open."""
    before = Gunicorn.on(service.url)
    assert before is not None
    os.kill(before.workers[0], signal.SIGKILL)

    def is_replaced() -> bool:
        now = Gunicorn.on(service.url)
        if now is None or before.workers[0] in now.workers:
            return False
        return all("histogram_" in maps_of(pid) for pid in now.workers)

    assert wait_until(is_replaced, 30)


def maps_of(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text()


def test_killed_worker_loses_no_count_and_leaves_no_file(
    stack: Mapping[str, Any], tmp_path: Path
) -> None:
    """A successor continues the files of its predecessor, and the folder ends with the service."""
    settings = {name: value for name, value in stack.items() if name != "ready"}
    abandoned = tmp_path / "market-metrics-abandoned"
    abandoned.mkdir()
    (abandoned / "counter_0.db").write_bytes(b"counts of a service that was killed")
    token = stack["METRICS_TOKEN"]

    with running_service(settings, tmp_path / "log", TMPDIR=str(tmp_path)) as service:
        [folder] = tmp_path.glob("market-metrics-*")
        assert folder != abandoned
        for _ in range(20):
            assert service.is_live()
        before = int(LIVE.findall(scrape(service.url, token))[0])
        replace_worker(service)

        assert 20 <= before <= int(LIVE.findall(scrape(service.url, token))[0])
        assert {"0", "1"} == {file.stem.rpartition("_")[2] for file in folder.iterdir()}
    assert [] == list(tmp_path.glob("*market-metrics-*"))
