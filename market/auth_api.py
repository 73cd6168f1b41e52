"""The adapter for Supabase Auth: the public keys of its tokens."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from market import retry
from market.errors import MarketError, TransientError
from market.settings import Settings


_KEYS_PATH = "/auth/v1/.well-known/jwks.json"
_TIMEOUT_S = 1.5


class AuthApi:
    """Calls Auth over HTTP, through a client whose base address is the project's."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    @retry.transient
    def signing_keys(self) -> Sequence[Mapping[str, Any]]:
        """Return the current public keys as JWKs, and those that were replaced recently.

        Raises:
            TransientError: `AUTH_UNREACHABLE` after the last try.

        """
        try:
            answer = self._client.get(_KEYS_PATH)
        except httpx.RequestError as error:
            raise TransientError("AUTH_UNREACHABLE", "signing_keys") from error
        if answer.is_success:
            return _keys_in(answer)
        detail = f"signing_keys: {answer.status_code}"
        if retry.is_transient_status(answer.status_code):
            raise TransientError("AUTH_UNREACHABLE", detail)
        raise MarketError("AUTH_ERROR", detail)


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
    headers = {"apikey": settings.supabase_publishable_key}
    client = httpx.Client(base_url=settings.supabase_url, headers=headers, timeout=_TIMEOUT_S)
    return AuthApi(client)
