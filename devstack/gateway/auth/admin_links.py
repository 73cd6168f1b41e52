"""The admin's invitations and links: what a mail of the project's own would carry."""

import secrets
import uuid
from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.auth import (
    answers,
    bodies,
    one_time_tokens,
    passwords,
    redirects,
    user_changes,
    users,
)
from devstack.gateway.auth.caller import require_admin
from devstack.gateway.auth.context import AuthContext, Cursor
from devstack.gateway.auth.errors import (
    AuthError,
    email_exists,
    invalid,
    refusing_what_is_taken,
)
from devstack.gateway.auth.one_time_tokens import Kind
from devstack.gateway.auth.users import User


_KINDS: Mapping[str, Kind] = {
    "signup": Kind.CONFIRMATION,
    "invite": Kind.CONFIRMATION,
    "magiclink": Kind.RECOVERY,
    "recovery": Kind.RECOVERY,
    "email_change_current": Kind.EMAIL_CHANGE_CURRENT,
    "email_change_new": Kind.EMAIL_CHANGE_NEW,
}


async def invite(context: AuthContext, request: Request) -> Response:
    """POST /invite: make a user without a password, who signs in by a link."""
    require_admin(request, context)
    body = await bodies.read(request, bodies.Link)
    email = bodies.address_of(body.email)
    with refusing_what_is_taken(email_exists()):
        async with context.transaction() as cursor:
            user = await users.find_by_email(cursor, email)
            user_id = await _newcomer(cursor, user, email, body, "")
            issued = await one_time_tokens.issue(
                cursor, user_id, Kind.CONFIRMATION, email, digits=context.settings.otp_length
            )
            await user_changes.note_invitation(cursor, user_id)
            invited = await users.require(cursor, user_id)
    context.post(request, "invite", email, issued)
    return answers.ok(answers.user_json(invited))


async def generate_link(context: AuthContext, request: Request) -> Response:
    """POST /admin/generate_link: hand out what a mail would carry, and send none."""
    require_admin(request, context)
    body = await bodies.read(request, bodies.Link)
    if body.type not in _KINDS:
        raise invalid(f"Invalid email action link type requested: {body.type}")
    email = bodies.address_of(body.email)
    async with context.transaction() as cursor:
        user = await users.find_by_email(cursor, email)
    link_type, encrypted_password = await _prepared(context, body, user)
    with refusing_what_is_taken(email_exists()):
        async with context.transaction() as cursor:
            if _KINDS[link_type] is Kind.CONFIRMATION:
                user_id = await _newcomer(cursor, user, email, body, encrypted_password)
            else:
                user_id = _known(user).id
            if (
                link_type == "email_change_current"
                and not context.settings.needs_both_confirmations
            ):
                raise invalid("Enable secure email change to generate link for current email")
            address = await _address(cursor, link_type, user_id, email, body.new_email)
            issued = await one_time_tokens.issue(
                cursor, user_id, _KINDS[link_type], address, digits=context.settings.otp_length
            )
            if link_type == "invite":
                await user_changes.note_invitation(cursor, user_id)
            told = answers.user_json(await users.require(cursor, user_id))
    target = redirects.target(request, context.settings, body.redirect_to)
    query = {
        "token": issued.token_hash,
        "type": "email_change" if link_type.startswith("email_change") else link_type,
        "redirect_to": target,
    }
    link = {
        "action_link": f"{context.issuer}/verify?{urlencode(query)}",
        "email_otp": issued.otp,
        "hashed_token": issued.token_hash,
        "verification_type": link_type,
        "redirect_to": target,
    }
    return answers.ok(told | link)


async def _prepared(context: AuthContext, body: bodies.Link, user: User | None) -> tuple[str, str]:
    """Return the link's type and the hash of a newcomer's password.

    Who is unknown signs up by a magic link.
    """
    if user or body.type not in {"signup", "magiclink"}:
        return body.type, ""
    password = body.password if body.type == "signup" else secrets.token_urlsafe(24)
    if not password:
        raise invalid("Signup requires a valid password")
    passwords.check_strength(password, context.settings)
    return "signup", await passwords.hash_of(password)


async def _newcomer(
    cursor: Cursor, user: User | None, email: str, body: bodies.Link, encrypted_password: str
) -> uuid.UUID:
    """Return a user who has yet to confirm the address, a new one if there is none."""
    if user is None:
        return await users.create(
            cursor,
            email=email,
            encrypted_password=encrypted_password,
            user_metadata=body.data or {},
        )
    if user.email_confirmed_at:
        raise email_exists()
    await user_changes.merge_metadata(cursor, user.id, user=body.data)
    return user.id


async def _address(
    cursor: Cursor, link_type: str, user_id: uuid.UUID, email: str, new_email: str
) -> str:
    """Return where the mail would go; a change of address is noted."""
    if not link_type.startswith("email_change"):
        return email
    new_email = bodies.address_of(new_email)
    if await users.find_by_email(cursor, new_email):
        raise email_exists()
    await user_changes.note_wanted_email(cursor, user_id, new_email)
    return new_email if link_type == "email_change_new" else email


def _known(user: User | None) -> User:
    if user is None:
        raise AuthError(404, "user_not_found", "User with this email not found")
    return user
