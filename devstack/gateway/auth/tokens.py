"""Access tokens: what a session's JWT says of its user."""

import time
from typing import Any

from devstack.gateway.auth import answers
from devstack.gateway.auth.desk import Desk
from devstack.gateway.auth.sessions import Session
from devstack.gateway.auth.users import User


def session_json(desk: Desk, user: User, session: Session, refresh_token: str) -> dict[str, Any]:
    """Return a session as clients keep it: a fresh access token, and the refresh token for it."""
    now = int(time.time())
    expires_at = now + desk.settings.jwt_expiry_s
    claims = {
        "iss": desk.issuer,
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
        "access_token": desk.keys.sign(claims),
        "token_type": "bearer",
        "expires_in": desk.settings.jwt_expiry_s,
        "expires_at": expires_at,
        "refresh_token": refresh_token,
        "user": answers.user_json(user),
    }
