"""Signing in without a password: by a code or a link of a mail, or anonymously.

GoTrue: `internal/api/otp.go`, `magic_link.go` and `anonymous.go` of supabase/auth.
"""

import secrets

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.auth import (
    access_tokens,
    answers,
    bodies,
    mails,
    passwords,
    user_changes,
    users,
)
from devstack.gateway.auth.context import AuthContext
from devstack.gateway.auth.errors import (
    AuthError,
    email_exists,
    invalid,
    refusing_what_is_taken,
    signup_disabled,
)
from devstack.gateway.auth.mails import Mail
from devstack.gateway.auth.one_time_tokens import Kind


async def one_time_password(context: AuthContext, request: Request) -> Response:
    """POST /otp: send a mail with a code and a link; an unknown address signs up by it."""
    body = await bodies.read(request, bodies.Otp)
    if body.email and body.phone:
        raise invalid("Only an email address or phone number should be provided")
    if body.email and body.channel:
        raise invalid("Channel should only be specified with Phone OTP")
    if body.phone:
        raise AuthError(400, "phone_provider_disabled", "Unsupported phone provider")
    if not body.email:
        raise invalid("One of email or phone must be set")
    return await _send(context, request, body, may_sign_up=body.create_user)


async def magic_link(context: AuthContext, request: Request) -> Response:
    """POST /magiclink: the older form of POST /otp."""
    body = await bodies.read(request, bodies.Otp)
    if not body.email:
        raise invalid("Password recovery requires an email")
    return await _send(context, request, body, may_sign_up=True)


async def sign_in_anonymously(
    context: AuthContext, request: Request, body: bodies.SignUp
) -> Response:
    """POST /signup without an address: make a user who has none, and sign in."""
    if not context.settings.is_anonymous_enabled:
        raise AuthError(422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled")
    if not context.settings.is_signup_enabled:
        raise signup_disabled()
    async with context.transaction() as cursor:
        user_id = await users.create_anonymous(cursor, body.data or {})
        session = await access_tokens.begin_session(context, request, cursor, user_id, "anonymous")
    return answers.ok(session)


async def _send(
    context: AuthContext, request: Request, body: bodies.Otp, *, may_sign_up: bool
) -> Response:
    if not context.settings.is_email_enabled:
        raise AuthError(422, "email_provider_disabled", "Email logins are disabled")
    email = bodies.address_of(body.email)
    async with context.transaction() as cursor:
        user = await users.find_by_email(cursor, email)
    if user is None and not may_sign_up:
        raise AuthError(422, "otp_disabled", "Signups not allowed for otp")
    is_new = user is None or user.email_confirmed_at is None
    if is_new and not context.settings.is_signup_enabled:
        raise signup_disabled()
    password = await passwords.hash_of(secrets.token_urlsafe(24)) if user is None else ""
    # The mail that confirms an address signs its owner in as well.
    is_confirmation = is_new and context.settings.needs_confirmation
    mail = Mail(
        kind=Kind.CONFIRMATION if is_confirmation else Kind.RECOVERY,
        type="signup" if is_confirmation else "magiclink",
        is_pkce=bool(body.code_challenge),
    )
    with refusing_what_is_taken(email_exists()):
        async with context.transaction() as cursor:
            user_id = await users.create_unless_found(
                cursor,
                user,
                email=email,
                encrypted_password=password,
                user_metadata=body.data or {},
            )
            if is_new and not is_confirmation:
                await user_changes.confirm_email(cursor, user_id)
            await mails.send(context, request, cursor, user_id, address=email, mail=mail)
    return answers.ok({})
