"""Handlers for second factors: enrol an authenticator app, and verify its codes.

The rules, their order, codes and messages are GoTrue's (`internal/api/mfa.go` of supabase/auth).
"""

import io
import uuid
from urllib.parse import quote, urlencode, urlsplit

import pyotp
import segno
from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.auth import access_tokens, bodies, caller, factors, response, sessions
from devstack.gateway.auth.caller import SignedIn
from devstack.gateway.auth.context import AuthContext, Cursor
from devstack.gateway.auth.errors import (
    AuthError,
    invalid,
    refusing_duplicates,
    session_not_found,
)
from devstack.gateway.auth.factors import Challenge, Factor
from devstack.gateway.auth.users import User


#: Clocks differ, so the codes of the period before and of the one after are valid too.
_ADJACENT_PERIODS = 1
_QR_SCALE = 3


async def enroll(context: AuthContext, request: Request) -> Response:
    """POST /factors: create a factor, and return its secret and QR code."""
    claims = caller.token_claims(request, context)
    body = await bodies.read(request, bodies.Enroll)
    async with context.transaction() as cursor:
        signed_in = await caller.signed_in(cursor, claims)
    if signed_in.session is None:
        raise session_not_found()
    _refuse_type(context, body.factor_type)
    secret = pyotp.random_base32()
    with refusing_duplicates(_name_conflict(body.friendly_name)):
        async with context.transaction() as cursor:
            await factors.delete_abandoned(cursor)
            await _check_enrolment(cursor, context, signed_in, body.friendly_name)
            factor_id = await factors.enroll(cursor, signed_in.user.id, body.friendly_name, secret)
    issuer = body.issuer or urlsplit(context.settings.site_url).netloc
    uri = totp_uri(secret, issuer, signed_in.user.email or "")
    return response.ok(
        {
            "id": str(factor_id),
            "type": "totp",
            "friendly_name": body.friendly_name,
            "totp": {"qr_code": qr_code(uri), "secret": secret, "uri": uri},
        }
    )


async def challenge(context: AuthContext, request: Request) -> Response:
    """POST /factors/{id}/challenge: create a challenge, which a code can verify."""
    claims = caller.token_claims(request, context)
    async with context.transaction() as cursor:
        signed_in = await caller.signed_in(cursor, claims)
        factor = factor_of(signed_in.user, request.path_params["factor_id"])
        _refuse_verification(context, factor)
        created = await factors.create_challenge(
            cursor, factor.id, access_tokens.client_address(request)
        )
    return response.ok(
        {
            "id": str(created.id),
            "type": factor.factor_type,
            "expires_at": int(created.expires_at.timestamp()),
        }
    )


async def verify(context: AuthContext, request: Request) -> Response:
    """POST /factors/{id}/verify: raise the session to aal2 if the code is correct.

    The user's sessions at aal1 end.
    """
    claims = caller.token_claims(request, context)
    body = await bodies.read(request, bodies.VerifyFactor)
    expired: AuthError | None = None
    async with context.transaction() as cursor:
        signed_in = await caller.signed_in(cursor, claims)
        factor = factor_of(signed_in.user, request.path_params["factor_id"])
        if not body.code:
            raise invalid("Code needs to be non-empty")
        _refuse_verification(context, factor)
        pending = await _require_challenge(
            cursor, factor, body.challenge_id, access_tokens.client_address(request)
        )
        if pending.is_expired:
            await factors.delete_challenge(cursor, pending.id)
            # Raised inside the transaction, the error would undo the deletion.
            expired = _expired(pending)
        elif not is_valid_code(factor.secret or "", body.code):
            raise AuthError(422, "mfa_verification_failed", "Invalid TOTP code entered")
        else:
            session = await _raise_session(context, cursor, signed_in, factor, pending.id)
    if expired:
        raise expired
    return response.ok(session)


async def unenroll(context: AuthContext, request: Request) -> Response:
    """DELETE /factors/{id}: delete a factor. A session at aal1 cannot delete a verified one."""
    claims = caller.token_claims(request, context)
    async with context.transaction() as cursor:
        signed_in = await caller.signed_in(cursor, claims)
        factor = factor_of(signed_in.user, request.path_params["factor_id"])
        if factor.is_verified and not signed_in.is_aal2:
            raise AuthError(422, "insufficient_aal", "AAL2 required to unenroll verified factor")
        await factors.delete(cursor, factor)
    return response.ok({"id": str(factor.id)})


def factor_of(user: User, factor_id: str) -> Factor:
    """Return the user's factor of that id. Raises: AuthError 404."""
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
    """Refuse factors of a disabled type, such as phones, which a migration may have inserted."""
    if factor.factor_type != "totp" or not context.settings.is_totp_verify_enabled:
        name = {"phone": "Phone", "webauthn": "WebAuthn"}.get(factor.factor_type, "TOTP")
        code = f"mfa_{factor.factor_type}_verify_not_enabled"
        raise AuthError(422, code, f"MFA verification is disabled for {name}")


async def _check_enrolment(
    cursor: Cursor, context: AuthContext, signed_in: SignedIn, name: str
) -> None:
    """Refuse a factor whose name the user has, one too many, and one from a session at aal1.

    The last rule holds only for a user who has a verified factor.
    """
    enrolled = await factors.of_users(cursor, [signed_in.user.id])
    if any(factor.friendly_name == name for factor in enrolled):
        raise _name_conflict(name)
    if len(enrolled) >= context.settings.max_enrolled_factors:
        message = "Maximum number of verified factors reached, unenroll to continue"
        raise AuthError(422, "too_many_enrolled_mfa_factors", message)
    if any(factor.is_verified for factor in enrolled) and not signed_in.is_aal2:
        raise AuthError(403, "insufficient_aal", "AAL2 required to enroll a new factor")


async def _require_challenge(
    cursor: Cursor, factor: Factor, challenge_id: str, address: str
) -> Challenge:
    """Return the factor's unverified challenge, if it is from this address. Raises: AuthError."""
    try:
        wanted = uuid.UUID(challenge_id)
    except ValueError as error:
        raise invalid("challenge_id must be an UUID") from error
    found = await factors.find_challenge(cursor, factor.id, wanted)
    if found is None:
        message = "MFA factor with the provided challenge ID not found"
        raise AuthError(422, "mfa_factor_not_found", message)
    if found.is_verified or found.ip_address != address:
        message = "Challenge and verify IP addresses mismatch."
        raise AuthError(422, "mfa_ip_address_mismatch", message)
    return found


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
    refresh_token = await sessions.raise_to_aal2(cursor, session, "totp", factor.id)
    return await access_tokens.session_json(
        context, cursor, session.user_id, session.id, refresh_token
    )


def _expired(challenge: Challenge) -> AuthError:
    message = (
        f"MFA challenge {challenge.id} has expired, verify against another challenge or create a"
        " new challenge."
    )
    return AuthError(422, "mfa_challenge_expired", message)


def _name_conflict(name: str) -> AuthError:
    message = f'A factor with the friendly name "{name}" for this user already exists'
    return AuthError(422, "mfa_factor_name_conflict", message)


def totp_uri(secret: str, issuer: str, account: str) -> str:
    """Return the URI in the QR code. Like GoTrue's, it names every parameter."""
    label = quote(f"{issuer}:{account}", safe="$&+,:=@")
    parameters = {
        "algorithm": "SHA1",
        "digits": "6",
        "issuer": issuer,
        "period": "30",
        "secret": secret,
    }
    return f"otpauth://totp/{label}?{urlencode(parameters, quote_via=quote)}"


def qr_code(text: str) -> str:
    """Return a QR code as SVG without a `#`.

    Clients put `data:image/svg+xml;utf-8,` before it to make a URL of an image. A browser would
    take the part behind a `#` for the URL's fragment.
    """
    image = io.BytesIO()
    segno.make_qr(text, error="h").save(image, kind="svg", scale=_QR_SCALE, nl=False)
    return image.getvalue().decode().replace('"#000"', '"black"')


def is_valid_code(secret: str, code: str) -> bool:
    """Return true if `code` is the secret's in this period, the one before or the one after."""
    # The library alone would also accept digits of other scripts.
    totp = pyotp.TOTP(secret)
    return code.isascii() and totp.verify(code.strip(), valid_window=_ADJACENT_PERIODS)
