"""Second factors on the wire: enrol an authenticator app, and prove with it that it is you.

The rules, their order, codes and sentences are GoTrue's (`internal/api/mfa.go` of supabase/auth).
"""

import uuid
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.auth import access_tokens, answers, bodies, caller, factors, sessions, totp
from devstack.gateway.auth.caller import SignedIn
from devstack.gateway.auth.context import AuthContext, Cursor
from devstack.gateway.auth.errors import (
    AuthError,
    invalid,
    refusing_what_is_taken,
    session_not_found,
)
from devstack.gateway.auth.factors import Challenge, Factor
from devstack.gateway.auth.users import User


async def enroll(context: AuthContext, request: Request) -> Response:
    """POST /factors: make a secret that waits for its first code."""
    claims = caller.token_claims(request, context)
    body = await bodies.read(request, bodies.Enrolment)
    async with context.transaction() as cursor:
        signed_in = await caller.signed_in(cursor, claims)
    if signed_in.session is None:
        raise session_not_found()
    _refuse_type(context, body.factor_type)
    secret = totp.new_secret()
    with refusing_what_is_taken(_name_taken(body.friendly_name)):
        async with context.transaction() as cursor:
            await factors.drop_abandoned(cursor)
            await _check_room(cursor, context, signed_in, body.friendly_name)
            factor_id = await factors.enroll(cursor, signed_in.user.id, body.friendly_name, secret)
    issuer = body.issuer or urlsplit(context.settings.site_url).netloc
    address = totp.uri(secret, issuer, signed_in.user.email or "")
    return answers.ok(
        {
            "id": str(factor_id),
            "type": "totp",
            "friendly_name": body.friendly_name,
            "totp": {"qr_code": totp.qr_code(address), "secret": secret, "uri": address},
        }
    )


async def challenge(context: AuthContext, request: Request) -> Response:
    """POST /factors/{id}/challenge: ask for a code."""
    claims = caller.token_claims(request, context)
    async with context.transaction() as cursor:
        signed_in = await caller.signed_in(cursor, claims)
        factor = factor_of(signed_in.user, request.path_params["factor_id"])
        _refuse_verification(context, factor)
        asked = await factors.challenge(cursor, factor.id, access_tokens.client_address(request))
    return answers.ok(
        {
            "id": str(asked.id),
            "type": factor.factor_type,
            "expires_at": int(asked.expires_at.timestamp()),
        }
    )


async def verify(context: AuthContext, request: Request) -> Response:
    """POST /factors/{id}/verify: raise the session to aal2 for a right code.

    All the user's sessions that prove less end.
    """
    claims = caller.token_claims(request, context)
    body = await bodies.read(request, bodies.Verification)
    expired: AuthError | None = None
    async with context.transaction() as cursor:
        signed_in = await caller.signed_in(cursor, claims)
        factor = factor_of(signed_in.user, request.path_params["factor_id"])
        if not body.code:
            raise invalid("Code needs to be non-empty")
        _refuse_verification(context, factor)
        asked = await _asked(
            cursor, factor, body.challenge_id, access_tokens.client_address(request)
        )
        if asked.is_expired:
            await factors.drop_challenge(cursor, asked.id)
            expired = _expired(asked)  # raised below, when it is gone for good
        elif not totp.is_right(factor.secret or "", body.code):
            raise AuthError(422, "mfa_verification_failed", "Invalid TOTP code entered")
        else:
            answer = await _raise_session(context, cursor, signed_in, factor, asked.id)
    if expired:
        raise expired
    return answers.ok(answer)


async def unenroll(context: AuthContext, request: Request) -> Response:
    """DELETE /factors/{id}: take a factor away; one that is verified only at aal2."""
    claims = caller.token_claims(request, context)
    async with context.transaction() as cursor:
        signed_in = await caller.signed_in(cursor, claims)
        factor = factor_of(signed_in.user, request.path_params["factor_id"])
        if factor.is_verified and not signed_in.is_aal2:
            raise AuthError(422, "insufficient_aal", "AAL2 required to unenroll verified factor")
        await factors.drop(cursor, factor)
    return answers.ok({"id": str(factor.id)})


def factor_of(user: User, factor_id: str) -> Factor:
    """Return that factor of the user. Raises: AuthError 404."""
    try:
        wanted = uuid.UUID(factor_id)
    except ValueError as error:
        raise AuthError(404, "validation_failed", "factor_id must be an UUID") from error
    for factor in user.factors:
        if factor.id == wanted:
            return factor
    raise AuthError(404, "mfa_factor_not_found", "Factor not found")


def _refuse_type(context: AuthContext, factor_type: str) -> None:
    disabled = {"phone": "Phone", "webauthn": "WebAuthn"}
    if not context.settings.is_totp_enroll_enabled:
        disabled["totp"] = "TOTP"
    if factor_type in disabled:
        code = f"mfa_{factor_type}_enroll_not_enabled"
        raise AuthError(422, code, f"MFA enroll is disabled for {disabled[factor_type]}")
    if factor_type != "totp":
        raise invalid("factor_type needs to be totp, phone, or webauthn")


def _refuse_verification(context: AuthContext, factor: Factor) -> None:
    """Refuse what is switched off, and factors that a migration brought and nobody here can ask."""
    if factor.factor_type != "totp" or not context.settings.is_totp_verify_enabled:
        name = {"phone": "Phone", "webauthn": "WebAuthn"}.get(factor.factor_type, "TOTP")
        code = f"mfa_{factor.factor_type}_verify_not_enabled"
        raise AuthError(422, code, f"MFA verification is disabled for {name}")


async def _check_room(cursor: Cursor, context: AuthContext, signed_in: SignedIn, name: str) -> None:
    enrolled = await factors.of_users(cursor, [signed_in.user.id])
    if any(factor.friendly_name == name for factor in enrolled):
        raise _name_taken(name)
    if len(enrolled) >= context.settings.max_enrolled_factors:
        message = "Maximum number of verified factors reached, unenroll to continue"
        raise AuthError(422, "too_many_enrolled_mfa_factors", message)
    if any(factor.is_verified for factor in enrolled) and not signed_in.is_aal2:
        raise AuthError(403, "insufficient_aal", "AAL2 required to enroll a new factor")


async def _asked(cursor: Cursor, factor: Factor, challenge_id: str, address: str) -> Challenge:
    try:
        wanted = uuid.UUID(challenge_id)
    except ValueError as error:
        raise invalid("challenge_id must be an UUID") from error
    asked = await factors.find_challenge(cursor, factor.id, wanted)
    if asked is None:
        message = "MFA factor with the provided challenge ID not found"
        raise AuthError(422, "mfa_factor_not_found", message)
    if asked.is_answered or asked.ip_address != address:
        message = "Challenge and verify IP addresses mismatch."
        raise AuthError(422, "mfa_ip_address_mismatch", message)
    return asked


async def _raise_session(
    context: AuthContext,
    cursor: Cursor,
    signed_in: SignedIn,
    factor: Factor,
    challenge_id: uuid.UUID,
) -> dict[str, object]:
    session = signed_in.session
    if session is None:
        raise session_not_found()
    await factors.verify(cursor, factor, challenge_id)
    refresh_token = await sessions.prove(cursor, session, "totp", factor.id)
    return await access_tokens.session_answer(
        context, cursor, session.user_id, session.id, refresh_token
    )


def _expired(asked: Challenge) -> AuthError:
    message = (
        f"MFA challenge {asked.id} has expired, verify against another challenge or create a new"
        " challenge."
    )
    return AuthError(422, "mfa_challenge_expired", message)


def _name_taken(name: str) -> AuthError:
    message = f'A factor with the friendly name "{name}" for this user already exists'
    return AuthError(422, "mfa_factor_name_conflict", message)
