"""`service.app`: the routes and the settings of the whole service."""

import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import request
from gunicorn import util
from gunicorn.http.unreader import SocketUnreader

from service.app import create_app
from tests.support.factories import ENVIRONMENT, make_settings
from tests.unit.service.adapters import make_service


ROOT = Path(__file__).parents[3]
HOST = {"Host": "evil.test"}
PAGES = (
    ("", "GET"),
    ("/<path:place>", "GET", "POST"),
    ("/actions/<name>", "POST"),
    ("/auctions/<auction_id>", "GET"),
    ("/audit", "GET"),
    ("/console.css", "GET"),
    ("/console.js", "GET"),
    ("/disputes", "GET"),
    ("/enrol", "POST"),
    ("/events/<event_id>", "GET"),
    ("/jobs", "GET"),
    ("/messages", "POST"),
    ("/orders", "GET"),
    ("/orders/<order_id>", "GET"),
    ("/queues", "GET"),
    ("/review", "GET"),
    ("/search", "GET"),
    ("/second-factor", "POST"),
    ("/sign-in", "POST"),
    ("/sign-out", "POST"),
    ("/users/<user_id>", "GET"),
)


def test_routes_are_those_of_the_contract() -> None:
    """The service has the contract's routes, and no others."""
    rules = {
        (rule.rule, *sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}))
        for rule in create_app(make_settings()).url_map.iter_rules()
    }

    assert {
        ("/api/webhooks/stripe", "POST"),
        ("/api/webhooks/stripe/identity", "POST"),
        ("/api/payments/create-intent", "POST"),
        ("/api/payments/confirm", "POST"),
        ("/api/payouts/onboard", "POST"),
        ("/api/payouts", "GET"),
        ("/api/kyc/start", "POST"),
        ("/api/kyc", "GET"),
        ("/api/payments/refund", "POST"),
        ("/api/orders/<order_id>", "GET"),
        ("/api/orders/<order_id>", "POST"),
        ("/api/pickup/<order_id>", "POST"),
        ("/api/shipments/<order_id>", "POST"),
        ("/api/shipments/<order_id>/events", "POST"),
        ("/api/bids", "POST"),
        ("/api/notifications", "GET"),
        ("/api/notifications", "POST"),
        ("/api/account/delete", "POST"),
        ("/api/admin/finalize-auctions", "GET"),
        ("/api/admin/finalize-auctions", "POST"),
        ("/api/admin/outbox", "GET"),
        ("/api/admin/webhook-events", "GET"),
        ("/api/admin/webhook-events", "POST"),
        ("/api/auctions/process-expired", "GET"),
        ("/api/auctions/process-expired", "POST"),
        ("/api/cron/status", "GET"),
        ("/api/storage/upload", "POST"),
        ("/api/storage/delete", "DELETE"),
        ("/api/canary/webhook-events", "GET"),
        ("/api/health", "GET"),
        ("/api/health/live", "GET"),
        ("/api/health/ready", "GET"),
        ("/api/openapi.json", "GET"),
        ("/metrics", "GET"),
        *((f"/api/admin/console{path}", *methods) for path, *methods in PAGES),
    } == rules


@pytest.mark.parametrize("path", ["/", "/api", "/static/x", "/api/health/../canary", "/%00"])
def test_other_path_is_not_found(path: str) -> None:
    """An unknown path gets a 404 in the form of all errors."""
    answer = make_service().client.get(path)

    assert (404, "RESOURCE_NOT_FOUND") == (answer.status_code, answer.get_json()["code"])


def answers_of_all_routes(start: str = "/api/", end: str = "") -> list[Any]:
    """Call each route at a variant of its path, with a Host that must not come back."""
    client = make_service().client
    rules = [str(rule) for rule in client.application.url_map.iter_rules()]
    paths = [start + rule.removeprefix("/api/") + end for rule in rules]
    return [
        client.open(path, method=method, headers=HOST, environ_overrides=_as_it_is(path))
        for path in paths
        for method in ("GET", "POST", "OPTIONS")
    ]


def _as_it_is(path: str) -> dict[str, str]:
    """Return the path that gunicorn passes on. Flask's test client takes `//api` for a host."""
    return {"PATH_INFO": path} if path.startswith("//") else {}


@pytest.mark.parametrize(
    "start", ["//api/", "/api//", "/api/./", "/api/x/../", "/API/", "/api/;/", "/api%2F%2F"]
)
def test_variant_of_a_path_is_not_found(start: str) -> None:
    """A redirect to the path itself would echo the caller's Host."""
    answers = answers_of_all_routes(start=start)

    assert {(404, "RESOURCE_NOT_FOUND", None)} == {
        (answer.status_code, answer.get_json()["code"], answer.headers.get("Location"))
        for answer in answers
    }


@pytest.mark.parametrize("end", ["", "/", "?", "/?next=//evil.test"])
def test_no_route_redirects(end: str) -> None:
    """Each route answers by itself, with or without a slash at its end."""
    answers = answers_of_all_routes(end=end)

    assert not any(300 <= answer.status_code < 400 for answer in answers)
    assert not any("evil.test" in f"{answer.headers} {answer.text}" for answer in answers)


def remote_address(trusted_proxies: int, forwarded: str) -> Any:
    app = create_app(make_settings(trusted_proxies=trusted_proxies))
    app.add_url_rule("/address", view_func=lambda: str(request.remote_addr))
    headers = {"X-Forwarded-For": forwarded, "X-Forwarded-Host": "evil.test"}
    return app.test_client().get("/address", headers=headers).text


@pytest.mark.parametrize(
    ("trusted_proxies", "forwarded", "expected"),
    [
        (0, "192.0.2.1", "127.0.0.1"),
        (1, "192.0.2.1", "192.0.2.1"),
        (1, "198.51.100.9, 192.0.2.1", "192.0.2.1"),
        (2, "192.0.2.1, 10.0.0.1", "192.0.2.1"),
        (2, "192.0.2.1", "127.0.0.1"),
    ],
)
def test_address_is_what_our_own_proxies_say(
    trusted_proxies: int, forwarded: str, expected: str
) -> None:
    """Only addresses that our own proxies add are believed."""
    assert expected == remote_address(trusted_proxies, forwarded)


def test_gunicorn_gets_an_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module that gunicorn imports reads the environment and builds the service."""
    set_up = []
    monkeypatch.setattr("market.log.set_up", lambda **options: set_up.append(options))
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)

    module = runpy.run_path(str(ROOT / "service" / "wsgi.py"))

    assert "service.app" == module["app"].name
    assert [{"level": "info", "is_json": True}] == set_up


def test_gunicorn_stops_at_bad_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bad settings end gunicorn before a worker starts, with one sentence."""
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(ROOT / "gunicorn.conf.py"))

    assert str(caught.value.code).startswith("service: ENVIRONMENT is missing")


@pytest.fixture
def gunicorn_settings(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the settings that gunicorn reads from our file."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(SocketUnreader, "chunk", SocketUnreader.chunk)
    monkeypatch.setattr(util, "write", util.write)
    monkeypatch.setattr(util, "write_error", util.write_error)
    return runpy.run_path(str(ROOT / "gunicorn.conf.py"))


def test_gunicorn_forks_before_the_adapters_are_built(gunicorn_settings: dict[str, Any]) -> None:
    """The adapters are built after the fork, so processes share no socket."""
    assert gunicorn_settings["preload_app"] is False
    assert "gthread" == gunicorn_settings["worker_class"]


def test_workers_share_packages_and_no_metrics(tmp_path: Path) -> None:
    """The workers get slow imports by the fork. A metric that came with them would have no file."""
    program = (
        "import runpy, sys; runpy.run_path('gunicorn.conf.py')['on_starting'](None);"
        "print(*sys.modules)"
    )

    result = subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**ENVIRONMENT, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    imported = {*result.stdout.split()}
    assert {"flask", "stripe", "supabase"} <= imported
    assert not {"market.metrics", "prometheus_client"} & imported


def test_idle_connection_outlasts_a_balancer(gunicorn_settings: dict[str, Any]) -> None:
    """A balancer keeps one for 60 s; it must never send a request into one that we have closed."""
    assert gunicorn_settings["keepalive"] > 60


def test_new_worker_takes_the_lowest_free_number(
    gunicorn_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A new worker continues the files of a dead one. A deleted folder stops no worker."""
    folder = tmp_path / "metrics"
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    running = {1: SimpleNamespace(metrics_number=0), 2: SimpleNamespace(metrics_number=2)}
    worker = SimpleNamespace()

    gunicorn_settings["pre_fork"](SimpleNamespace(WORKERS=running), worker)

    assert 1 == worker.metrics_number
    assert folder.is_dir()
