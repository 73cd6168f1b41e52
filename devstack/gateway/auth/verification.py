"""POST and GET /verify: sign in by the code or the link of a mail.

GoTrue: `internal/api/verify.go` of supabase/auth.
"""

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from devstack.gateway.auth import (
    access_tokens,
    bodies,
    one_time_tokens,
    response,
    user_changes,
    users,
)
from devstack.gateway.auth.context import AuthContext, Cursor
from devstack.gateway.auth.errors import (
    AuthError,
    email_exists,
    invalid,
    refusing_duplicates,
    user_banned,
)
from devstack.gateway.auth.one_time_tokens import Kind, OneTimeToken
from devstack.gateway.auth.users import User


_ADDRESS_CHANGE = (Kind.EMAIL_CHANGE_CURRENT, Kind.EMAIL_CHANGE_NEW)
#: The kinds of tokens that each type of verification accepts.
_KINDS: Mapping[str, Collection[Kind]] = {
    "email": (Kind.CONFIRMATION, Kind.RECOVERY),
    "signup": (Kind.CONFIRMATION,),
    "invite": (Kind.CONFIRMATION,),
    "recovery": (Kind.RECOVERY,),
    "magiclink": (Kind.RECOVERY,),
    "email_change": _ADDRESS_CHANGE,
}
_BAD_LINK = "Email link is invalid or has expired"
_BAD_CODE = "Token has expired or is invalid"
_HALF_DONE = "Confirmation link accepted. Please proceed to confirm link sent to the other email"
_OAUTH_ERRORS = {400: "invalid_request", 401: "unauthorized_client", 403: "access_denied"}


async def verify(context: AuthContext, request: Request) -> Response:
    """POST /verify: exchange a code, or a token's hash, for a session."""
    body = await bodies.read(request, bodies.Verify)
    if not body.type:
        raise invalid("Verify requires a verification type")
    if bool(body.token) == bool(body.token_hash):
        raise invalid("Verify requires either a token or a token hash")
    if body.token_hash:
        if body.email or body.phone:
            raise invalid("Only the token_hash and type should be provided")
        return _session_response(
            await _use_token(context, request, body.type, body.token_hash, _BAD_LINK)
        )
    if body.phone and not body.email:  # No user of devstack has a phone.
        raise AuthError(403, "otp_expired", _BAD_CODE)
    if body.phone or not body.email:
        raise invalid("Only an email address or phone number should be provided on verify")
    token_hash = one_time_tokens.hash_of(bodies.address_of(body.email), body.token)
    return _session_response(await _use_token(context, request, body.type, token_hash, _BAD_CODE))


async def follow_link(context: AuthContext, request: Request) -> Response:
    """GET /verify: follow a mail's link. It redirects to the site with a session or an error."""
    token = request.query_params.get("token", "")
    link_type = request.query_params.get("type", "")
    if not link_type:
        raise invalid("Verify requires a verification type")
    if not token:
        raise invalid("Verify requires a token or a token hash")
    if token.startswith(one_time_tokens.PKCE_PREFIX):
        message = "Links of the PKCE flow are not served by devstack's Auth"
        raise AuthError(501, "not_implemented", message)
    fragment: dict[str, Any]
    try:
        session = await _use_token(context, request, link_type, token, _BAD_LINK)
    except AuthError as error:
        fragment = {
            "error": _OAUTH_ERRORS.get(error.status, "server_error"),
            "error_code": error.code,
            "error_description": error.message,
            "sb": "",
        }
    else:
        if session is None:
            session, link_type = {"message": _HALF_DONE, "sb": ""}, ""
        fragment = {name: value for name, value in session.items() if name != "user"}
        fragment = dict(sorted((fragment | ({"type": link_type} if link_type else {})).items()))
    target = context.redirect_target(request)
    return RedirectResponse(f"{target}#{urlencode(fragment)}", status_code=303)


async def _use_token(
    context: AuthContext, request: Request, verification_type: str, token_hash: str, refusal: str
) -> dict[str, Any] | None:
    """Use the token and begin a session; return None if another token has to be used as well.

    Raises: AuthError otp_expired with the message `refusal`, user_banned.
    """
    kinds = _KINDS.get(verification_type)
    if kinds is None:
        raise invalid("Invalid email verification type")
    with refusing_duplicates(email_exists()):
        async with context.transaction() as cursor:
            lifetime_s = context.settings.otp_expiry_s
            # Postgres refuses a parameter with a NUL, which no token has.
            token_hash = token_hash.replace("\0", "")
            found = await one_time_tokens.find(cursor, token_hash, kinds, lifetime_s)
            if found is None:
                raise AuthError(403, "otp_expired", refusal)
            if not await _apply_token(context, cursor, found):
                return None
            return await access_tokens.begin_session(context, request, cursor, found.user_id, "otp")


def _session_response(session: dict[str, Any] | None) -> Response:
    return response.ok({"code": "200", "msg": _HALF_DONE} if session is None else session)


async def _apply_token(context: AuthContext, cursor: Cursor, found: OneTimeToken) -> bool:
    """Confirm what the token confirms; return false if another token has to be used as well."""
    user = await users.require(cursor, found.user_id)
    if user.is_banned:
        raise AuthError(403, "user_banned", user_banned().message)
    if found.kind in _ADDRESS_CHANGE:
        return await _confirm_change(context, cursor, user, found.kind)
    await one_time_tokens.revoke(cursor, user.id, [found.kind])
    await user_changes.confirm_email(cursor, user.id)
    await user_changes.confirm_identity(cursor, user.id)
    return True


async def _confirm_change(context: AuthContext, cursor: Cursor, user: User, kind: Kind) -> bool:
    """Change the address; return false if the other address must confirm the change first.

    In a project whose sign-ups need no confirmation, one confirmation is enough, as in GoTrue's
    `emailChangeVerify`.
    """
    settings = context.settings
    if settings.needs_confirmation and settings.needs_both_confirmations:
        await one_time_tokens.revoke(cursor, user.id, [kind])
        if await one_time_tokens.has_any(cursor, user.id, _ADDRESS_CHANGE):
            await user_changes.record_first_confirmation(cursor, user.id)
            return False
    if user.is_anonymous:
        await users.add_email_identity(cursor, user.id, user.email_change)
        await user_changes.set_email_provider(cursor, user.id)
    await user_changes.change_email(cursor, user.id, user.email_change)
    return True
