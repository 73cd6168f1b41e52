"""The adapter for Supabase Auth: the public keys of its tokens, and the deletion of its users."""

import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import httpx

from market import retry
from market.errors import MarketError, TransientError
from market.settings import Settings


_KEYS_PATH = "/auth/v1/.well-known/jwks.json"
_USERS_PATH = "/auth/v1/admin/users"
_TIMEOUT_S = 1.5


class AuthApi:
    """Calls Auth over HTTP, through a client whose base address is the project's."""

    def __init__(self, client: httpx.Client, *, secret_key: str) -> None:
        self._client = client
        # Auth takes the key of an administrator in both headers.
        self._admin = {"apikey": secret_key, "Authorization": f"Bearer {secret_key}"}

    @retry.transient
    def signing_keys(self) -> Sequence[Mapping[str, Any]]:
        """Return the current public keys as JWKs, and those that were replaced recently.

        Raises:
            TransientError: `AUTH_UNREACHABLE` after the last try.

        """
        answer = self._request("signing_keys", "GET", _KEYS_PATH)
        _refuse_failure("signing_keys", answer)
        return _keys_in(answer)

    @retry.transient
    def soft_delete_user(self, user_id: str) -> None:
        """Have Auth erase what it holds of a user, and keep the row that our tables refer to.

        A user that is deleted already, or that Auth does not know, is done.

        Raises:
            TransientError: `AUTH_UNREACHABLE` after the last try.

        """
        answer = self._request(
            "soft_delete_user",
            "DELETE",
            # Without the softness Auth would delete the row, and with it the profile.
            f"{_USERS_PATH}/{uuid.UUID(user_id)}",
            headers=self._admin,
            json={"should_soft_delete": True},
        )
        if not _is_unknown_user(answer):
            _refuse_failure("soft_delete_user", answer)

    def _request(self, call: str, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._client.request(method, path, **options)
        except httpx.RequestError as error:
            raise TransientError("AUTH_UNREACHABLE", call) from error


def _refuse_failure(call: str, answer: httpx.Response) -> None:
    if answer.is_success:
        return
    detail = f"{call}: {answer.status_code}"
    if retry.is_transient_status(answer.status_code):
        raise TransientError("AUTH_UNREACHABLE", detail)
    raise MarketError("AUTH_ERROR", detail)


def _is_unknown_user(answer: httpx.Response) -> bool:
    """Return true if Auth itself does not know the user; a proxy's 404 names no user."""
    if answer.status_code != HTTPStatus.NOT_FOUND:
        return False
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        return False
    return isinstance(body, Mapping) and body.get("code") == "user_not_found"


def _keys_in(answer: httpx.Response) -> Sequence[Mapping[str, Any]]:
    try:
        body = answer.json()
    except (ValueError, RecursionError) as error:
        # Auth answers with JSON, so this is a proxy's page or an incomplete answer.
        raise TransientError("AUTH_UNREACHABLE", "signing_keys: not JSON") from error
    keys = body.get("keys") if isinstance(body, Mapping) else None
    if not isinstance(keys, list):
        raise MarketError("AUTH_ERROR", "signing_keys: no keys")
    return [key for key in keys if isinstance(key, Mapping)]


def connect(settings: Settings) -> AuthApi:
    """Build the adapter, for one process and all of its threads."""
    headers = {
        "apikey": settings.supabase_publishable_key,
        # With this version Auth names its errors in `code`.
        "X-Supabase-Api-Version": "2024-01-01",
    }
    client = httpx.Client(base_url=settings.supabase_url, headers=headers, timeout=_TIMEOUT_S)
    return AuthApi(client, secret_key=settings.supabase_secret_key)
