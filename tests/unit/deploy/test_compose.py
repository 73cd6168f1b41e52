"""`compose.yaml`: each process has few rights, a check and limits; only the proxy has a port."""

import re
from typing import Any

import pytest
import yaml

from devstack.paths import ROOT
from workers.jobs import JOBS


SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())[
    "services"
]
OURS = {name: service for name, service in SERVICES.items() if name != "proxy"}


@pytest.mark.parametrize("name", SERVICES)
def test_process_has_few_rights(name: str) -> None:
    """A taken-over process can neither write files nor gain rights."""
    service = SERVICES[name]

    assert service["read_only"] is True
    assert ["ALL"] == service["cap_drop"]
    assert ["no-new-privileges:true"] == service["security_opt"]
    assert all(part.isdigit() and int(part) > 0 for part in service["user"].split(":"))
    assert "privileged" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_process_is_watched_and_limited(name: str) -> None:
    """One process cannot use up the host, and each is started again when it ends."""
    service = SERVICES[name]

    assert service["healthcheck"]["test"]
    assert "unless-stopped" == service["restart"]
    assert all(service[limit] for limit in ("mem_limit", "cpus", "pids_limit"))
    assert {"driver": "local"} == service["logging"]


@pytest.mark.parametrize("name", SERVICES)
def test_full_folder_leaves_memory(name: str) -> None:
    """A tmpfs counts towards the limit of memory, and clients can fill the one of the proxy."""
    service = SERVICES[name]
    sizes = [
        int(size) for folder in service["tmpfs"] for size in re.findall(r"size=(\d+)m", folder)
    ]

    assert sizes
    assert 2 * sum(sizes) <= int(service["mem_limit"].removesuffix("m"))


@pytest.mark.parametrize("name", OURS)
def test_process_may_end_in_order(name: str) -> None:
    """After SIGTERM a process ends within five seconds; Docker waits longer."""
    assert "10s" == OURS[name]["stop_grace_period"]


def test_all_processes_share_one_image() -> None:
    """The service and its workers are always of one release."""
    assert {"${IMAGE:-aussie-market}:${TAG:-local}"} == {s["image"] for s in OURS.values()}


def test_each_job_has_a_worker() -> None:
    """Each job runs in exactly one worker of a host."""
    commands = [service["command"] for service in OURS.values() if "command" in service]

    assert [["python", "-m", "workers", name] for name in sorted(JOBS)] == sorted(commands)


def test_only_the_proxy_publishes_a_port() -> None:
    """The metrics and the unbuffered service are for the inner network."""
    assert ["proxy"] == [name for name, service in SERVICES.items() if "ports" in service]


def test_workers_serve_metrics_to_the_network() -> None:
    """The workers' health check and a monitoring system read the same port."""
    workers = [service for service in OURS.values() if "command" in service]

    assert [("0.0.0.0", "9100", ["9100"])] * len(workers) == [  # noqa: S104 -- inside a container
        (w["environment"]["METRICS_HOST"], w["environment"]["METRICS_PORT"], w["expose"])
        for w in workers
    ]
