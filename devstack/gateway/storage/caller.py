"""The caller of Storage: the token of the Authorization header, or else the API key.

Hosted Storage reads tokens only. For a request without one, the gateway in front of it exchanges
the API key for a token.
"""

from typing import Any, Final

from starlette.requests import Request

from devstack.emulation.tokens import Keys, TokenError
from devstack.gateway.caller import Caller, api_key_claims, caller_of
from devstack.gateway.storage.errors import access_denied, malformed


#: Storage itself, which row security does not restrict.
SERVICE: Final = Caller(role="service_role", claims={"role": "service_role"})

NO_TOKEN = "headers must have required property 'authorization'"  # noqa: S105 -- a sentence
#: The messages of the library by which hosted Storage verifies tokens.
_REASONS = {
    "bad_signature": "signature verification failed",
    "no_key": "signature verification failed",
    "bad_algorithm": '"alg" (Algorithm) Header Parameter value not allowed',
    "bad_claims": '"exp" claim must be a number',
    "expired": '"exp" claim timestamp check failed',
    "not_yet_valid": '"nbf" claim timestamp check failed',
}


def required_caller(request: Request, keys: Keys) -> Caller:
    """Return the caller of the request. Raises: StorageError 400, 403; GatewayError 401."""
    claims = _claims(request, keys)
    if claims is None:
        raise malformed(NO_TOKEN)
    return caller_of(claims)


def owner_of(caller: Caller) -> str | None:
    """Return the user who owns the caller's new rows, or None for a caller who is no user."""
    subject = caller.claims.get("sub")
    return subject if isinstance(subject, str) and subject else None


def reason(error: TokenError) -> str:
    """Return hosted Storage's message for a token that it refuses."""
    return _REASONS.get(error.code, "Invalid Compact JWS")


def _claims(request: Request, keys: Keys) -> dict[str, Any] | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip() if scheme.lower() == "bearer" else scheme
    is_keyed = "apikey" in request.headers or "apikey" in request.query_params
    if is_keyed and (not token or token.startswith("sb_")):
        return api_key_claims(request.headers, request.query_params, keys)
    if not token:
        return None
    try:
        return keys.verify(token)
    except TokenError as error:
        raise access_denied(reason(error)) from error
