"""Begin or continue a session: sign-up, password grant, refresh-token grant."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.auth import (
    access_tokens,
    answers,
    bodies,
    disabled,
    passwordless,
    passwords,
    sessions,
    users,
)
from devstack.gateway.auth.context import AuthContext
from devstack.gateway.auth.errors import (
    AuthError,
    invalid,
    refusing_what_is_taken,
    signup_disabled,
    user_banned,
)
from devstack.gateway.auth.sign_up import sign_up_unconfirmed
from devstack.gateway.auth.user_changes import confirm_email


async def sign_up(context: AuthContext, request: Request) -> Response:
    """POST /signup: make a user, and sign in unless the address has to be confirmed first."""
    body = await bodies.read(request, bodies.SignUp)
    if not body.email and not body.phone:
        return await passwordless.sign_in_anonymously(context, request, body)
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
        return await sign_up_unconfirmed(context, request, body, email, encrypted_password)
    with refusing_what_is_taken(_already_registered()):
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
            await confirm_email(cursor, user_id)
            session = await access_tokens.begin_session(
                context, request, cursor, user_id, "password"
            )
    return answers.ok(session)


async def grant(context: AuthContext, request: Request) -> Response:
    """POST /token: exchange a password or a refresh token for a session."""
    grant_type = request.query_params.get("grant_type")
    if grant_type == "password":
        return await _grant_for_password(context, request)
    if grant_type == "refresh_token":
        return await _grant_for_refresh_token(context, request)
    return await disabled.grant(request, grant_type)


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
    # No transaction is held meanwhile: a hash takes as long as a hundred statements.
    stored_hash = user.encrypted_password if user else None
    is_right = await passwords.is_right(body.password, stored_hash)
    if user is None or not is_right:
        raise AuthError(400, "invalid_credentials", "Invalid login credentials")
    if user.is_banned:
        raise user_banned()
    if user.email_confirmed_at is None:
        raise AuthError(400, "email_not_confirmed", "Email not confirmed")
    async with context.transaction() as cursor:
        session = await access_tokens.begin_session(context, request, cursor, user.id, "password")
    weakness = passwords.weakness_of(body.password, context.settings)
    return answers.ok(session | ({"weak_password": weakness} if weakness else {}))


async def _grant_for_refresh_token(context: AuthContext, request: Request) -> Response:
    body = await bodies.read(request, bodies.RefreshGrant)
    if not body.refresh_token:
        raise AuthError(400, "validation_failed", "refresh_token required")
    reused: sessions.TokenReusedError | None = None
    answer: dict[str, Any] = {}
    async with context.transaction() as cursor:
        try:
            user_id, session_id, successor = await sessions.rotate(
                cursor, body.refresh_token.replace("\0", ""), context.settings.refresh_token_reuse_s
            )
        except sessions.TokenReusedError as error:
            reused = error  # raised below, when the revocation is committed
        else:
            answer = await access_tokens.session_answer(
                context, cursor, user_id, session_id, successor
            )
    if reused:
        raise reused
    return answers.ok(answer)


def _already_registered() -> AuthError:
    return AuthError(422, "user_already_exists", "User already registered")
