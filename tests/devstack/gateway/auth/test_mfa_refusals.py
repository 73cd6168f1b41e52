"""Refusals of second factors, through the official client.

Codes, statuses and sentences: GoTrue's `internal/api/mfa.go`, `admin.go` and `user.go`
(github.com/supabase/auth).
"""

import uuid

import httpx
import psycopg
import pytest
from supabase import AuthApiError, Client
from supabase_auth.types import AuthMFAEnrollResponse, UserAttributes

from tests.devstack.gateway.auth.clients import (
    PASSWORD,
    MakeClient,
    assert_refused,
    claims_of,
    send,
    token_of,
)
from tests.support.authenticator import enrolled, verify
from tests.support.gateways import Gateway


def test_factor_of_somebody_else_is_not_found(
    make_client: MakeClient, user: Client, email: str
) -> None:
    """Auth does not find a factor of another user."""
    factor = enrolled(user)
    other_user = make_client()
    other_user.auth.sign_up({"email": f"other-{email}", "password": PASSWORD})

    with pytest.raises(AuthApiError) as caught:
        other_user.auth.mfa.challenge({"factor_id": factor.id})

    assert ("mfa_factor_not_found", 404) == (caught.value.code, caught.value.status)
    assert "Factor not found" == caught.value.message


def test_name_of_a_factor_is_used_once(user: Client) -> None:
    """Auth refuses a second factor of the same name, because a user could not tell them apart."""
    enrolled(user, "phone")

    with pytest.raises(AuthApiError) as caught:
        enrolled(user, "phone")

    assert ("mfa_factor_name_conflict", 422) == (caught.value.code, caught.value.status)
    expected = 'A factor with the friendly name "phone" for this user already exists'
    assert expected == caught.value.message


def test_factors_are_limited(user: Client) -> None:
    """Auth limits a user's factors to ten, the default of `[auth.mfa] max_enrolled_factors`."""
    for number in range(10):
        enrolled(user, f"phone {number}")

    with pytest.raises(AuthApiError) as caught:
        enrolled(user, "one more")

    assert ("too_many_enrolled_mfa_factors", 422) == (caught.value.code, caught.value.status)


def test_abandoned_enrolment_makes_room(user: Client, database: psycopg.Connection) -> None:
    """Auth deletes an enrolment without a challenge after five minutes."""
    factor = enrolled(user)
    database.execute(
        "update auth.mfa_factors set created_at = created_at - interval '301 s' where id = %s",
        [factor.id],
    )

    again = enrolled(user)

    assert [again.id] == [entry.id for entry in user.auth.mfa.list_factors().all]


def test_second_factor_is_enrolled_at_aal2(
    user: Client, factor: AuthMFAEnrollResponse, email: str
) -> None:
    """A user with a verified factor needs aal2 to enrol another."""
    assert factor.id
    user.auth.sign_in_with_password({"email": email, "password": PASSWORD})

    with pytest.raises(AuthApiError) as caught:
        enrolled(user, "other user's")

    assert ("insufficient_aal", 403) == (caught.value.code, caught.value.status)


def test_verified_factor_is_unenrolled_at_aal2(
    user: Client, factor: AuthMFAEnrollResponse, email: str
) -> None:
    """A user needs aal2 to unenrol a verified factor."""
    user.auth.sign_in_with_password({"email": email, "password": PASSWORD})

    with pytest.raises(AuthApiError) as caught:
        user.auth.mfa.unenroll({"factor_id": factor.id})

    assert ("insufficient_aal", 422) == (caught.value.code, caught.value.status)


def test_unverified_factor_is_unenrolled_at_aal1(user: Client) -> None:
    """A user unenrols an unverified factor at aal1."""
    factor = enrolled(user)

    assert factor.id == user.auth.mfa.unenroll({"factor_id": factor.id}).id


@pytest.mark.parametrize("change", ["password", "email"])
def test_first_factor_changes_at_aal2(
    user: Client, factor: AuthMFAEnrollResponse, email: str, change: str
) -> None:
    """A user with a second factor needs aal2 to change password or address (`UserUpdate`)."""
    new: UserAttributes = {"email": f"new-{email}"}
    if change == "password":
        new = {"password": "battery staple"}
    user.auth.sign_in_with_password({"email": email, "password": PASSWORD})

    with pytest.raises(AuthApiError) as caught:
        user.auth.update_user(new)

    assert ("insufficient_aal", 401) == (caught.value.code, caught.value.status)
    user.auth.update_user({"data": {"nickname": "Countess"}})
    verify(user, factor)
    user.auth.update_user(new)


@pytest.mark.parametrize(
    ("request_line", "body", "status", "code", "message"),
    [
        (
            "POST /factors",
            {"factor_type": "phone", "phone": "+61400000000"},
            422,
            "mfa_phone_enroll_not_enabled",
            "MFA enroll is disabled for Phone",
        ),
        (
            "POST /factors",
            {"factor_type": "webauthn", "friendly_name": "key"},
            422,
            "mfa_webauthn_enroll_not_enabled",
            "MFA enroll is disabled for WebAuthn",
        ),
        (
            "POST /factors",
            {"factor_type": "smoke"},
            400,
            "validation_failed",
            "factor_type needs to be totp, phone, or webauthn",
        ),
        (
            "POST /factors/nonsense/challenge",
            {},
            404,
            "validation_failed",
            "factor_id must be an UUID",
        ),
        ("DELETE /factors/{unknown}", None, 404, "mfa_factor_not_found", "Factor not found"),
        (
            "POST /factors/{factor}/verify",
            {"challenge_id": "{unknown}"},
            400,
            "validation_failed",
            "Code needs to be non-empty",
        ),
        (
            "POST /factors/{factor}/verify",
            {"challenge_id": "{unknown}", "code": "123456"},
            422,
            "mfa_factor_not_found",
            "MFA factor with the provided challenge ID not found",
        ),
        (
            "POST /factors/{factor}/verify",
            {"challenge_id": "x", "code": "123456"},
            400,
            "validation_failed",
            "challenge_id must be an UUID",
        ),
    ],
)
def test_impossible_request_is_refused_in_both_shapes(
    gateway: Gateway,
    http: httpx.Client,
    user: Client,
    request_line: str,
    body: dict[str, str] | None,
    status: int,
    code: str,
    message: str,
) -> None:
    """Auth refuses phone and WebAuthn as disabled, and other impossible requests as GoTrue does."""
    names = {"factor": enrolled(user).id, "unknown": str(uuid.uuid4())}
    path = request_line.format(**names)
    body = body and {key: value.format(**names) for key, value in body.items()}

    refusal = (status, code, message)
    assert_refused(http, gateway, path, body, refusal, token=token_of(user))


def test_factors_need_a_session(gateway: Gateway, http: httpx.Client, user: Client) -> None:
    """Auth refuses a token without a session, because the proof would have no place."""
    claims = claims_of(user)
    del claims["session_id"]

    answer = send(
        http, gateway, "POST /factors", {"factor_type": "totp"}, token=gateway.tokens.sign(claims)
    )

    assert (403, "session_not_found") == (answer.status_code, answer.json()["code"])
