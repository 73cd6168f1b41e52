"""`service.kyc`: the answers to a person's browser."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.factories import BUYER_ID
from tests.unit.service.adapters import Service, make_service, make_token


LIVE = {"is_live": True, "is_suspended": False, "role": "buyer"}
ALLOWED = {"allowed": True, "retry_after_ms": 0}
BODY: dict[str, Any] = {
    "legal_name": " Jo Example ",
    "dob": "1990-01-01",
    "address": {"street": "5 King St", "suburb": "Perth", "postcode": "6000", "state": "WA"},
}
BEGUN = {
    "success": True,
    "verification_id": "00000000-0000-0000-0000-000000000001",
    "stripe_session_id": "vs_1",
    "answered_errors": 0,
}
SHOWN = {
    "success": True,
    "status": "failed",
    "stripe_status": "requires_input",
    "details": {"reason_code": "document_expired", "updated_at": "x", "completed_at": None},
}


@pytest.fixture
def service() -> Service:
    service = make_service()
    service.stripe_api.retrieve_verification_session.return_value = {
        "id": "vs_1",
        "status": "requires_input",
        "client_secret": "vs_1_secret",
        "url": "https://verify.stripe.test/1",
    }
    return service


def ask(service: Service, method: str, path: str, body: Any = None) -> TestResponse:
    answer: TestResponse = service.client.open(
        path, method=method, json=body, headers={"Authorization": f"Bearer {make_token()}"}
    )
    return answer


def start(service: Service, **changes: Any) -> TestResponse:
    return ask(service, "POST", "/api/kyc/start", BODY | changes)


def test_person_gets_a_way_in(service: Service) -> None:
    """The user comes from the token, and the profile from the body."""
    service.database.call.side_effect = [LIVE, ALLOWED, BEGUN]

    answer = start(service, user_id="another")

    assert (
        200,
        {
            "success": True,
            "verificationId": "vs_1",
            "clientSecret": "vs_1_secret",
            "verificationUrl": "https://verify.stripe.test/1",
        },
    ) == (answer.status_code, answer.get_json())
    assert ["session_is_live", "rate_limit_hit", "begin_verification"] == service.called
    sent = service.database.call.call_args.kwargs
    assert (BUYER_ID, "Jo Example", BODY["address"]) == (
        sent["user_id"],
        sent["legal_name"],
        sent["address"],
    )


@pytest.mark.parametrize(
    ("refusal", "status", "header"),
    [
        ({"code": "CONFLICT"}, 409, None),
        ({"code": "KYC_COOLDOWN", "retry_after_ms": 60_500}, 429, "61"),
        ({"code": "VALIDATION_ERROR"}, 400, None),
        ({"code": "USER_SUSPENDED"}, 403, None),
        ({"code": "PROFILE_NOT_FOUND"}, 403, None),
    ],
)
def test_refusal_has_its_status(
    service: Service, refusal: dict[str, Any], status: int, header: str | None
) -> None:
    """A cooldown names the seconds to wait, as a rate limit does."""
    service.database.call.side_effect = [
        LIVE,
        ALLOWED,
        {"success": False, "error": "No"} | refusal,
    ]

    answer = start(service)

    assert (status, refusal["code"], header) == (
        answer.status_code,
        answer.get_json()["code"],
        answer.headers.get("Retry-After"),
    )
    service.stripe_api.create_verification_session.assert_not_called()


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_too_many_requests_are_refused(service: Service, method: str) -> None:
    """Both routes are limited per user, before anything else happens."""
    service.database.call.side_effect = [LIVE, {"allowed": False, "retry_after_ms": 1500}]
    path = "/api/kyc/start" if method == "POST" else "/api/kyc"

    answer = ask(service, method, path, BODY if method == "POST" else None)

    assert (429, "RATE_LIMITED", "2") == (
        answer.status_code,
        answer.get_json()["code"],
        answer.headers["Retry-After"],
    )


def test_own_verification_is_shown(service: Service) -> None:
    """A user reads the own verification, with its id or without."""
    for query in ("", f"?user_id={BUYER_ID}", "?session_id=vs_1"):
        service.database.call.side_effect = [LIVE, ALLOWED, SHOWN]
        assert SHOWN == ask(service, "GET", f"/api/kyc{query}").get_json()
        assert BUYER_ID == service.database.call.call_args.kwargs["user_id"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("user_id=00000000-0000-0000-0000-000000000009", 403),
        ("user_id=me", 400),
        ("session_id=1", 400),
    ],
)
def test_other_verification_is_not(service: Service, query: str, status: int) -> None:
    """Another user's verification is refused before the database is called."""
    service.database.call.side_effect = [LIVE, ALLOWED]

    assert status == ask(service, "GET", f"/api/kyc?{query}").status_code
    assert "get_verification" not in service.called


def test_name_of_an_unknown_field_is_not_repeated(service: Service) -> None:
    """The answer names the fields that are ours."""
    service.database.call.side_effect = [LIVE, ALLOWED]

    answer = start(service, address=BODY["address"] | {"Jo's secret": 1})

    assert (400, "Invalid request: address") == (
        answer.status_code,
        answer.get_json()["error"],
    )
