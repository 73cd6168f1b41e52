"""Tests find the processes of a service that has not forked all of its workers yet."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.integration.service.own_service import running_service
from tests.integration.service.processes import Gunicorn


APP = "tests.integration.service.health_app:app"
#: A configuration of gunicorn: fork the second worker when the test has opened a named pipe.
CONFIGURATION = """
workers = 2

def pre_fork(_server, worker):
    if worker.age > 1:
        open({pipe!r}).close()
"""


def test_service_is_found_when_all_its_workers_run(tmp_path: Path) -> None:
    """The first worker answers before the second one exists."""
    configuration, pipe = tmp_path / "gunicorn.conf.py", tmp_path / "pipe"
    configuration.write_text(CONFIGURATION.format(pipe=str(pipe)))
    os.mkfifo(pipe)
    options = {"GUNICORN_CMD_ARGS": f"--config {configuration}"}
    with running_service({}, tmp_path / "log", app=APP, **options) as service:
        assert Gunicorn.find(service.url) is None
        with ThreadPoolExecutor(1) as pool:
            found = pool.submit(Gunicorn.at, service.url)
            pipe.open("w").close()

        assert 2 == len(found.result().workers)
