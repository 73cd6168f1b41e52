"""The identity that a token proves, and its expiry."""

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
    """A token that opens nothing; the text is the one Realtime answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A role and the claims that policies read; the claims are kept as the JSON they read."""

    role: str
    claims: str
    expires_at: float
    #: An API key speaks for a role alone.
    is_user: bool = False

    def expired(self) -> "Identity":
        """Return the same, over by now."""
        return dataclasses.replace(self, expires_at=time.time())

    def expiry_message(self) -> str:
        """Say how long this is over."""
        return f"Token has expired {max(0, int(time.time() - self.expires_at))} seconds ago"


def identify(token: str, keys: Keys) -> Identity:
    """Believe a JWT or an API key. Raises: TokenRefusedError."""
    try:
        claims = keys.verify(keys.jwt_of(token))
    except TokenError as error:
        raise TokenRefusedError(_reason(error, token, keys)) from error
    return _identity(claims)


def _identity(claims: Mapping[str, Any]) -> Identity:
    role, expires_at = claims.get("role"), claims.get("exp")
    if not isinstance(role, str) or not isinstance(expires_at, int | float):
        raise TokenRefusedError(MISSING_CLAIMS)
    if not role.isprintable():
        raise TokenRefusedError(MISSING_CLAIMS)
    return Identity(
        role=role, claims=dump(claims), expires_at=float(expires_at), is_user="sub" in claims
    )


def _reason(error: TokenError, token: str, keys: Keys) -> str:
    if error.code == "expired":
        claims = keys.verify(token, leeway_s=float("inf"))
        return f"InvalidJWTToken: Token has expired {int(time.time() - claims['exp'])} seconds ago"
    if error.code in ("bad_signature", "no_key", "bad_algorithm"):
        return BAD_SIGNATURE
    return MALFORMED if error.code == "malformed" else f"InvalidJWTToken: {error.message}"
