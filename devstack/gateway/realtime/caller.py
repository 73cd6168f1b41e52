"""The caller that a token proves: a role, claims and an expiry."""

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devstack.emulation.tokens import Keys, TokenError
from devstack.gateway.realtime.frames import dump


MALFORMED = "MalformedJWT: The token provided is not a valid JWT"
BAD_SIGNATURE = "JwtSignatureError: Failed to validate JWT signature"
MISSING_CLAIMS = "InvalidJWTToken: Fields `role` and `exp` are required in JWT"


class TokenRefusedError(Exception):
    """A token that Realtime refuses; the text is its message for the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealtimeCaller:
    """A role, and the claims as JSON, as policies read them."""

    role: str
    claims: str
    expires_at: float
    #: False for an API key, which proves a role only.
    is_user: bool = False

    def expired(self) -> "RealtimeCaller":
        """Return the caller as after the expiry of the token."""
        return dataclasses.replace(self, expires_at=time.time())

    def expiry_message(self) -> str:
        """Return Realtime's message for an expired token."""
        return f"Token has expired {max(0, int(time.time() - self.expires_at))} seconds ago"


def identify(token: str, keys: Keys) -> RealtimeCaller:
    """Return the caller with a valid JWT or API key. Raises: TokenRefusedError."""
    try:
        claims = keys.verify(keys.jwt_of(token))
    except TokenError as error:
        raise TokenRefusedError(_reason(error, token, keys)) from error
    return _caller(claims)


def _caller(claims: Mapping[str, Any]) -> RealtimeCaller:
    role, expires_at = claims.get("role"), claims.get("exp")
    if not isinstance(role, str) or not isinstance(expires_at, int | float):
        raise TokenRefusedError(MISSING_CLAIMS)
    if not role.isprintable():
        raise TokenRefusedError(MISSING_CLAIMS)
    return RealtimeCaller(
        role=role, claims=dump(claims), expires_at=float(expires_at), is_user="sub" in claims
    )


def _reason(error: TokenError, token: str, keys: Keys) -> str:
    if error.code == "expired":
        claims = keys.verify(token, leeway_s=float("inf"))
        return f"InvalidJWTToken: Token has expired {int(time.time() - claims['exp'])} seconds ago"
    if error.code in ("bad_signature", "no_key", "bad_algorithm"):
        return BAD_SIGNATURE
    return MALFORMED if error.code == "malformed" else f"InvalidJWTToken: {error.message}"
