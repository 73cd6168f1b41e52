"""Refusals of requests for mails, and of the codes and links in them.

Codes, statuses and sentences: `recover.go`, `resend.go` and `verify.go` of GoTrue's `internal/api`
(github.com/supabase/auth).
"""

import httpx
import pytest

from tests.devstack.gateway.auth.clients import assert_refused
from tests.support.gateways import Gateway


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "javascript:alert(1)", "http://10.0.0.1/", "http://["]
)
def test_link_leads_to_no_other_site(gateway: Gateway, http: httpx.Client, target: str) -> None:
    """Auth replaces a redirect to a foreign site with the project's site."""
    answer = http.get(
        f"{gateway.url}/auth/v1/verify",
        params={"token": "x", "type": "signup", "redirect_to": target},
    )

    assert answer.headers["location"].startswith("http://127.0.0.1:3000#error=access_denied")


@pytest.mark.parametrize(
    ("request_line", "body", "status", "code", "message"),
    [
        (
            "POST /recover",
            {},
            400,
            "validation_failed",
            "Password recovery requires an email",
        ),
        (
            "POST /recover",
            {"email": "nonsense"},
            400,
            "validation_failed",
            "Unable to validate email address: invalid format",
        ),
        (
            "POST /resend",
            {"type": "recovery", "email": "a@b.c"},
            400,
            "validation_failed",
            "Missing one of these types: signup, email_change, sms, phone_change",
        ),
        (
            "POST /resend",
            {"type": "signup"},
            400,
            "validation_failed",
            "Type provided requires an email address",
        ),
        (
            "POST /resend",
            {"type": "sms", "phone": "+61400000000"},
            400,
            "phone_provider_disabled",
            "Phone logins are disabled",
        ),
        (
            "POST /verify",
            {"token": "123456"},
            400,
            "validation_failed",
            "Verify requires a verification type",
        ),
        (
            "POST /verify",
            {"type": "recovery"},
            400,
            "validation_failed",
            "Verify requires either a token or a token hash",
        ),
        (
            "POST /verify",
            {"type": "recovery", "token_hash": "x", "email": "a@b.c"},
            400,
            "validation_failed",
            "Only the token_hash and type should be provided",
        ),
        (
            "POST /verify",
            {"type": "recovery", "token": "123456"},
            400,
            "validation_failed",
            "Only an email address or phone number should be provided on verify",
        ),
        (
            "POST /verify",
            {"type": "recovery", "token": "123456", "email": "nobody@example.com"},
            403,
            "otp_expired",
            "Token has expired or is invalid",
        ),
        (
            "POST /verify",
            {"type": "sms", "token": "123456", "phone": "+61400000000"},
            403,
            "otp_expired",
            "Token has expired or is invalid",
        ),
        (
            "POST /verify",
            {"type": "smoke", "token_hash": "x"},
            400,
            "validation_failed",
            "Invalid email verification type",
        ),
        (
            "POST /verify",
            {"type": "recovery", "token_hash": "\0"},
            403,
            "otp_expired",
            "Email link is invalid or has expired",
        ),
        (
            "GET /verify?token=x",
            None,
            400,
            "validation_failed",
            "Verify requires a verification type",
        ),
        (
            "GET /verify?type=signup",
            None,
            400,
            "validation_failed",
            "Verify requires a token or a token hash",
        ),
        (
            "GET /verify?type=signup&token=pkce_1",
            None,
            501,
            "not_implemented",
            "Links of the PKCE flow are not served by devstack's Auth",
        ),
        (
            "GET /reauthenticate",
            None,
            401,
            "no_authorization",
            "This endpoint requires a valid Bearer token",
        ),
    ],
)
def test_refusals_come_in_both_shapes(
    gateway: Gateway,
    http: httpx.Client,
    request_line: str,
    body: dict[str, str] | None,
    status: int,
    code: str,
    message: str,
) -> None:
    """Current clients read a word under `code`, older ones a number."""
    refusal = (status, code, message)
    assert_refused(http, gateway, request_line, body, refusal)
