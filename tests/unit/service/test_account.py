"""`service.account`: the deletion of an account."""

import pytest
from werkzeug.test import TestResponse

from market.errors import MarketError, TransientError
from tests.support.factories import BUYER_ID, SESSION_ID
from tests.unit.service.adapters import Service, make_claims, make_service, make_token


ALLOWED = {"allowed": True, "retry_after_ms": 0}
DONE = {"success": True}


@pytest.fixture
def service() -> Service:
    return make_service()


def delete(service: Service, **claims: object) -> TestResponse:
    token = make_token(make_claims(**claims))
    answer: TestResponse = service.client.post(
        "/api/account/delete", headers={"Authorization": f"Bearer {token}"}
    )
    return answer


def test_account_is_anonymised_then_deleted_at_auth(service: Service) -> None:
    """The session of the token decides, and both deletions are of its user."""
    service.database.call.side_effect = [ALLOWED, DONE, DONE]

    answer = delete(service)

    assert (200, DONE) == (answer.status_code, answer.get_json())
    assert ["rate_limit_hit", "check_deletion", "anonymise_account"] == service.called
    limit, check, erasure = (call.kwargs for call in service.database.call.call_args_list)
    assert {"action": "delete_account", "key": BUYER_ID} == limit
    assert {"user_id": BUYER_ID, "session_id": SESSION_ID} == check
    assert {"user_id": BUYER_ID} == erasure
    service.auth_api.soft_delete_user.assert_called_once_with(BUYER_ID)


@pytest.mark.parametrize(
    ("answers", "code", "status"),
    [
        ([], "UNAUTHORIZED", 401),
        ([], "USER_SUSPENDED", 403),
        ([], "SESSION_TOO_OLD", 401),
        ([DONE], "ACCOUNT_BUSY", 409),
        ([DONE], "PROFILE_NOT_FOUND", 403),
    ],
)
def test_refusal_leaves_auth_alone(
    service: Service, answers: list[object], code: str, status: int
) -> None:
    """After a refusal of SQL Auth is not called."""
    refusal = {"success": False, "code": code, "error": "The reason"}
    service.database.call.side_effect = [ALLOWED, *answers, refusal]

    answer = delete(service)

    assert (status, code, "The reason") == (
        answer.status_code, answer.get_json()["code"], answer.get_json()["error"],
    )  # fmt: skip
    service.auth_api.soft_delete_user.assert_not_called()


def test_old_session_gets_the_challenge(service: Service) -> None:
    """A client learns from the header that only a new sign-in helps."""
    refusal = {"success": False, "code": "SESSION_TOO_OLD", "error": "Sign in again"}
    service.database.call.side_effect = [ALLOWED, refusal]

    challenge = delete(service).headers["WWW-Authenticate"]

    assert 'Bearer error="insufficient_user_authentication", max_age="600"' == challenge


def test_token_without_a_session_deletes_nothing(service: Service) -> None:
    """A token without a session id is refused."""
    service.database.call.side_effect = [ALLOWED]

    assert 401 == delete(service, session_id=None).status_code
    assert ["rate_limit_hit"] == service.called


@pytest.mark.parametrize(
    ("error", "status"),
    [(TransientError("AUTH_UNREACHABLE"), 503), (MarketError("AUTH_ERROR"), 500)],
)
def test_failure_of_auth_is_told(service: Service, error: MarketError, status: int) -> None:
    """A failure of Auth is answered as an error, and the client may repeat the call."""
    service.database.call.side_effect = [ALLOWED, DONE, DONE] * 2
    service.auth_api.soft_delete_user.side_effect = [error, None]

    assert status == delete(service).status_code
    assert 200 == delete(service).status_code
