"""Requests that send a mail: recover, resend, reauthenticate, one-time password, magic link.

The mail goes into the mailbox, which the control API shows. GoTrue: `internal/api/mail.go`,
`recover.go`, `resend.go`, `reauthenticate.go`, `otp.go` and `magic_link.go` of supabase/auth.
"""

import secrets
import uuid
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.auth import (
    bodies,
    caller,
    one_time_tokens,
    passwords,
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
    signup_disabled,
)
from devstack.gateway.auth.one_time_tokens import Kind
from devstack.gateway.auth.users import User


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenMail:
    """A mail's kind of token and the type in its link; a PKCE link's token has a prefix."""

    kind: Kind
    type: str
    is_pkce: bool = False


async def recover(context: AuthContext, request: Request) -> Response:
    """POST /recover: send a link that signs in a user who forgot the password.

    The response is the same for an unknown address.
    """
    body = await bodies.read(request, bodies.MailRequest)
    if not body.email:
        raise invalid("Password recovery requires an email")
    email = bodies.address_of(body.email)
    async with context.transaction() as cursor:
        user = await users.find_by_email(cursor, email)
        if user:
            mail = TokenMail(kind=Kind.RECOVERY, type="recovery", is_pkce=bool(body.code_challenge))
            await send(context, request, cursor, user.id, address=email, mail=mail)
    return response.ok({})


async def resend(context: AuthContext, request: Request) -> Response:
    """POST /resend: repeat the mail of an unfinished sign-up or change of address, if any."""
    body = await bodies.read(request, bodies.MailRequest)
    if body.type not in {"signup", "email_change", "sms", "phone_change"}:
        raise invalid("Missing one of these types: signup, email_change, sms, phone_change")
    if body.phone:
        raise AuthError(400, "phone_provider_disabled", "Phone logins are disabled")
    if body.type == "sms":
        raise invalid("Type provided requires a phone number")
    if not body.email:
        raise invalid("Type provided requires an email address")
    async with context.transaction() as cursor:
        user = await users.find_by_email(cursor, bodies.address_of(body.email))
        if user and body.type == "signup" and not user.email_confirmed_at:
            mail = TokenMail(kind=Kind.CONFIRMATION, type="signup")
            await send(context, request, cursor, user.id, address=user.email or "", mail=mail)
        if user and body.type == "email_change" and user.email_change:
            await send_email_change(context, request, cursor, user, user.email_change)
    return response.ok({})


async def reauthenticate(context: AuthContext, request: Request) -> Response:
    """GET /reauthenticate: send the code that a change of password may require."""
    claims = caller.token_claims(request, context)
    async with context.transaction() as cursor:
        user = (await caller.signed_in(cursor, claims)).user
        if not user.email_confirmed_at:
            raise AuthError(422, "email_not_confirmed", "Please verify your email first.")
        mail = TokenMail(kind=Kind.REAUTHENTICATION, type="reauthentication")
        await send(context, request, cursor, user.id, address=user.email or "", mail=mail)
    return response.ok({})


async def one_time_password(context: AuthContext, request: Request) -> Response:
    """POST /otp: send a code and a link that sign in, and sign up an unknown address."""
    body = await bodies.read(request, bodies.Otp)
    if body.email and body.phone:
        raise invalid("Only an email address or phone number should be provided")
    if body.email and body.channel:
        raise invalid("Channel should only be specified with Phone OTP")
    if body.phone:
        raise AuthError(400, "phone_provider_disabled", "Unsupported phone provider")
    if not body.email:
        raise invalid("One of email or phone must be set")
    return await _send_sign_in(context, request, body, can_sign_up=body.create_user)


async def magic_link(context: AuthContext, request: Request) -> Response:
    """POST /magiclink: the older form of POST /otp."""
    body = await bodies.read(request, bodies.Otp)
    if not body.email:
        raise invalid("Password recovery requires an email")
    return await _send_sign_in(context, request, body, can_sign_up=True)


async def send(
    context: AuthContext,
    request: Request,
    cursor: Cursor,
    user_id: uuid.UUID,
    *,
    address: str,
    mail: TokenMail,
) -> None:
    """Issue a token, and put the mail with it into the mailbox.

    Raises: AuthError over_email_send_rate_limit if the user got a mail of this kind just now.
    """
    await _check_interval(context, cursor, user_id, mail.kind)
    await _issue_and_mail(context, request, cursor, user_id, address=address, mail=mail)


async def send_email_change(
    context: AuthContext,
    request: Request,
    cursor: Cursor,
    user: User,
    email: str,
    *,
    is_pkce: bool = False,
) -> None:
    """Store the address that a user wants, and send the mails that confirm it.

    One goes to the new address. The settings may require a second one, to the old address.

    Raises: AuthError over_email_send_rate_limit, as `send` does.
    """
    # The interval is checked once, because the mails to both addresses count as one.
    await _check_interval(context, cursor, user.id, Kind.EMAIL_CHANGE_NEW)
    await user_changes.set_pending_email(cursor, user.id, email)
    recipients = [(Kind.EMAIL_CHANGE_NEW, email)]
    if user.email and context.settings.needs_both_confirmations:
        recipients.append((Kind.EMAIL_CHANGE_CURRENT, user.email))
    for kind, address in recipients:
        mail = TokenMail(kind=kind, type="email_change", is_pkce=is_pkce)
        await _issue_and_mail(context, request, cursor, user.id, address=address, mail=mail)


async def _issue_and_mail(
    context: AuthContext,
    request: Request,
    cursor: Cursor,
    user_id: uuid.UUID,
    *,
    address: str,
    mail: TokenMail,
) -> None:
    issued = await one_time_tokens.issue(
        cursor,
        user_id,
        mail.kind,
        address,
        digits=context.settings.otp_length,
        is_pkce=mail.is_pkce,
    )
    context.add_mail(request, mail.type, address, issued)


async def _check_interval(
    context: AuthContext, cursor: Cursor, user_id: uuid.UUID, kind: Kind
) -> None:
    """Refuse a mail that follows the last one of its kind too soon."""
    wait_s = await one_time_tokens.wait_s(cursor, user_id, kind, context.settings.mail_interval_s)
    if wait_s:
        message = f"For security purposes, you can only request this after {wait_s} seconds."
        raise AuthError(429, "over_email_send_rate_limit", message)


async def _send_sign_in(
    context: AuthContext, request: Request, body: bodies.Otp, *, can_sign_up: bool
) -> Response:
    if not context.settings.is_email_enabled:
        raise AuthError(422, "email_provider_disabled", "Email logins are disabled")
    email = bodies.address_of(body.email)
    async with context.transaction() as cursor:
        user = await users.find_by_email(cursor, email)
    if user is None and not can_sign_up:
        raise AuthError(422, "otp_disabled", "Signups not allowed for otp")
    is_new = user is None or user.email_confirmed_at is None
    if is_new and not context.settings.is_signup_enabled:
        raise signup_disabled()
    password = await passwords.hash_of(secrets.token_urlsafe(24)) if user is None else ""
    # The mail that confirms a new user's address also signs the user in.
    is_confirmation = is_new and context.settings.needs_confirmation
    kind, link_type = (
        (Kind.CONFIRMATION, "signup") if is_confirmation else (Kind.RECOVERY, "magiclink")
    )
    mail = TokenMail(kind=kind, type=link_type, is_pkce=bool(body.code_challenge))
    with refusing_duplicates(email_exists()):
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
            await send(context, request, cursor, user_id, address=email, mail=mail)
    return response.ok({})
