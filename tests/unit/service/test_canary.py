"""`service.canary` tells a caller with the token if an event was stored."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.unit.service.adapters import Service, make_service


EVENT = {
    "event_id": "evt_1",
    "type": "t",
    "created_at": "2030-01-01T00:00:00+00:00",
    "processed_at": None,
}


@pytest.fixture
def service() -> Service:
    service = make_service()
    service.database.call.return_value = {"found": True, "event": EVENT}
    return service


TOKEN = "canary-token"


def ask(service: Service, query: Any, token: str | None = TOKEN) -> TestResponse:
    headers = {} if token is None else {"x-canary-token": token}
    answer: TestResponse = service.client.get(
        "/api/canary/webhook-events", query_string=query, headers=headers
    )
    return answer


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ({"event_id": "evt_1"}, {"event_id": "evt_1", "type": None, "since": None}),
        ({"type": "t"}, {"event_id": None, "type": "t", "since": None}),
        (
            {"type": "t", "since": "2030-01-01T00:00:00Z"},
            {"event_id": None, "type": "t", "since": "2030-01-01T00:00:00+00:00"},
        ),
    ],
)
def test_event_is_found(service: Service, query: Any, asked: Any) -> None:
    """An event is found by its id, or as the newest of a type since a time."""
    answer = ask(service, query)

    assert (200, {"found": True, "event": EVENT}) == (answer.status_code, answer.get_json())
    assert asked == service.database.call.call_args.kwargs


def test_unknown_event_is_not_found(service: Service) -> None:
    """An unknown event gets a 404."""
    service.database.call.return_value = {"found": False}

    answer = ask(service, {"event_id": "evt_2"})

    assert (404, False) == (answer.status_code, answer.get_json()["found"])


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"since": "2030-01-01T00:00:00Z"},
        {"event_id": ""},
        {"event_id": "e" * 256},
        {"event_id": "evt_\0"},
        {"type": "t", "since": "yesterday"},
        {"other": "x"},
    ],
)
def test_question_without_an_event_is_refused(service: Service, query: Any) -> None:
    """A query without an id or a type is refused."""
    assert 400 == ask(service, query).status_code
    assert [] == service.called


@pytest.mark.parametrize(
    "token", [None, "", "canary", "canary-toke", "canary-token2", "CANARY-TOKEN", "cänary", "\xff"]
)
def test_wrong_token_is_refused(service: Service, token: str | None) -> None:
    """A missing token and a similar one are refused."""
    answer = ask(service, {"event_id": "evt_1"}, token)

    assert (401, "UNAUTHORIZED") == (answer.status_code, answer.get_json()["code"])
    assert [] == service.called


def test_token_is_compared_in_constant_time(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison of the token takes constant time (B20)."""
    compared = []

    def compare(given: bytes, expected: bytes) -> bool:
        compared.append((given, expected))
        return False

    monkeypatch.setattr("hmac.compare_digest", compare)

    assert 401 == ask(service, {"event_id": "evt_1"}).status_code
    assert [(b"canary-token", b"canary-token")] == compared


def test_guesses_are_limited_and_the_canary_is_not(service: Service) -> None:
    """A caller who guesses tokens is stopped; the canary at the same address goes on."""
    answers = [ask(service, {"event_id": "evt_1"}, "x").status_code for _ in range(121)]

    assert [401] * 120 + [429] == answers
    assert 200 == ask(service, {"event_id": "evt_1"}).status_code
