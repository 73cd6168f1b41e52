"""A password, and functions that make and check requests of Auth."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from supabase import AuthApiError, Client

from tests.support.gateways import Gateway


PASSWORD = "correct horse"

#: Makes an official client with a session of its own, for the publishable or another key.
MakeClient = Callable[..., Client]
#: Reads the mails to an address, the newest first.
Mails = Callable[[str], list[dict[str, Any]]]


def token_of(client: Client) -> str:
    """Return the access token that a client holds now."""
    session = client.auth.get_session()
    assert session is not None
    return session.access_token


def claims_of(client: Client) -> dict[str, Any]:
    """Return the claims of that token, once the client has checked them."""
    answer = client.auth.get_claims()
    assert answer is not None
    return dict(answer["claims"])


def assert_ended(client: Client, token: str) -> None:
    """Check that Auth refuses `token` because its session has ended."""
    with pytest.raises(AuthApiError) as caught:
        client.auth.get_user(token)
    assert ("session_not_found", 403) == (caught.value.code, caught.value.status)


def send(
    http: httpx.Client,
    gateway: Gateway,
    request: str,
    body: object = None,
    *,
    token: str | None = None,
    is_new: bool = True,
) -> httpx.Response:
    """Send `POST /path` or the like to Auth, as a current or an older client does."""
    method, path = request.split(" ")
    headers = {"apikey": gateway.keys.publishable_key}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if is_new:
        headers["X-Supabase-Api-Version"] = "2024-01-01"
    return http.request(method, f"{gateway.url}/auth/v1{path}", json=body, headers=headers)


def assert_refused(
    http: httpx.Client,
    gateway: Gateway,
    request: str,
    body: object,
    refusal: tuple[int, str, str],
    *,
    token: str | None = None,
) -> None:
    """Check status, code and sentence of a refusal, in the current and in the older form."""
    status, code, message = refusal

    new = send(http, gateway, request, body, token=token)
    old = send(http, gateway, request, body, token=token, is_new=False)

    assert (status, {"code": code, "message": message}) == (new.status_code, new.json())
    expected = {"code": status, "error_code": code, "msg": message}
    assert (status, expected) == (old.status_code, old.json())
    assert code == new.headers["x-sb-error-code"]
    assert "2024-01-01" == new.headers["x-supabase-api-version"]
    assert "x-supabase-api-version" not in old.headers
