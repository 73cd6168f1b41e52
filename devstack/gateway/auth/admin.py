"""The admin users API: what the holder of a secret key does with anybody's account."""

import re
import secrets
import uuid

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.auth import (
    answers,
    bodies,
    factors,
    mfa,
    passwords,
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
    refusing_what_is_taken,
)
from devstack.gateway.auth.settings import duration_s
from devstack.gateway.auth.users import User


_PAGE_SIZE = 50
_BCRYPT = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}")


async def list_users(context: AuthContext, request: Request) -> Response:
    """GET /admin/users: a page of users, newest first, and how many there are."""
    require_admin(request, context)
    number = _positive(request.query_params.get("page"), 1)
    size = _positive(request.query_params.get("per_page"), _PAGE_SIZE)
    async with context.transaction() as cursor:
        found, total = await users.page(cursor, number, size)
    headers = {"x-total-count": str(total), "link": _links(request, number, size, total)}
    body = {"users": [answers.user_json(user) for user in found], "aud": "authenticated"}
    return answers.ok(body, headers)


async def create_user(context: AuthContext, request: Request) -> Response:
    """POST /admin/users: make a user; no strength is asked of the password, as with GoTrue."""
    require_admin(request, context)
    body = await bodies.read(request, bodies.AdminUser)
    bodies.refuse_phone(body.phone)
    if not body.email:
        raise invalid("Cannot create a user without either an email or phone")
    email = bodies.address_of(body.email)
    encrypted_password = await _hash(body) or await passwords.hash_of(secrets.token_urlsafe(24))
    with refusing_what_is_taken(email_exists()):
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
    return answers.ok(answers.user_json(user))


async def show_user(context: AuthContext, request: Request) -> Response:
    """GET /admin/users/{id}."""
    require_admin(request, context)
    async with context.transaction() as cursor:
        user = await user_of(cursor, request)
    return answers.ok(answers.user_json(user))


async def change_user(context: AuthContext, request: Request) -> Response:
    """PUT /admin/users/{id}: change whatever is named; null takes a key of the metadata away."""
    require_admin(request, context)
    body = await bodies.read(request, bodies.AdminUser)
    bodies.refuse_phone(body.phone)
    if body.password is not None:
        passwords.check_strength(body.password, context.settings)
    encrypted_password = await _hash(body)
    with refusing_what_is_taken(email_exists()):
        async with context.transaction() as cursor:
            user = await user_of(cursor, request)
            await _apply(cursor, user, body, encrypted_password)
            user = await user_of(cursor, request)
    return answers.ok(answers.user_json(user))


async def delete_user(context: AuthContext, request: Request) -> Response:
    """DELETE /admin/users/{id}: delete the row, or with should_soft_delete only what it says.

    A second soft delete changes nothing.
    """
    require_admin(request, context)
    body = await bodies.read(request, bodies.AdminDelete)
    async with context.transaction() as cursor:
        user = await user_of(cursor, request)
        if not body.should_soft_delete:
            await user_changes.delete(cursor, user.id)
        elif user.deleted_at is None:
            await user_changes.soft_delete(cursor, user.id)
    return answers.ok({})


async def list_factors(context: AuthContext, request: Request) -> Response:
    """GET /admin/users/{id}/factors."""
    require_admin(request, context)
    async with context.transaction() as cursor:
        user = await user_of(cursor, request)
    return answers.ok([answers.factor_json(factor) for factor in user.factors])


async def delete_factor(context: AuthContext, request: Request) -> Response:
    """DELETE /admin/users/{id}/factors/{id}: the user signs in by password alone again."""
    require_admin(request, context)
    async with context.transaction() as cursor:
        user = await user_of(cursor, request)
        factor = mfa.factor_of(user, request.path_params["factor_id"])
        await factors.drop(cursor, factor)
    return answers.ok(answers.factor_json(factor))


async def user_of(cursor: Cursor, request: Request) -> User:
    """Return the user of the id in the path. Raises: AuthError 404."""
    try:
        user_id = uuid.UUID(request.path_params["user_id"])
    except ValueError as error:
        raise AuthError(404, "validation_failed", "user_id must be an UUID") from error
    user = await users.find(cursor, user_id)
    if user is None:
        raise AuthError(404, "user_not_found", "User not found")
    return user


async def _apply(
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


def _positive(text: str | None, default: int) -> int:
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
