"""The routes that Auth serves to everyone, and its answers to routes that it lacks."""

import httpx
import jwt as pyjwt
import pytest

from tests.devstack.gateway.auth.clients import PASSWORD
from tests.support.gateways import Gateway


def test_jwks_holds_public_keys_only(gateway: Gateway, http: httpx.Client) -> None:
    """A verifier gets the public keys without an API key, and may cache them."""
    answer = http.get(f"{gateway.url}/auth/v1/.well-known/jwks.json")

    assert 200 == answer.status_code
    [key] = answer.json()["keys"]
    assert ("EC", "P-256", "ES256") == (key["kty"], key["crv"], key["alg"])
    assert "d" not in key
    assert "max-age=600" in answer.headers["cache-control"]


def test_any_verifier_finds_the_keys(gateway: Gateway, http: httpx.Client, email: str) -> None:
    """A JWT library that knows only the issuer verifies Auth's tokens."""
    signed_up = http.post(
        f"{gateway.url}/auth/v1/signup",
        json={"email": email, "password": PASSWORD},
        headers={"apikey": gateway.keys.publishable_key},
    ).json()
    issuer = f"{gateway.url}/auth/v1"
    found = http.get(f"{issuer}/.well-known/openid-configuration").json()

    key = pyjwt.PyJWKClient(found["jwks_uri"]).get_signing_key_from_jwt(signed_up["access_token"])
    claims = pyjwt.decode(
        signed_up["access_token"], key, ["ES256"], audience="authenticated", issuer=issuer
    )

    assert email == claims["email"]


def test_settings_and_health_need_a_key(gateway: Gateway, http: httpx.Client) -> None:
    """The gateway demands a key for the settings and the health of Auth."""
    headers = {"apikey": gateway.keys.publishable_key}

    settings = http.get(f"{gateway.url}/auth/v1/settings", headers=headers)
    health = http.get(f"{gateway.url}/auth/v1/health", headers=headers)

    assert (True, False) == (
        settings.json()["external"]["email"],
        settings.json()["disable_signup"],
    )
    assert "GoTrue" == health.json()["name"]


@pytest.mark.parametrize(
    ("headers", "message"),
    [({}, "No API key found in request"), ({"apikey": "sb_publishable_no"}, "Invalid API key")],
)
def test_request_without_a_key_is_stopped(
    gateway: Gateway, http: httpx.Client, headers: dict[str, str], message: str
) -> None:
    """The gateway refuses a missing key and a wrong one with different errors."""
    answer = http.get(f"{gateway.url}/auth/v1/settings", headers=headers)

    assert (401, message) == (answer.status_code, answer.json()["message"])


def test_missing_route_is_named(gateway: Gateway, http: httpx.Client) -> None:
    """Auth names a route that this stack lacks, so nobody takes it for a bug."""
    answer = http.get(f"{gateway.url}/auth/v1/admin/audit")

    assert (501, "not_implemented") == (answer.status_code, answer.json()["error_code"])
    assert "GET /auth/v1/admin/audit is not served by devstack's Auth" == answer.json()["msg"]
