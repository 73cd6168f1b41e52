"""The caller of Storage: the token of the Authorization header, or the API key beside it.

The gateway in front of hosted Supabase makes a token of an API key where the request brings no
user's; Storage itself knows tokens only.
"""

from typing import Any, Final

from starlette.requests import Request

from devstack.emulation.tokens import Keys, TokenError
from devstack.gateway.caller import Caller, api_key_claims, caller_of
from devstack.gateway.storage.errors import access_denied, malformed


#: Storage itself, for which no policy holds.
SERVICE: Final = Caller(role="service_role", claims={"role": "service_role"})

NO_TOKEN = "headers must have required property 'authorization'"  # noqa: S105 -- a sentence
#: Of a token that is not believed, what the library says that hosted Storage verifies with.
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
    """Return the owner of the caller's new rows: the user, where there is one."""
    subject = caller.claims.get("sub")
    return subject if isinstance(subject, str) and subject else None


def reason(error: TokenError) -> str:
    """Return why a token is not believed, as hosted Storage words it."""
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
