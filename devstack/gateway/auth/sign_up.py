"""POST /signup: create a user by address and password, or an anonymous one.

GoTrue: `internal/api/signup.go` and `anonymous.go` of supabase/auth.
"""

import dataclasses
import uuid
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.auth import (
    access_tokens,
    bodies,
    mails,
    passwords,
    response,
    user_changes,
    users,
)
from devstack.gateway.auth.context import AuthContext
from devstack.gateway.auth.errors import (
    AuthError,
    email_exists,
    invalid,
    refusing_duplicates,
    signup_disabled,
)
from devstack.gateway.auth.mails import TokenMail
from devstack.gateway.auth.one_time_tokens import Kind
from devstack.gateway.auth.users import EMAIL_METADATA, User


async def sign_up(context: AuthContext, request: Request) -> Response:
    """POST /signup: create a user, and sign them in unless the address needs confirmation."""
    body = await bodies.read(request, bodies.SignUp)
    if not body.email and not body.phone:
        return await _sign_up_anonymously(context, request, body)
    if not context.settings.is_signup_enabled:
        raise signup_disabled()
    bodies.refuse_phone(body.phone)
    if not context.settings.is_email_enabled:
        raise AuthError(400, "email_provider_disabled", "Email signups are disabled")
    if not body.password:
        raise invalid("Signup requires a valid password")
    passwords.check_strength(body.password, context.settings)
    email = bodies.address_of(body.email)
    encrypted_password = await passwords.hash_of(body.password)
    if context.settings.needs_confirmation:
        return await _sign_up_unconfirmed(context, request, body, email, encrypted_password)
    return await _sign_up_confirmed(context, request, body, email, encrypted_password)


async def _sign_up_anonymously(
    context: AuthContext, request: Request, body: bodies.SignUp
) -> Response:
    if not context.settings.is_anonymous_enabled:
        raise AuthError(422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled")
    if not context.settings.is_signup_enabled:
        raise signup_disabled()
    async with context.transaction() as cursor:
        user_id = await users.create_anonymous(cursor, body.data or {})
        session = await access_tokens.begin_session(context, request, cursor, user_id, "anonymous")
    return response.ok(session)


async def _sign_up_confirmed(
    context: AuthContext, request: Request, body: bodies.SignUp, email: str, encrypted_password: str
) -> Response:
    with refusing_duplicates(_already_registered()):
        async with context.transaction() as cursor:
            if await users.find_by_email(cursor, email):
                raise _already_registered()
            user_id = await users.create(
                cursor,
                email=email,
                encrypted_password=encrypted_password,
                user_metadata=body.data or {},
                is_sign_up=True,
            )
            await user_changes.confirm_email(cursor, user_id)
            session = await access_tokens.begin_session(
                context, request, cursor, user_id, "password"
            )
    return response.ok(session)


async def _sign_up_unconfirmed(
    context: AuthContext, request: Request, body: bodies.SignUp, email: str, encrypted_password: str
) -> Response:
    """Create a user who has to confirm the address, or repeat the mail to such a user.

    If the address belongs to a confirmed user, no mail is sent. The response then looks like that
    to a new user, so the caller does not learn of the other one.
    """
    with refusing_duplicates(email_exists()):
        async with context.transaction() as cursor:
            user = await users.find_by_email(cursor, email)
            if user and user.email_confirmed_at:
                return response.ok(response.user_json(_sanitized(user, body)))
            user_id = await users.create_unless_found(
                cursor,
                user,
                email=email,
                encrypted_password=encrypted_password,
                user_metadata=body.data or {},
            )
            mail = TokenMail(
                kind=Kind.CONFIRMATION, type="signup", is_pkce=bool(body.code_challenge)
            )
            await mails.send(context, request, cursor, user_id, address=email, mail=mail)
            found = await users.require(cursor, user_id)
    return response.ok(response.user_json(found))


def _sanitized(user: User, body: bodies.SignUp) -> User:
    """Return a confirmed user as a new one: another id, and the metadata of the request only."""
    now = datetime.now(UTC)
    return dataclasses.replace(
        user,
        id=uuid.uuid4(),
        role="",
        created_at=now,
        updated_at=now,
        confirmation_sent_at=now,
        last_sign_in_at=None,
        confirmed_at=None,
        email_confirmed_at=None,
        invited_at=None,
        recovery_sent_at=None,
        email_change="",
        email_change_sent_at=None,
        banned_until=None,
        raw_user_meta_data=body.data or {},
        raw_app_meta_data=EMAIL_METADATA,
        identities=(),
        factors=(),
    )


def _already_registered() -> AuthError:
    return AuthError(422, "user_already_exists", "User already registered")
