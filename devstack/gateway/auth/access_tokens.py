"""Sessions as clients get them: an access token, its refresh token and the user."""

import ipaddress
import time
import uuid
from typing import Any

from starlette.requests import Request

from devstack.gateway.auth import response, sessions, user_changes, users
from devstack.gateway.auth.context import AuthContext, Cursor
from devstack.gateway.auth.errors import AuthError, user_banned
from devstack.gateway.auth.sessions import Session
from devstack.gateway.auth.users import User


async def begin_session(
    context: AuthContext, request: Request, cursor: Cursor, user_id: uuid.UUID, method: str
) -> dict[str, Any]:
    """Begin a session that the user proved by `method`, and return its JSON."""
    user_agent, address = request.headers.get("user-agent"), client_address(request)
    session_id, refresh_token = await sessions.begin(cursor, user_id, method, user_agent, address)
    await user_changes.record_sign_in(cursor, user_id)
    return await session_json(context, cursor, user_id, session_id, refresh_token)


async def session_json(
    context: AuthContext,
    cursor: Cursor,
    user_id: uuid.UUID,
    session_id: uuid.UUID,
    refresh_token: str,
) -> dict[str, Any]:
    """Return a session's JSON, with a new access token.

    Raises: AuthError session_not_found, user_banned.
    """
    user = await users.find(cursor, user_id)
    session = await sessions.find(cursor, session_id)
    if user is None or session is None:
        raise AuthError(400, "session_not_found", "Invalid Refresh Token: Session Not Found")
    if user.is_banned:
        raise user_banned()
    claims = _claims(context, user, session)
    return {
        "access_token": context.keys.sign(claims),
        "token_type": "bearer",
        "expires_in": context.settings.jwt_expiry_s,
        "expires_at": claims["exp"],
        "refresh_token": refresh_token,
        "user": response.user_json(user),
    }


def client_address(request: Request) -> str:
    """Return the client's IP address, or 127.0.0.1 for a client without one."""
    local = "127.0.0.1"
    try:
        return str(ipaddress.ip_address(request.client.host)) if request.client else local
    except ValueError:
        return local


def _claims(context: AuthContext, user: User, session: Session) -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": context.issuer,
        "sub": str(user.id),
        "aud": user.aud,
        "exp": now + context.settings.jwt_expiry_s,
        "iat": now,
        "email": user.email or "",
        "phone": "",
        "app_metadata": user.raw_app_meta_data,
        "user_metadata": user.raw_user_meta_data,
        "role": user.role,
        "aal": session.aal,
        "amr": list(session.amr),
        "session_id": str(session.id),
        "is_anonymous": user.is_anonymous,
    }
