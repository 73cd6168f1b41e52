"""Ways of signing in that this stack does not have: each is refused as one that is switched off.

The answers are those of a hosted project that has not enabled it.
"""

from typing import NoReturn

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.auth import bodies, caller
from devstack.gateway.auth.context import AuthContext
from devstack.gateway.auth.errors import AuthError, invalid


_ISSUERS = {
    "apple": "https://appleid.apple.com",
    "azure": "https://login.microsoftonline.com/common/v2.0",
    "facebook": "https://www.facebook.com",
    "google": "https://accounts.google.com",
    "kakao": "https://kauth.kakao.com",
}


async def authorize(_context: AuthContext, _request: Request) -> NoReturn:
    """GET /authorize: sign in with another service's account."""
    raise invalid("Unsupported provider: provider is not enabled")


async def single_sign_on(_context: AuthContext, _request: Request) -> NoReturn:
    """POST /sso: sign in by SAML."""
    raise AuthError(404, "saml_provider_disabled", "SAML 2.0 is disabled")


async def link_identity(context: AuthContext, request: Request) -> Response:
    """GET and DELETE below /user/identities: add another service's account, or take one away."""
    claims = caller.token_claims(request, context)
    async with context.transaction() as cursor:
        await caller.signed_in(cursor, claims)
    raise AuthError(404, "manual_linking_disabled", "Manual linking is disabled")


async def grant(request: Request, grant_type: str | None) -> NoReturn:
    """POST /token with a grant other than a password or a refresh token."""
    if grant_type == "id_token":
        body = await bodies.read(request, bodies.IdTokenGrant)
        issuer = _ISSUERS.get(body.provider)
        if issuer is None:
            raise invalid(f'Custom OIDC provider "{body.provider}" not allowed')
        message = f'Provider (issuer "{issuer}") is not enabled'
        raise AuthError(400, "provider_disabled", message)
    if grant_type == "web3":
        raise AuthError(422, "web3_provider_disabled", "Web3 provider is disabled")
    if grant_type == "pkce":  # no flow begins here, so none ends
        message = "invalid flow state, no valid flow state found"
        raise AuthError(404, "flow_state_not_found", message)
    raise AuthError(400, "invalid_credentials", "unsupported_grant_type")
