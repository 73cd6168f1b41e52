"""Requests of a signed-in user about themselves: read, update, sign out."""

from typing import cast

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.auth import (
    bodies,
    caller,
    mails,
    one_time_tokens,
    passwords,
    response,
    sessions,
    user_changes,
    users,
)
from devstack.gateway.auth.caller import SignedIn
from devstack.gateway.auth.context import AuthContext, Cursor
from devstack.gateway.auth.errors import (
    AuthError,
    email_exists,
    invalid,
)
from devstack.gateway.auth.one_time_tokens import Kind


async def show(context: AuthContext, request: Request) -> Response:
    """GET /user: show the signed-in user."""
    claims = caller.token_claims(request, context)
    async with context.transaction() as cursor:
        signed_in = await caller.signed_in(cursor, claims)
    return response.ok(response.user_json(signed_in.user))


async def change(context: AuthContext, request: Request) -> Response:
    """PUT /user: change the address, the password or the metadata.

    A new password ends the user's other sessions. A new address needs a confirmation first.
    """
    claims = caller.token_claims(request, context)
    body = await bodies.read(request, bodies.UserChange)
    bodies.refuse_phone(body.phone)
    async with context.transaction() as cursor:
        signed_in = await caller.signed_in(cursor, claims)
    _require_second_factor(signed_in, body)
    email = bodies.address_of(body.email) if body.email else None
    encrypted_password = await _new_hash(context, signed_in, body.password)
    async with context.transaction() as cursor:
        if encrypted_password and context.settings.is_password_change_secure:
            await _reauthenticate(context, cursor, signed_in, body.nonce)
        await _apply_changes(cursor, signed_in, body, encrypted_password)
        if email and email != signed_in.user.email:
            if await users.find_by_email(cursor, email):
                raise email_exists()
            await mails.send_email_change(
                context, request, cursor, signed_in.user, email, is_pkce=bool(body.code_challenge)
            )
        user = await users.find(cursor, signed_in.user.id)
    if user is None:  # Another request has deleted the user meanwhile.
        raise AuthError(403, "user_not_found", "User from sub claim in JWT does not exist")
    return response.ok(response.user_json(user))


async def sign_out(context: AuthContext, request: Request) -> Response:
    """POST /logout: end all sessions, this one, or the others.

    An access token of an ended session stays valid until it expires.
    """
    claims = caller.token_claims(request, context)
    scope = request.query_params.get("scope", "global")
    if scope not in {"global", "local", "others"}:
        raise invalid(f'Unsupported logout scope "{scope}"')
    async with context.transaction() as cursor:
        signed_in = await caller.signed_in(cursor, claims)
        await sessions.end(
            cursor, cast("sessions.Scope", scope), signed_in.user.id, signed_in.session_id
        )
    return response.no_content()


async def link_identity(context: AuthContext, request: Request) -> Response:
    """GET and DELETE below /user/identities: refuse to add or remove another service's account."""
    claims = caller.token_claims(request, context)
    async with context.transaction() as cursor:
        await caller.signed_in(cursor, claims)
    raise AuthError(404, "manual_linking_disabled", "Manual linking is disabled")


def _require_second_factor(signed_in: SignedIn, body: bodies.UserChange) -> None:
    """Refuse a new address or password if the user has a second factor and did not use it."""
    is_sensitive = body.password or (body.email and body.email != signed_in.user.email)
    if is_sensitive and signed_in.user.has_second_factor and not signed_in.is_aal2:
        message = "AAL2 session is required to update email or password when MFA is enabled."
        raise AuthError(401, "insufficient_aal", message)


async def _reauthenticate(
    context: AuthContext, cursor: Cursor, signed_in: SignedIn, nonce: str
) -> None:
    """Require the code of a mail if the session is older than a day.

    Raises: AuthError reauthentication_needed, reauthentication_not_valid.
    """
    if signed_in.session_id and await sessions.is_recent(cursor, signed_in.session_id):
        return
    if not nonce:
        raise AuthError(400, "reauthentication_needed", "Password update requires reauthentication")
    found = await one_time_tokens.find(
        cursor,
        one_time_tokens.hash_of(signed_in.user.email or "", nonce),
        [Kind.REAUTHENTICATION],
        context.settings.otp_expiry_s,
    )
    if found is None or found.user_id != signed_in.user.id:
        raise AuthError(422, "reauthentication_not_valid", "Nonce has expired or is invalid")


async def _new_hash(context: AuthContext, signed_in: SignedIn, password: str | None) -> str | None:
    if password is None:
        return None
    if signed_in.user.is_anonymous and not signed_in.user.email:
        message = "Updating password of an anonymous user without an email or phone is not allowed"
        raise AuthError(422, "validation_failed", message)
    passwords.check_strength(password, context.settings)
    if await passwords.is_match(password, signed_in.user.encrypted_password):
        message = "New password should be different from the old password."
        raise AuthError(422, "same_password", message)
    return await passwords.hash_of(password)


async def _apply_changes(
    cursor: Cursor,
    signed_in: SignedIn,
    body: bodies.UserChange,
    encrypted_password: str | None,
) -> None:
    user_id = signed_in.user.id
    if encrypted_password:
        await user_changes.change_password(cursor, user_id, encrypted_password)
        await sessions.end(cursor, "others", user_id, signed_in.session_id)
    if body.data:
        await user_changes.merge_metadata(cursor, user_id, user=body.data)
