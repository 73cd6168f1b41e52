"""The admin API: users, their factors, invitations and links, for the holder of a secret key."""

import re
import secrets
import uuid
from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.auth import (
    bodies,
    factors,
    mfa,
    one_time_tokens,
    passwords,
    response,
    sessions,
    user_changes,
    users,
)
from devstack.gateway.auth.caller import require_admin
from devstack.gateway.auth.context import AuthContext, Cursor
from devstack.gateway.auth.errors import (
    AuthError,
    email_exists,
    invalid,
    refusing_duplicates,
)
from devstack.gateway.auth.one_time_tokens import Kind
from devstack.gateway.auth.sent_mails import IssuedToken
from devstack.gateway.auth.settings import duration_s
from devstack.gateway.auth.users import User


_PAGE_SIZE = 50
_BCRYPT = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}")
_KINDS: Mapping[str, Kind] = {
    "signup": Kind.CONFIRMATION,
    "invite": Kind.CONFIRMATION,
    "magiclink": Kind.RECOVERY,
    "recovery": Kind.RECOVERY,
    "email_change_current": Kind.EMAIL_CHANGE_CURRENT,
    "email_change_new": Kind.EMAIL_CHANGE_NEW,
}


async def list_users(context: AuthContext, request: Request) -> Response:
    """GET /admin/users: return a page of users, newest first, and the count of all."""
    require_admin(request, context)
    number = _page_parameter(request.query_params.get("page"), 1)
    size = _page_parameter(request.query_params.get("per_page"), _PAGE_SIZE)
    async with context.transaction() as cursor:
        found, total = await users.page(cursor, number, size)
    headers = {"x-total-count": str(total), "link": _links(request, number, size, total)}
    body = {"users": [response.user_json(user) for user in found], "aud": "authenticated"}
    return response.ok(body, headers)


async def create_user(context: AuthContext, request: Request) -> Response:
    """POST /admin/users: create a user. As in GoTrue, the password may be weak."""
    require_admin(request, context)
    body = await bodies.read(request, bodies.AdminUser)
    bodies.refuse_phone(body.phone)
    if not body.email:
        raise invalid("Cannot create a user without either an email or phone")
    email = bodies.address_of(body.email)
    encrypted_password = await _hash(body) or await passwords.hash_of(secrets.token_urlsafe(24))
    with refusing_duplicates(email_exists()):
        async with context.transaction() as cursor:
            if await users.find_by_email(cursor, email):
                raise email_exists()
            user_id = await users.create(
                cursor,
                email=email,
                encrypted_password=encrypted_password,
                user_metadata=body.user_metadata or {},
                app_metadata=body.app_metadata or {},
                role=body.role or "authenticated",
                user_id=_id(body.id) if body.id else None,
            )
            if body.email_confirm:
                await user_changes.confirm_email(cursor, user_id)
            if body.ban_duration:
                await user_changes.set_ban(cursor, user_id, _ban_s(body.ban_duration))
            user = await users.require(cursor, user_id)
    return response.ok(response.user_json(user))


async def show_user(context: AuthContext, request: Request) -> Response:
    """GET /admin/users/{id}: show a user."""
    require_admin(request, context)
    async with context.transaction() as cursor:
        user = await _require_user(cursor, request)
    return response.ok(response.user_json(user))


async def change_user(context: AuthContext, request: Request) -> Response:
    """PUT /admin/users/{id}: change the named fields; null removes a key of the metadata."""
    require_admin(request, context)
    body = await bodies.read(request, bodies.AdminUser)
    bodies.refuse_phone(body.phone)
    if body.password is not None:
        passwords.check_strength(body.password, context.settings)
    encrypted_password = await _hash(body)
    with refusing_duplicates(email_exists()):
        async with context.transaction() as cursor:
            user = await _require_user(cursor, request)
            await _apply_changes(cursor, user, body, encrypted_password)
            user = await _require_user(cursor, request)
    return response.ok(response.user_json(user))


async def delete_user(context: AuthContext, request: Request) -> Response:
    """DELETE /admin/users/{id}: delete the row, or with should_soft_delete only its contents.

    A second soft delete changes nothing.
    """
    require_admin(request, context)
    body = await bodies.read(request, bodies.AdminDelete)
    async with context.transaction() as cursor:
        user = await _require_user(cursor, request)
        if not body.should_soft_delete:
            await user_changes.delete(cursor, user.id)
        elif user.deleted_at is None:
            await user_changes.soft_delete(cursor, user.id)
    return response.ok({})


async def list_factors(context: AuthContext, request: Request) -> Response:
    """GET /admin/users/{id}/factors: list a user's factors."""
    require_admin(request, context)
    async with context.transaction() as cursor:
        user = await _require_user(cursor, request)
    return response.ok([response.factor_json(factor) for factor in user.factors])


async def delete_factor(context: AuthContext, request: Request) -> Response:
    """DELETE /admin/users/{id}/factors/{id}: delete a user's factor."""
    require_admin(request, context)
    async with context.transaction() as cursor:
        user = await _require_user(cursor, request)
        factor = mfa.factor_of(user, request.path_params["factor_id"])
        await factors.delete(cursor, factor)
    return response.ok(response.factor_json(factor))


async def invite(context: AuthContext, request: Request) -> Response:
    """POST /invite: create a user without a password, and mail a link to sign in."""
    require_admin(request, context)
    body = await bodies.read(request, bodies.GenerateLink)
    email = bodies.address_of(body.email)
    with refusing_duplicates(email_exists()):
        async with context.transaction() as cursor:
            user = await users.find_by_email(cursor, email)
            user_id = await _find_or_create_unconfirmed(cursor, user, email, body, "")
            issued = await one_time_tokens.issue(
                cursor, user_id, Kind.CONFIRMATION, email, digits=context.settings.otp_length
            )
            await user_changes.set_invited_at(cursor, user_id)
            invited = await users.require(cursor, user_id)
    context.add_mail(request, "invite", email, issued)
    return response.ok(response.user_json(invited))


async def generate_link(context: AuthContext, request: Request) -> Response:
    """POST /admin/generate_link: return the code and the link of a mail without sending it."""
    require_admin(request, context)
    body = await bodies.read(request, bodies.GenerateLink)
    if body.type not in _KINDS:
        raise invalid(f"Invalid email action link type requested: {body.type}")
    email = bodies.address_of(body.email)
    async with context.transaction() as cursor:
        user = await users.find_by_email(cursor, email)
    link_type, encrypted_password = await _link_type_and_hash(context, body, user)
    with refusing_duplicates(email_exists()):
        async with context.transaction() as cursor:
            if _KINDS[link_type] is Kind.CONFIRMATION:
                user_id = await _find_or_create_unconfirmed(
                    cursor, user, email, body, encrypted_password
                )
            else:
                user_id = _require_found(user).id
            address = await _recipient(context, cursor, link_type, user_id, body)
            issued = await one_time_tokens.issue(
                cursor, user_id, _KINDS[link_type], address, digits=context.settings.otp_length
            )
            if link_type == "invite":
                await user_changes.set_invited_at(cursor, user_id)
            user_json = response.user_json(await users.require(cursor, user_id))
    redirect_to = context.redirect_target(request, body.redirect_to)
    return response.ok(user_json | _link_json(context, link_type, issued, redirect_to))


async def _require_user(cursor: Cursor, request: Request) -> User:
    """Return the user whose id is in the path. Raises: AuthError 404."""
    try:
        user_id = uuid.UUID(request.path_params["user_id"])
    except ValueError as error:
        raise AuthError(404, "validation_failed", "user_id must be an UUID") from error
    user = await users.find(cursor, user_id)
    if user is None:
        raise AuthError(404, "user_not_found", "User not found")
    return user


async def _apply_changes(
    cursor: Cursor, user: User, body: bodies.AdminUser, encrypted_password: str | None
) -> None:
    if body.email:
        email = bodies.address_of(body.email)
        if email != user.email:
            await user_changes.change_email(cursor, user.id, email, is_verified=body.email_confirm)
    if body.email_confirm:
        await user_changes.confirm_email(cursor, user.id)
    if encrypted_password:
        await user_changes.change_password(cursor, user.id, encrypted_password)
        await sessions.end(cursor, "global", user.id, None)
    if body.role:
        await user_changes.set_role(cursor, user.id, body.role)
    if body.user_metadata or body.app_metadata:
        await user_changes.merge_metadata(
            cursor, user.id, user=body.user_metadata, app=body.app_metadata
        )
    if body.ban_duration:
        await user_changes.set_ban(cursor, user.id, _ban_s(body.ban_duration))


async def _hash(body: bodies.AdminUser) -> str | None:
    if body.password and body.password_hash:
        raise invalid("Only a password or a password hash should be provided")
    if body.password_hash:
        if not _BCRYPT.fullmatch(body.password_hash):
            raise invalid("devstack takes a password_hash of bcrypt only")
        return body.password_hash
    return await passwords.hash_of(body.password) if body.password else None


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise invalid("ID must conform to the uuid v4 format") from error


def _page_parameter(text: str | None, default: int) -> int:
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:10]) < 10**9):
        raise invalid(f'Bad Pagination Parameters: "{text[:20]}" is no page')
    return int(text)


def _ban_s(duration: str) -> float | None:
    """Read a duration in seconds; `none` lifts a ban."""
    if duration == "none":
        return None
    seconds = duration_s(duration)
    if seconds is None:
        raise invalid(f'invalid format for ban duration: time: invalid duration "{duration}"')
    if seconds > 100 * 365 * 86400:
        raise invalid("ban duration is longer than a hundred years")
    return seconds


def _links(request: Request, number: int, size: int, total: int) -> str:
    last = max(1, -(-total // size))
    url = request.url.include_query_params

    def link(page: int, rel: str) -> str:
        return f'<{url(page=page, per_page=size)}>; rel="{rel}"'

    following = [link(number + 1, "next")] if number < last else []
    return ", ".join([*following, link(last, "last")])


def _link_json(
    context: AuthContext, link_type: str, issued: IssuedToken, redirect_to: str
) -> dict[str, str]:
    query = {
        "token": issued.token_hash,
        "type": "email_change" if link_type.startswith("email_change") else link_type,
        "redirect_to": redirect_to,
    }
    return {
        "action_link": f"{context.issuer}/verify?{urlencode(query)}",
        "email_otp": issued.otp,
        "hashed_token": issued.token_hash,
        "verification_type": link_type,
        "redirect_to": redirect_to,
    }


async def _link_type_and_hash(
    context: AuthContext, body: bodies.GenerateLink, user: User | None
) -> tuple[str, str]:
    """Return the link's type, and the hash of the password of a user who is to be created.

    For an unknown address a magic link is a sign-up with a random password.
    """
    if user or body.type not in {"signup", "magiclink"}:
        return body.type, ""
    password = body.password if body.type == "signup" else secrets.token_urlsafe(24)
    if not password:
        raise invalid("Signup requires a valid password")
    passwords.check_strength(password, context.settings)
    return "signup", await passwords.hash_of(password)


async def _find_or_create_unconfirmed(
    cursor: Cursor,
    user: User | None,
    email: str,
    body: bodies.GenerateLink,
    encrypted_password: str,
) -> uuid.UUID:
    """Return the id of the user, who must be unconfirmed, or create one.

    Raises: AuthError email_exists if the user has confirmed the address.
    """
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


def _require_found(user: User | None) -> User:
    if user is None:
        raise AuthError(404, "user_not_found", "User with this email not found")
    return user


async def _recipient(
    context: AuthContext,
    cursor: Cursor,
    link_type: str,
    user_id: uuid.UUID,
    body: bodies.GenerateLink,
) -> str:
    """Return the address that the mail would go to, and store a requested change of address."""
    email = bodies.address_of(body.email)
    if not link_type.startswith("email_change"):
        return email
    if link_type == "email_change_current" and not context.settings.needs_both_confirmations:
        raise invalid("Enable secure email change to generate link for current email")
    new_email = bodies.address_of(body.new_email)
    if await users.find_by_email(cursor, new_email):
        raise email_exists()
    await user_changes.set_pending_email(cursor, user_id, new_email)
    return new_email if link_type == "email_change_new" else email
