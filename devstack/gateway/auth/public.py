"""What Auth tells everybody: its health, its settings and the keys that its tokens verify by."""

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.auth import answers
from devstack.gateway.auth.context import Desk


_JWKS_LIFE_S = 600


async def health(_desk: Desk, _request: Request) -> Response:
    """GET /health."""
    return answers.ok(
        {"version": "devstack", "name": "GoTrue", "description": "GoTrue is a user registry"}
    )


async def settings(desk: Desk, _request: Request) -> Response:
    """GET /settings: which ways of signing in are open."""
    return answers.ok(
        {
            "external": {
                "anonymous_users": desk.settings.is_anonymous_enabled,
                "email": desk.settings.is_email_enabled,
                "phone": False,
            },
            "disable_signup": not desk.settings.is_signup_enabled,
            "mailer_autoconfirm": not desk.settings.needs_confirmation,
            "phone_autoconfirm": False,
            "sms_provider": "",
            "saml_enabled": False,
        }
    )


async def jwks(desk: Desk, _request: Request) -> Response:
    """GET /.well-known/jwks.json: the public halves of the signing keys."""
    return answers.ok(desk.keys.jwks(), {"Cache-Control": f"public, max-age={_JWKS_LIFE_S}"})


async def openid_configuration(desk: Desk, _request: Request) -> Response:
    """GET /.well-known/openid-configuration: where a verifier finds the keys."""
    return answers.ok(
        {
            "issuer": desk.issuer,
            "jwks_uri": f"{desk.issuer}/.well-known/jwks.json",
            "authorization_endpoint": f"{desk.issuer}/authorize",
            "token_endpoint": f"{desk.issuer}/token",
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        }
    )
