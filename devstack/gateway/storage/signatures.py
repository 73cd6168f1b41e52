"""Tokens of signed links: each is for one object, for one purpose and for a while."""

import time
from typing import Any

from starlette.requests import Request

from devstack.emulation.tokens import Keys, TokenError
from devstack.gateway.storage.caller import reason
from devstack.gateway.storage.errors import invalid_jwt, invalid_signature, malformed


DOWNLOAD = "download"
UPLOAD = "upload"


def sign_claims(keys: Keys, claims: dict[str, Any], life_s: int) -> str:
    """Return a token that is good for so long."""
    now = int(time.time())
    return keys.sign(claims | {"iat": now, "exp": now + life_s})


def verify(request: Request, keys: Keys, scope: str) -> dict[str, Any]:
    """Return the claims of the link's token, which has to be for this very object.

    Raises: StorageError InvalidJWT, InvalidSignature.
    """
    token = request.query_params.get("token")
    if token is None:
        raise malformed("querystring must have required property 'token'")
    try:
        claims = keys.verify(token)
    except TokenError as error:
        raise invalid_jwt(reason(error)) from error
    if claims.get("scope") != scope:
        raise invalid_signature(f"Token is not scoped for {scope}")
    place = f"{request.path_params['bucket']}/{request.path_params['key']}"
    if claims.get("url") != place or "exp" not in claims:
        raise invalid_signature()
    return claims
