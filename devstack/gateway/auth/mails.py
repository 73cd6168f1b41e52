"""Requests that send a mail: a forgotten password, a confirmation, another address.

The answers are those of a GoTrue that sends; see `one_time_tokens` for where the mail is.
"""

import uuid
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.auth import answers, bodies, caller, one_time_tokens, user_changes, users
from devstack.gateway.auth.context import AuthContext, Cursor
from devstack.gateway.auth.errors import AuthError, invalid
from devstack.gateway.auth.one_time_tokens import Kind
from devstack.gateway.auth.users import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """The kind of a mail's token, the type that its link names, and whether the link is PKCE's."""

    kind: Kind
    type: str
    is_pkce: bool = False


async def recover(context: AuthContext, request: Request) -> Response:
    """POST /recover: let a user in who forgot the password. An unknown address learns nothing."""
    body = await bodies.read(request, bodies.MailRequest)
    if not body.email:
        raise invalid("Password recovery requires an email")
    email = bodies.address_of(body.email)
    async with context.transaction() as cursor:
        user = await users.find_by_email(cursor, email)
        if user:
            mail = Mail(kind=Kind.RECOVERY, type="recovery", is_pkce=bool(body.code_challenge))
            await send(context, request, cursor, user.id, address=email, mail=mail)
    return answers.ok({})


async def resend(context: AuthContext, request: Request) -> Response:
    """POST /resend: repeat the mail that a user waits for, if one does."""
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
            mail = Mail(kind=Kind.CONFIRMATION, type="signup")
            await send(context, request, cursor, user.id, address=user.email or "", mail=mail)
        if user and body.type == "email_change" and user.email_change:
            await ask_for_change(context, request, cursor, user, user.email_change)
    return answers.ok({})


async def reauthenticate(context: AuthContext, request: Request) -> Response:
    """GET /reauthenticate: send a code that goes with a new password, if the project wants one."""
    claims = caller.token_claims(request, context)
    async with context.transaction() as cursor:
        user = (await caller.signed_in(cursor, claims)).user
        if not user.email_confirmed_at:
            raise AuthError(422, "email_not_confirmed", "Please verify your email first.")
        mail = Mail(kind=Kind.REAUTHENTICATION, type="reauthentication")
        await send(context, request, cursor, user.id, address=user.email or "", mail=mail)
    return answers.ok({})


async def send(
    context: AuthContext,
    request: Request,
    cursor: Cursor,
    user_id: uuid.UUID,
    *,
    address: str,
    mail: Mail,
) -> None:
    """Make a token, and keep the mail that carries it.

    Raises: AuthError over_email_send_rate_limit when the user got one of its kind just now.
    """
    await check_interval(context, cursor, user_id, mail.kind)
    issued = await one_time_tokens.issue(
        cursor,
        user_id,
        mail.kind,
        address,
        digits=context.settings.otp_length,
        is_pkce=mail.is_pkce,
    )
    context.post(request, mail.type, address, issued)


async def check_interval(
    context: AuthContext, cursor: Cursor, user_id: uuid.UUID, kind: Kind
) -> None:
    """Refuse a mail that would come too soon after the last one of its kind."""
    wait_s = await one_time_tokens.wait_s(cursor, user_id, kind, context.settings.mail_interval_s)
    if wait_s:
        message = f"For security purposes, you can only request this after {wait_s} seconds."
        raise AuthError(429, "over_email_send_rate_limit", message)


async def ask_for_change(
    context: AuthContext,
    request: Request,
    cursor: Cursor,
    user: User,
    email: str,
    *,
    is_pkce: bool = False,
) -> None:
    """Note the address that a user wants, and ask at the new one and mostly at the old one too.

    `verification` says when one answer will do.
    """
    # Both mails count as one.
    await check_interval(context, cursor, user.id, Kind.EMAIL_CHANGE_NEW)
    await user_changes.note_wanted_email(cursor, user.id, email)
    asked = [(Kind.EMAIL_CHANGE_NEW, email)]
    if user.email and context.settings.needs_both_confirmations:
        asked.append((Kind.EMAIL_CHANGE_CURRENT, user.email))
    for kind, address in asked:
        issued = await one_time_tokens.issue(
            cursor, user.id, kind, address, digits=context.settings.otp_length, is_pkce=is_pkce
        )
        context.post(request, "email_change", address, issued)
