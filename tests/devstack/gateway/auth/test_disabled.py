"""Auth refuses the ways of signing in that devstack lacks, as a project that disables them.

Codes and sentences are GoTrue's (github.com/supabase/auth): `api.go`, `otp.go`, `token.go`,
`token_oidc.go`, `web3.go`, `middleware.go` and `external.go` of `internal/api`.
"""

import httpx
import pytest
from supabase import AuthApiError, Client
from supabase_auth.types import UserIdentity

from tests.devstack.gateway.auth.clients import assert_refused, send, token_of
from tests.support.gateways import Gateway


PHONE = "+61400000000"


def test_anonymous_sign_in_is_refused(client: Client) -> None:
    """Auth refuses a sign-up without an address, and makes no user."""
    with pytest.raises(AuthApiError) as caught:
        client.auth.sign_in_anonymously()

    assert ("anonymous_provider_disabled", 422) == (caught.value.code, caught.value.status)
    assert "Anonymous sign-ins are disabled" == caught.value.message


def test_code_by_message_is_refused(client: Client) -> None:
    """Auth refuses to send a code by message."""
    with pytest.raises(AuthApiError) as caught:
        client.auth.sign_in_with_otp({"phone": PHONE})

    assert ("phone_provider_disabled", 400) == (caught.value.code, caught.value.status)
    assert "Unsupported phone provider" == caught.value.message


def test_sign_up_by_phone_is_refused(client: Client) -> None:
    """Auth refuses a sign-up by phone, because it cannot confirm a number."""
    with pytest.raises(AuthApiError) as caught:
        client.auth.sign_up({"phone": PHONE, "password": "correct horse"})

    assert ("phone_provider_disabled", 400) == (caught.value.code, caught.value.status)
    assert "Phone signups are disabled" == caught.value.message


def test_sign_in_by_phone_is_refused(client: Client) -> None:
    """Auth refuses a sign-in by phone, because no user has a number."""
    with pytest.raises(AuthApiError) as caught:
        client.auth.sign_in_with_password({"phone": PHONE, "password": "correct horse"})

    assert ("phone_provider_disabled", 422) == (caught.value.code, caught.value.status)
    assert "Phone logins are disabled" == caught.value.message


def test_id_token_is_refused(client: Client) -> None:
    """Auth refuses an id token of another service, and names its issuer."""
    with pytest.raises(AuthApiError) as caught:
        client.auth.sign_in_with_id_token({"provider": "google", "token": "a.b.c"})

    assert ("provider_disabled", 400) == (caught.value.code, caught.value.status)
    expected = 'Provider (issuer "https://accounts.google.com") is not enabled'
    assert expected == caught.value.message


def test_oauth_is_refused(client: Client, http: httpx.Client) -> None:
    """The client builds the OAuth address; Auth refuses the browser that opens it."""
    address = client.auth.sign_in_with_oauth({"provider": "github"}).url

    answer = http.get(address)

    expected = {
        "code": 400,
        "error_code": "validation_failed",
        "msg": "Unsupported provider: provider is not enabled",
    }
    assert (400, expected) == (answer.status_code, answer.json())


def test_single_sign_on_is_refused(client: Client) -> None:
    """Auth refuses single sign-on by SAML."""
    with pytest.raises(AuthApiError) as caught:
        client.auth.sign_in_with_sso({"domain": "example.com"})

    assert ("saml_provider_disabled", 404) == (caught.value.code, caught.value.status)


def test_linking_identities_is_refused(user: Client) -> None:
    """Auth refuses to link a second identity; the client lists the only one."""
    answer = user.auth.get_user_identities()
    [identity] = answer.identities

    assert isinstance(identity, UserIdentity)
    assert "email" == identity.provider
    with pytest.raises(AuthApiError) as caught:
        user.auth.link_identity({"provider": "github"})
    assert ("manual_linking_disabled", 404) == (caught.value.code, caught.value.status)
    with pytest.raises(AuthApiError) as caught:
        user.auth.unlink_identity(identity)
    assert "Manual linking is disabled" == caught.value.message


def test_code_of_no_flow_is_refused(client: Client) -> None:
    """Every code of PKCE is unknown, because Auth begins no such flow."""
    with pytest.raises(AuthApiError) as caught:
        client.auth.exchange_code_for_session(
            {"auth_code": "x", "code_verifier": "y", "redirect_to": ""}
        )

    assert ("flow_state_not_found", 404) == (caught.value.code, caught.value.status)


@pytest.mark.parametrize(
    ("request_line", "body", "status", "code", "message"),
    [
        (
            "POST /token?grant_type=web3",
            {"chain": "solana"},
            422,
            "web3_provider_disabled",
            "Web3 provider is disabled",
        ),
        (
            "POST /token?grant_type=id_token",
            {"provider": "mine"},
            400,
            "validation_failed",
            'Custom OIDC provider "mine" not allowed',
        ),
        (
            "POST /token?grant_type=magic",
            {},
            400,
            "invalid_credentials",
            "unsupported_grant_type",
        ),
        (
            "POST /token?grant_type=password",
            {"email": "a@b.c", "phone": PHONE},
            400,
            "validation_failed",
            "Only an email address or phone number should be provided on login.",
        ),
        (
            "POST /otp",
            {"email": "a@b.c", "phone": PHONE},
            400,
            "validation_failed",
            "Only an email address or phone number should be provided",
        ),
        ("POST /otp", {}, 400, "validation_failed", "One of email or phone must be set"),
    ],
)
def test_refusals_come_in_both_shapes(
    gateway: Gateway,
    http: httpx.Client,
    request_line: str,
    body: dict[str, str],
    status: int,
    code: str,
    message: str,
) -> None:
    """Current clients read a word under `code`, older ones a number."""
    refusal = (status, code, message)
    assert_refused(http, gateway, request_line, body, refusal)


def test_linking_requires_a_session(gateway: Gateway, http: httpx.Client, user: Client) -> None:
    """An anonymous caller gets 401 before Auth tells that linking is disabled."""
    answer = send(http, gateway, "GET /user/identities/authorize")
    known = send(http, gateway, "GET /user/identities/authorize", token=token_of(user))

    assert (401, "no_authorization") == (answer.status_code, answer.json()["code"])
    assert (404, "manual_linking_disabled") == (known.status_code, known.json()["code"])
