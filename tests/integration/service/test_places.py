"""gunicorn runs a limited number of requests, and webhooks have places of their own."""

import collections
import contextlib
import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.service.held_app import PORT_VARIABLE
from tests.integration.service.own_service import Answer, OwnService, running_service
from tests.support.factories import ENVIRONMENT
from tests.support.waits import ANSWER_S


APP = "tests.integration.service.held_app:build()"
WEBHOOK, IDENTITY = "/api/webhooks/stripe", "/api/webhooks/stripe/identity"
ROUTES = ("/api/payments/confirm", "/api/webhooks-of-others", "/api/canary")


class Barrier:
    """Holds the requests that run, and counts them by path."""

    def __init__(self, listener: socket.socket) -> None:
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._held: list[socket.socket] = []

    def wait_for(self, count: int) -> collections.Counter[bool]:
        """Wait until `count` more requests run; return the number of webhooks and of others."""
        held = [self._listener.accept()[0] for _ in range(count)]
        self._held += held
        return collections.Counter(is_webhook(each.makefile().readline().strip()) for each in held)

    def release(self) -> None:
        """Let all requests go that are held now."""
        while self._held:
            self._held.pop().close()


def is_webhook(path: str) -> bool:
    return path in {WEBHOOK, IDENTITY}


@contextlib.contextmanager
def open_barrier() -> Iterator[Barrier]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        listener.settimeout(ANSWER_S)
        barrier = Barrier(listener)
        try:
            yield barrier
        finally:
            barrier.release()


@pytest.fixture(scope="module")
def barrier() -> Iterator[Barrier]:
    with open_barrier() as barrier:
        yield barrier


@pytest.fixture(scope="module")
def service(barrier: Barrier, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnService]:
    """Run one process, because each process has its own places."""
    changes = {PORT_VARIABLE: str(barrier.port), "GUNICORN_CMD_ARGS": "--workers 1"}
    log = tmp_path_factory.mktemp("places") / "log"
    with running_service(ENVIRONMENT, Path(log), app=APP, **changes) as service:
        yield service


def post(service: OwnService, path: str) -> Answer:
    head = f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    return service.send(head.encode())


def send(
    threads: ThreadPoolExecutor, service: OwnService, count: int, *paths: str
) -> list[Future[Answer]]:
    return [threads.submit(post, service, paths[each % len(paths)]) for each in range(count)]


def statuses(answers: list[Future[Answer]]) -> collections.Counter[int]:
    return collections.Counter(answer.result().status for answer in answers)


def test_webhooks_leave_all_places_of_the_other_routes(
    service: OwnService, barrier: Barrier
) -> None:
    """Webhooks run up to their limit; sixteen other requests still run beside them."""
    with ThreadPoolExecutor(64) as threads:
        webhooks = send(threads, service, 28, WEBHOOK, IDENTITY)
        first = barrier.wait_for(12)
        others = send(threads, service, 16, *ROUTES)
        then = barrier.wait_for(16)
        barrier.release()
        last = barrier.wait_for(12)
        barrier.release()
        barrier.wait_for(4)
        barrier.release()

    assert ({True: 12}, {False: 16}, {True: 12}) == (first, then, last)
    assert ({200: 28}, {200: 16}) == (statuses(webhooks), statuses(others))


def test_other_routes_leave_the_places_of_webhooks(service: OwnService, barrier: Barrier) -> None:
    """A webhook waits only for other webhooks, whatever number of other callers wait."""
    with ThreadPoolExecutor(64) as threads:
        others = send(threads, service, 30, *ROUTES)
        first = barrier.wait_for(16)
        webhooks = send(threads, service, 12, WEBHOOK)
        then = barrier.wait_for(12)
        barrier.release()
        barrier.wait_for(14)
        barrier.release()

    assert ({False: 16}, {True: 12}) == (first, then)
    assert ({200: 30}, {200: 12}) == (statuses(others), statuses(webhooks))
