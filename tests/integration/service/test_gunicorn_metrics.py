"""gunicorn's workers share their counts through files, which do not grow in number."""

import os
import re
import signal
from pathlib import Path

import httpx

from devstack.supervisor.processes import wait_until
from tests.integration.service.own_service import OwnService, running_service
from tests.integration.service.processes import Gunicorn
from tests.support.factories import ENVIRONMENT


APP = "tests.integration.service.counting_app:app"
COUNT = re.compile(r"^market_realtime_joins_total (\d+)", re.MULTILINE)


def count(service: OwnService, times: int = 1) -> int:
    """Send requests, and return the number of requests that all workers have counted."""
    with httpx.Client() as client:
        texts = [client.get(service.url).text for _ in range(times)]
    return int(COUNT.findall(texts[-1])[0])


def replace_workers(service: OwnService) -> None:
    """Kill the workers of gunicorn, and wait until their successors have their files open."""
    before = Gunicorn.at(service.url)
    for pid in before.workers:
        os.kill(pid, signal.SIGKILL)

    def is_replaced() -> bool:
        now = Gunicorn.find(service.url)
        if now is None or set(before.workers) & set(now.workers):
            return False
        return all("histogram_" in maps_of(pid) for pid in now.workers)

    assert wait_until(is_replaced, 30)


def maps_of(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text()


def test_killed_workers_lose_no_count_and_leave_no_file(tmp_path: Path) -> None:
    """A new worker continues the files of a killed one; the folder ends with the service."""
    abandoned = tmp_path / "market-metrics-abandoned"
    abandoned.mkdir()
    (abandoned / "counter_0.db").write_bytes(b"counts of a service that was killed")

    with running_service(ENVIRONMENT, tmp_path / "log", app=APP, TMPDIR=str(tmp_path)) as service:
        [folder] = tmp_path.glob("market-metrics-*")
        assert folder != abandoned
        before = count(service, times=20)
        replace_workers(service)

        assert 20 <= before < count(service)
        assert {"0", "1"} == {file.stem.rpartition("_")[2] for file in folder.iterdir()}
    assert [] == list(tmp_path.glob("*market-metrics-*"))
