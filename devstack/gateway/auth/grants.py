"""POST /token: exchange a password or a refresh token for a session.

GoTrue: `internal/api/token.go` of supabase/auth.
"""

from typing import Any, NoReturn

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.auth import access_tokens, bodies, passwords, response, sessions, users
from devstack.gateway.auth.context import AuthContext
from devstack.gateway.auth.errors import AuthError, invalid, user_banned


#: GoTrue names the issuer when one of these providers is disabled.
_ISSUERS = {
    "apple": "https://appleid.apple.com",
    "azure": "https://login.microsoftonline.com/common/v2.0",
    "facebook": "https://www.facebook.com",
    "google": "https://accounts.google.com",
    "kakao": "https://kauth.kakao.com",
}


async def grant(context: AuthContext, request: Request) -> Response:
    """POST /token: serve the grant that the query names, or refuse it as disabled."""
    grant_type = request.query_params.get("grant_type")
    if grant_type == "password":
        return await _grant_for_password(context, request)
    if grant_type == "refresh_token":
        return await _grant_for_refresh_token(context, request)
    return await _refuse(request, grant_type)


async def _grant_for_password(context: AuthContext, request: Request) -> Response:
    body = await bodies.read(request, bodies.PasswordGrant)
    if body.email and body.phone:
        message = "Only an email address or phone number should be provided on login."
        raise invalid(message)
    if body.phone:
        raise AuthError(422, "phone_provider_disabled", "Phone logins are disabled")
    if not body.email:
        raise invalid("missing email or phone")
    async with context.transaction() as cursor:
        user = await users.find_by_email(cursor, body.email.strip().lower().replace("\0", ""))
    # The check runs outside a transaction, because a hash takes as long as a hundred statements.
    stored_hash = user.encrypted_password if user else None
    is_match = await passwords.is_match(body.password, stored_hash)
    if user is None or not is_match:
        raise AuthError(400, "invalid_credentials", "Invalid login credentials")
    if user.is_banned:
        raise user_banned()
    if user.email_confirmed_at is None:
        raise AuthError(400, "email_not_confirmed", "Email not confirmed")
    async with context.transaction() as cursor:
        session = await access_tokens.begin_session(context, request, cursor, user.id, "password")
    weakness = passwords.weakness_of(body.password, context.settings)
    return response.ok(session | ({"weak_password": weakness} if weakness else {}))


async def _grant_for_refresh_token(context: AuthContext, request: Request) -> Response:
    body = await bodies.read(request, bodies.RefreshGrant)
    if not body.refresh_token:
        raise AuthError(400, "validation_failed", "refresh_token required")
    reused: sessions.TokenReusedError | None = None
    session: dict[str, Any] = {}
    async with context.transaction() as cursor:
        try:
            user_id, session_id, successor = await sessions.rotate_refresh_token(
                cursor, body.refresh_token.replace("\0", ""), context.settings.refresh_token_reuse_s
            )
        except sessions.TokenReusedError as error:
            # Raised inside the transaction, the error would undo the revocation.
            reused = error
        else:
            session = await access_tokens.session_json(
                context, cursor, user_id, session_id, successor
            )
    if reused:
        raise reused
    return response.ok(session)


async def _refuse(request: Request, grant_type: str | None) -> NoReturn:
    """Refuse a grant as GoTrue does in a project that has not enabled it."""
    if grant_type == "id_token":
        body = await bodies.read(request, bodies.IdTokenGrant)
        issuer = _ISSUERS.get(body.provider)
        if issuer is None:
            raise invalid(f'Custom OIDC provider "{body.provider}" not allowed')
        message = f'Provider (issuer "{issuer}") is not enabled'
        raise AuthError(400, "provider_disabled", message)
    if grant_type == "web3":
        raise AuthError(422, "web3_provider_disabled", "Web3 provider is disabled")
    if grant_type == "pkce":
        # devstack starts no PKCE flow, so no code of one can be valid.
        message = "invalid flow state, no valid flow state found"
        raise AuthError(404, "flow_state_not_found", message)
    raise AuthError(400, "invalid_credentials", "unsupported_grant_type")
