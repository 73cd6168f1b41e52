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
    """Asks Auth over HTTP, through a client whose base address is the project's."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    @retry.transient
    def signing_keys(self) -> Sequence[Mapping[str, Any]]:
        """Return the public keys, as JWKs, that are in use or were until lately."""
        try:
            answer = self._client.get(_KEYS_PATH)
            if answer.is_server_error:
                raise TransientError("AUTH_UNREACHABLE", "signing_keys")
            answer.raise_for_status()
            keys = answer.json()["keys"]
        except httpx.TransportError as error:
            raise TransientError("AUTH_UNREACHABLE", "signing_keys") from error
        except (httpx.HTTPStatusError, ValueError, KeyError, TypeError) as error:
            raise MarketError("AUTH_ERROR", f"signing_keys: {type(error).__name__}") from error
        return [key for key in keys if isinstance(key, Mapping)]


def connect(settings: Settings) -> AuthApi:
    """Build the adapter, for one process and all of its threads."""
    headers = {"apikey": settings.supabase_publishable_key}
    client = httpx.Client(base_url=settings.supabase_url, headers=headers, timeout=_TIMEOUT_S)
    return AuthApi(client)
