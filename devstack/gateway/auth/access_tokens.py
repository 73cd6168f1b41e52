"""Access tokens: what a session's JWT says of its user, and the sessions that come with one."""

import ipaddress
import time
import uuid
from typing import Any

from starlette.requests import Request

from devstack.gateway.auth import answers, sessions, users
from devstack.gateway.auth.context import AuthContext, Cursor
from devstack.gateway.auth.errors import AuthError, user_banned
from devstack.gateway.auth.sessions import Session
from devstack.gateway.auth.user_changes import note_sign_in
from devstack.gateway.auth.users import User


async def begin_session(
    context: AuthContext, request: Request, cursor: Cursor, user_id: uuid.UUID, method: str
) -> dict[str, Any]:
    """Sign the user in, by what `method` names; return the session as clients keep it."""
    user_agent, address = request.headers.get("user-agent"), client_address(request)
    session_id, refresh_token = await sessions.begin(cursor, user_id, method, user_agent, address)
    await note_sign_in(cursor, user_id)
    return await session_answer(context, cursor, user_id, session_id, refresh_token)


async def session_answer(
    context: AuthContext,
    cursor: Cursor,
    user_id: uuid.UUID,
    session_id: uuid.UUID,
    refresh_token: str,
) -> dict[str, Any]:
    """Return a session as clients keep it: a fresh access token, and the refresh token for it.

    Raises: AuthError session_not_found, user_banned.
    """
    user = await users.find(cursor, user_id)
    session = await sessions.find(cursor, session_id)
    if user is None or session is None:
        raise AuthError(400, "session_not_found", "Invalid Refresh Token: Session Not Found")
    if user.is_banned:
        raise user_banned()
    return _session_json(context, user, session, refresh_token)


def client_address(request: Request) -> str:
    """Return the client's address; what has none that a column of type inet takes is local."""
    local = "127.0.0.1"
    try:
        return str(ipaddress.ip_address(request.client.host)) if request.client else local
    except ValueError:
        return local


def _session_json(
    context: AuthContext, user: User, session: Session, refresh_token: str
) -> dict[str, Any]:
    now = int(time.time())
    expires_at = now + context.settings.jwt_expiry_s
    claims = {
        "iss": context.issuer,
        "sub": str(user.id),
        "aud": user.aud,
        "exp": expires_at,
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
    return {
        "access_token": context.keys.sign(claims),
        "token_type": "bearer",
        "expires_in": context.settings.jwt_expiry_s,
        "expires_at": expires_at,
        "refresh_token": refresh_token,
        "user": answers.user_json(user),
    }
