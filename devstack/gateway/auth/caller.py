"""The caller: a signed-in user whose session still exists, or the holder of a secret key."""

import uuid
from dataclasses import dataclass
from typing import Any

import jwt
from starlette.requests import Request

from devstack.emulation.tokens import TokenError
from devstack.gateway.auth import sessions, users
from devstack.gateway.auth.context import AuthContext, Cursor
from devstack.gateway.auth.errors import AuthError, session_not_found
from devstack.gateway.auth.sessions import Session
from devstack.gateway.auth.users import User
from devstack.gateway.caller import identify


_ADMIN_ROLES = frozenset({"service_role", "supabase_admin"})
_REASONS = {
    "malformed": "token is malformed: token contains an invalid number of segments",
    "bad_signature": "token signature is invalid: signature is invalid",
    "expired": "token has invalid claims: token is expired",
    "not_yet_valid": "token has invalid claims: token is not valid yet",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A user, and the session that the token names; an old token may name none."""

    user: User
    session: Session | None

    @property
    def session_id(self) -> uuid.UUID | None:
        """Return the session's id."""
        return self.session.id if self.session else None

    @property
    def is_aal2(self) -> bool:
        """Return true if the user proved the session by a second factor."""
        return self.session is not None and self.session.aal == "aal2"


async def signed_in(cursor: Cursor, claims: dict[str, Any]) -> SignedIn:
    """Return the user and the session that a token's claims name; both must still exist.

    Raises: AuthError 403 bad_jwt, user_not_found, session_not_found.
    """
    user_id = _uuid_claim(claims, "sub")
    if user_id is None:
        raise AuthError(403, "bad_jwt", "invalid claim: missing sub claim")
    user = await users.find(cursor, user_id)
    if user is None:
        raise AuthError(403, "user_not_found", "User from sub claim in JWT does not exist")
    session, session_id = None, _uuid_claim(claims, "session_id")
    if session_id is not None:
        session = await sessions.find(cursor, session_id)
        if session is None or session.user_id != user_id:
            raise session_not_found()
    return SignedIn(user=user, session=session)


def token_claims(request: Request, context: AuthContext) -> dict[str, Any]:
    """Return the claims of the request's bearer token, which may be an API key.

    Raises: AuthError 401 no_authorization, 403 bad_jwt.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise AuthError(401, "no_authorization", "This endpoint requires a valid Bearer token")
    if token.startswith("sb_"):
        return identify(request.headers, request.query_params, context.keys).claims
    try:
        return context.keys.verify(token)
    except TokenError as error:
        reason = f"invalid JWT: unable to parse or verify signature, {_reason(error, token)}"
        raise AuthError(403, "bad_jwt", reason) from error


def require_admin(request: Request, context: AuthContext) -> None:
    """Refuse a caller without a secret key or the legacy service_role JWT.

    Raises: AuthError 401 no_authorization, 403 bad_jwt, not_admin; GatewayError 401.
    """
    if token_claims(request, context).get("role") not in _ADMIN_ROLES:
        raise AuthError(403, "not_admin", "User not allowed")


def _reason(error: TokenError, token: str) -> str:
    """Return the message of GoTrue's JWT library for a token that it refuses."""
    if error.code == "no_key":
        header = jwt.get_unverified_header(token)
        kid, algorithm = header.get("kid", "<nil>"), header["alg"]
        return (
            "token is unverifiable: error while executing keyfunc: unrecognized JWT kid"
            f" {kid} for algorithm {algorithm}"
        )
    return _REASONS.get(error.code, error.message)


def _uuid_claim(claims: dict[str, Any], name: str) -> uuid.UUID | None:
    value = claims.get(name)
    if not value:
        return None
    try:
        return uuid.UUID(str(value))
    except ValueError as error:
        raise AuthError(403, "bad_jwt", f"invalid claim: {name} claim must be a UUID") from error
