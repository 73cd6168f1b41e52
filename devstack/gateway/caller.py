"""The caller of a request, read from API key and token as hosted Supabase's gateway reads them."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devstack.emulation.tokens import Keys, TokenError


#: The clock skew that PostgREST tolerates.
LEEWAY_S = 30
ANONYMOUS = "anon"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The role and the claims of a request; `claims` always name the role."""

    role: str
    claims: dict[str, Any]


class GatewayError(Exception):
    """An error response of the gateway; `body` is its JSON."""

    def __init__(
        self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(str(body.get("message", "")))
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


def identify(headers: Mapping[str, str], query: Mapping[str, str], keys: Keys) -> Caller:
    """Return the caller of a request: that of the bearer token, or else that of the API key.

    `headers` has lower-case names or ignores case. Raises: GatewayError 401.
    """
    key_claims = api_key_claims(headers, query, keys)
    authorization = headers.get("authorization")
    if authorization is None:
        return caller_of(key_claims)
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer":
        return caller_of({})
    if token.startswith("sb_"):
        return caller_of(_key_claims(token, keys))
    return caller_of(token_claims(token, keys))


def api_key_claims(
    headers: Mapping[str, str], query: Mapping[str, str], keys: Keys
) -> dict[str, Any]:
    """Return the claims of the request's API key, which has the new form or is a legacy JWT.

    Raises: GatewayError 401.
    """
    key = headers.get("apikey") or query.get("apikey")
    if not key:
        raise GatewayError(
            401,
            {
                "message": "No API key found in request",
                "hint": "No `apikey` request header or url param was found.",
            },
        )
    return _key_claims(key, keys)


def token_claims(token: str, keys: Keys) -> dict[str, Any]:
    """Return the claims of a JWT. Raises: GatewayError 401, with PostgREST's body."""
    if not token:
        raise _refusal("PGRST301", "Empty JWT is sent in Authorization header")
    try:
        claims = keys.verify(token, leeway_s=LEEWAY_S)
    except TokenError as error:
        is_ours = error.code in ("bad_claims", "expired", "not_yet_valid")
        raise _refusal("PGRST303" if is_ours else "PGRST301", error.message) from error
    # Only PostgREST checks the time of issue, so a skewed clock shows up here first.
    if (claims.get("iat") or 0) > time.time() + LEEWAY_S:
        raise _refusal("PGRST303", "JWT issued at future")
    return claims


def caller_of(claims: dict[str, Any]) -> Caller:
    """Return the caller with the claims of a verified token; without a role it is anon."""
    role = claims.get("role")
    if not isinstance(role, str):
        role = ANONYMOUS
    return Caller(role=role, claims=claims | {"role": role})


def _key_claims(key: str, keys: Keys) -> dict[str, Any]:
    try:
        return keys.verify(keys.jwt_of(key), leeway_s=LEEWAY_S)
    except TokenError as error:
        hint = "Double check your Supabase `anon` or `service_role` API key."
        raise GatewayError(401, {"message": "Invalid API key", "hint": hint}) from error


def _refusal(code: str, message: str) -> GatewayError:
    return GatewayError(
        401,
        {"code": code, "message": message, "details": None, "hint": None},
        {
            "WWW-Authenticate": f'Bearer error="invalid_token", error_description="{message}"',
            "Proxy-Status": f"PostgREST; error={code}",
        },
    )
