"""Test `service.health`: the answers say if the service works, and nothing else about it."""

import time

import pytest

from market.errors import MarketError, TransientError
from tests.unit.service.adapters import Service, make_service


@pytest.fixture
def service() -> Service:
    service = make_service()
    service.database.call.return_value = {"ready": True}
    return service


def test_healthy_service_says_so(service: Service) -> None:
    """The answer names the database and Stripe, and reveals no configuration (B20)."""
    answer = service.client.get("/api/health")

    body = answer.get_json()
    assert (200, True, {"database": "up", "stripe": "up"}) == (
        answer.status_code,
        body["ok"],
        body["services"],
    )
    assert {"ok", "status", "timestamp", "services", "uptime"} == set(body)
    assert ["database_is_ready"] == service.called


@pytest.mark.parametrize("error", [TransientError("DATABASE_BUSY"), MarketError("DATABASE_ERROR")])
def test_lost_database_is_reported(service: Service, error: Exception) -> None:
    """Nothing works without the database; only our log has the reason."""
    service.database.call.side_effect = error

    answer = service.client.get("/api/health")

    body = answer.get_json()
    assert (503, False, "down") == (answer.status_code, body["ok"], body["services"]["database"])
    assert "DATABASE" not in answer.text
    assert 503 == service.client.get("/api/health/ready").status_code


def test_lost_stripe_is_reported(service: Service) -> None:
    """The check for people reports it; a balancer goes on sending requests."""
    service.stripe_api.ping.side_effect = TransientError("STRIPE_UNREACHABLE")

    answer = service.client.get("/api/health")

    assert (503, "down") == (answer.status_code, answer.get_json()["services"]["stripe"])
    assert 200 == service.client.get("/api/health/ready").status_code


def test_stripe_is_asked_once_a_minute(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stripe gets one check a minute, for any number of calls (B20)."""
    for _ in range(10):
        service.client.get("/api/health")
    assert 1 == service.stripe_api.ping.call_count

    now = time.monotonic()
    monkeypatch.setattr("service.health.time.monotonic", lambda: now + 61)
    service.client.get("/api/health")

    assert 2 == service.stripe_api.ping.call_count


def test_liveness_asks_nobody(service: Service) -> None:
    """An outage of another system must not end the process, and callers share no limit."""
    answers = {service.client.get("/api/health/live").status_code for _ in range(130)}

    assert {200} == answers
    assert [] == service.called
    service.stripe_api.ping.assert_not_called()


def test_readiness_asks_the_database_alone(service: Service) -> None:
    """A balancer must not eject the service because Stripe is down."""
    answer = service.client.get("/api/health/ready")

    assert (200, "ready") == (answer.status_code, answer.get_json()["status"])
    service.stripe_api.ping.assert_not_called()


def test_checks_are_limited_by_address(service: Service) -> None:
    """A route without a user is limited by address."""
    answers = [service.client.get("/api/health").status_code for _ in range(121)]

    assert [200] * 120 + [429] == answers


@pytest.mark.parametrize("path", ["/live", "/ready"])
def test_check_of_a_balancer_has_no_limit(service: Service, path: str) -> None:
    """Another caller behind the same address cannot make a balancer eject us."""
    for _ in range(300):
        service.client.get("/api/health")
        service.client.get("/api/canary/webhook-events")
        service.client.post("/api/webhooks/stripe")

    answers = {service.client.get(f"/api/health{path}").status_code for _ in range(300)}

    assert {200} == answers


def test_database_is_checked_once_a_second(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood of calls costs the database next to nothing, and a recovery shows soon."""
    now = time.monotonic()
    monkeypatch.setattr("service.health.time.monotonic", lambda: now)
    service.database.call.side_effect = TransientError("DATABASE_BUSY")
    first = {service.client.get("/api/health/ready").status_code for _ in range(300)}

    service.database.call.side_effect = None
    monkeypatch.setattr("service.health.time.monotonic", lambda: now + 1.1)
    later = {service.client.get("/api/health/ready").status_code for _ in range(300)}

    assert [{503}, {200}] == [first, later]
    assert ["database_is_ready"] * 2 == service.called


@pytest.mark.parametrize("path", ["", "/live", "/ready"])
def test_checks_change_nothing(service: Service, path: str) -> None:
    """The health routes only read."""
    assert 405 == service.client.post(f"/api/health{path}").status_code
