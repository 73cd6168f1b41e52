"""`service.metrics`: one series per route, served to the token only."""

from typing import Any

import pytest
from flask import Flask
from prometheus_client import REGISTRY

from service import metrics, requests
from service.limits import AddressLimits
from tests.support.metrics import count_of
from tests.unit.service.adapters import make_service


ID = "0b6d1f6e-5a2b-4c8e-9d52-000000000001"


def requests_counted(**labels: str) -> float:
    name = "market_http_request_duration_seconds_count"
    return REGISTRY.get_sample_value(name, labels) or 0


def label_values() -> set[str]:
    return {
        value
        for metric in REGISTRY.collect()
        for sample in metric.samples
        for value in sample.labels.values()
    }


def test_request_is_counted_under_its_template() -> None:
    """A request is counted under its template, so an order's id makes no series."""
    labels = {"route": "/api/orders/<order_id>", "method": "GET", "status": "4xx"}
    before = requests_counted(**labels)

    make_service().client.get(f"/api/orders/{ID}")

    assert before + 1 == requests_counted(**labels)


def test_error_counts_as_one() -> None:
    """A status of 5xx is a class of its own."""
    labels = {"route": "/api/canary/webhook-events", "method": "GET", "status": "5xx"}
    before = requests_counted(**labels)
    service = make_service()
    service.database.call.side_effect = RuntimeError("bug")

    service.client.get(
        "/api/canary/webhook-events?event_id=evt_1", headers={"x-canary-token": "canary-token"}
    )

    assert before + 1 == requests_counted(**labels)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nobody-has-this-path"),
        ("BREW", "/api/health/live"),
        ("POST", f"/api/orders/{ID}?note=input-of-a-user"),
        ("GET", "/api/canary/webhook-events?event_id=input-of-a-user"),
        ("POST", "/api/webhooks/stripe"),
    ],
)
def test_no_label_is_input(method: str, path: str) -> None:
    """No label has input of a caller."""
    make_service().client.open(
        path,
        method=method,
        headers={"X-Request-Id": "input-of-a-user", "User-Agent": "input-of-a-user"},
        json={"action": "input-of-a-user", "orderId": ID},
    )

    inputs = ("nobody-has-this-path", "BREW", ID, "input-of-a-user")
    assert [] == [value for value in label_values() for text in inputs if text in value]


def test_slow_sender_is_no_slow_answer() -> None:
    """The clock starts when the body is complete; the body of a bad line takes seconds."""
    app, seen = Flask("t"), []
    app.post("/")(lambda: "")
    requests.install(app, AddressLimits(), lambda: "user")
    metrics.install(app)

    class Body:
        def read(self, size: int) -> bytes:
            seen.append(metrics.STARTED_KEY in environ)
            return b"x" * size

    environ: dict[str, Any] = app.test_request_context("/", method="POST").request.environ
    environ |= {"wsgi.input": Body(), "CONTENT_LENGTH": "1"}
    app.wsgi_app(environ, lambda *_arguments: lambda _data: None)

    assert [False] == seen
    assert metrics.STARTED_KEY in environ


def get(token: str | None = None, **settings: Any) -> Any:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return make_service(**settings).client.get("/metrics", headers=headers)


def test_metrics_are_shown_to_the_token() -> None:
    """The metrics are the text that Prometheus reads."""
    answer = get("metrics-token")

    assert 200 == answer.status_code
    assert answer.content_type.startswith("text/plain; version=")
    assert "\nmarket_alerts_total" in answer.text


@pytest.mark.parametrize(
    ("token", "expected"),
    [(None, "metrics-token"), ("", "metrics-token"), ("other", "metrics-token"), ("", "")],
)
def test_nobody_else_reads_them(token: str | None, expected: str) -> None:
    """Without a token in the settings nobody reads the metrics."""
    answer = get(token, metrics_token=expected)

    assert (401, "UNAUTHORIZED") == (answer.status_code, answer.get_json()["code"])
    assert "market_" not in answer.text


def test_guesses_are_limited() -> None:
    """A caller may guess 120 times a minute, and each refusal is counted."""
    client = make_service().client
    before = count_of("rate_limit_refusals", limit="address")

    statuses = [client.get("/metrics").status_code for _ in range(121)]

    assert [401] * 120 + [429] == statuses
    assert before + 1 == count_of("rate_limit_refusals", limit="address")


def test_good_token_is_never_limited() -> None:
    """Prometheus may share its address with other callers."""
    client = make_service().client
    for _ in range(121):
        client.get("/metrics")

    headers = {"Authorization": "Bearer metrics-token"}
    assert 200 == client.get("/metrics", headers=headers).status_code
