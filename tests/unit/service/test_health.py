"""`service.health`: whether we work, and nothing else about us."""

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
    """The database and Stripe are named, and nothing of how we are set up."""
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
def test_lost_database_is_told(service: Service, error: Exception) -> None:
    """Without it nothing works; why is in our log alone."""
    service.database.call.side_effect = error

    answer = service.client.get("/api/health")

    body = answer.get_json()
    assert (503, False, "down") == (answer.status_code, body["ok"], body["services"]["database"])
    assert "DATABASE" not in answer.text
    assert 503 == service.client.get("/api/health/ready").status_code


def test_lost_stripe_is_told(service: Service) -> None:
    """The check for people says so; a balancer goes on sending requests."""
    service.stripe_api.ping.side_effect = TransientError("STRIPE_UNREACHABLE")

    answer = service.client.get("/api/health")

    assert (503, "down") == (answer.status_code, answer.get_json()["services"]["stripe"])
    assert 200 == service.client.get("/api/health/ready").status_code


def test_stripe_is_asked_once_a_minute(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often somebody looks, Stripe is not asked for each."""
    for _ in range(10):
        service.client.get("/api/health")
    assert 1 == service.stripe_api.ping.call_count

    now = time.monotonic()
    monkeypatch.setattr("service.health.time.monotonic", lambda: now + 61)
    service.client.get("/api/health")

    assert 2 == service.stripe_api.ping.call_count


def test_liveness_asks_nobody(service: Service) -> None:
    """A process must not be killed because something else is away, nor for being asked often."""
    answers = {service.client.get("/api/health/live").status_code for _ in range(130)}

    assert {200} == answers
    assert [] == service.called
    service.stripe_api.ping.assert_not_called()


def test_readiness_asks_the_database_alone(service: Service) -> None:
    """What a load balancer wants to know."""
    answer = service.client.get("/api/health/ready")

    assert (200, "ready") == (answer.status_code, answer.get_json()["status"])
    service.stripe_api.ping.assert_not_called()


def test_checks_are_limited_by_address(service: Service) -> None:
    """A adapter without a user must not become a way to keep the database busy."""
    answers = [service.client.get("/api/health").status_code for _ in range(121)]

    assert [200] * 120 + [429] == answers
    assert 120 == len(service.called)


@pytest.mark.parametrize("path", ["", "/live", "/ready"])
def test_checks_change_nothing(service: Service, path: str) -> None:
    """There is nothing to post."""
    assert 405 == service.client.post(f"/api/health{path}").status_code
