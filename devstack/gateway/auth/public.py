"""Public endpoints of Auth: its health, its settings and the keys that verify its tokens."""

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.auth import answers
from devstack.gateway.auth.context import AuthContext


_JWKS_LIFE_S = 600


async def health(_context: AuthContext, _request: Request) -> Response:
    """GET /health."""
    return answers.ok(
        {"version": "devstack", "name": "GoTrue", "description": "GoTrue is a user registry"}
    )


async def settings(context: AuthContext, _request: Request) -> Response:
    """GET /settings: which ways of signing in are open."""
    return answers.ok(
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
    """GET /.well-known/jwks.json: the public halves of the signing keys."""
    return answers.ok(context.keys.jwks(), {"Cache-Control": f"public, max-age={_JWKS_LIFE_S}"})


async def openid_configuration(context: AuthContext, _request: Request) -> Response:
    """GET /.well-known/openid-configuration: where a verifier finds the keys."""
    return answers.ok(
        {
            "issuer": context.issuer,
            "jwks_uri": f"{context.issuer}/.well-known/jwks.json",
            "authorization_endpoint": f"{context.issuer}/authorize",
            "token_endpoint": f"{context.issuer}/token",
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        }
    )
