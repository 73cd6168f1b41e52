"""Endpoints that need no user: health, settings, public keys, and disabled ways of signing in."""

from typing import NoReturn

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.auth import response
from devstack.gateway.auth.context import AuthContext
from devstack.gateway.auth.errors import AuthError, invalid


_JWKS_MAX_AGE_S = 600


async def health(_context: AuthContext, _request: Request) -> Response:
    """GET /health: say that Auth runs."""
    return response.ok(
        {"version": "devstack", "name": "GoTrue", "description": "GoTrue is a user registry"}
    )


async def settings(context: AuthContext, _request: Request) -> Response:
    """GET /settings: say which ways of signing in are enabled."""
    return response.ok(
        {
            "external": {
                "anonymous_users": context.settings.is_anonymous_enabled,
                "email": context.settings.is_email_enabled,
                "phone": False,
            },
            "disable_signup": not context.settings.is_signup_enabled,
            "mailer_autoconfirm": not context.settings.needs_confirmation,
            "phone_autoconfirm": False,
            "sms_provider": "",
            "saml_enabled": False,
        }
    )


async def jwks(context: AuthContext, _request: Request) -> Response:
    """GET /.well-known/jwks.json: return the public halves of the signing keys."""
    return response.ok(context.keys.jwks(), {"Cache-Control": f"public, max-age={_JWKS_MAX_AGE_S}"})


async def openid_configuration(context: AuthContext, _request: Request) -> Response:
    """GET /.well-known/openid-configuration: tell a verifier of tokens the address of the keys."""
    return response.ok(
        {
            "issuer": context.issuer,
            "jwks_uri": f"{context.issuer}/.well-known/jwks.json",
            "authorization_endpoint": f"{context.issuer}/authorize",
            "token_endpoint": f"{context.issuer}/token",
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        }
    )


async def authorize(_context: AuthContext, _request: Request) -> NoReturn:
    """GET /authorize: refuse to sign in with another service's account."""
    raise invalid("Unsupported provider: provider is not enabled")


async def single_sign_on(_context: AuthContext, _request: Request) -> NoReturn:
    """POST /sso: refuse to sign in by SAML."""
    raise AuthError(404, "saml_provider_disabled", "SAML 2.0 is disabled")
