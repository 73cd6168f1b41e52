"""The paths of Auth and their handlers."""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import psycopg
from psycopg_pool import PoolTimeout
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from devstack.gateway.auth import (
    admin,
    current_user,
    grants,
    mails,
    mfa,
    public,
    response,
    sign_up,
    verification,
)
from devstack.gateway.auth.context import AuthContext
from devstack.gateway.auth.errors import AuthError
from devstack.gateway.auth.sent_mails import mailbox_of
from devstack.gateway.auth.settings import AuthSettings
from devstack.gateway.caller import api_key_claims
from devstack.gateway.context import Context, GatewayConfig, summary


_LOG = logging.getLogger(__name__)

Handler = Callable[[AuthContext, Request], Awaitable[Response]]

#: The hosted gateway requires no API key here: links in mails and verifiers of tokens send none.
_OPEN: Final[list[tuple[str, str, Handler]]] = [
    ("GET", "/.well-known/jwks.json", public.jwks),
    ("GET", "/.well-known/openid-configuration", public.openid_configuration),
    ("GET", "/verify", verification.follow_link),
    ("POST", "/verify", verification.verify),
    ("GET", "/authorize", public.authorize),
]
_KEYED: Final[list[tuple[str, str, Handler]]] = [
    ("GET", "/health", public.health),
    ("GET", "/settings", public.settings),
    ("POST", "/signup", sign_up.sign_up),
    ("POST", "/token", grants.grant),
    ("GET", "/user", current_user.show),
    ("PUT", "/user", current_user.change),
    ("POST", "/logout", current_user.sign_out),
    ("POST", "/recover", mails.recover),
    ("POST", "/resend", mails.resend),
    ("GET", "/reauthenticate", mails.reauthenticate),
    ("POST", "/invite", admin.invite),
    ("POST", "/factors", mfa.enroll),
    ("POST", "/factors/{factor_id}/challenge", mfa.challenge),
    ("POST", "/factors/{factor_id}/verify", mfa.verify),
    ("DELETE", "/factors/{factor_id}", mfa.unenroll),
    ("GET", "/admin/users", admin.list_users),
    ("POST", "/admin/users", admin.create_user),
    ("GET", "/admin/users/{user_id}", admin.show_user),
    ("PUT", "/admin/users/{user_id}", admin.change_user),
    ("DELETE", "/admin/users/{user_id}", admin.delete_user),
    ("GET", "/admin/users/{user_id}/factors", admin.list_factors),
    ("DELETE", "/admin/users/{user_id}/factors/{factor_id}", admin.delete_factor),
    ("POST", "/admin/generate_link", admin.generate_link),
    ("POST", "/otp", mails.one_time_password),
    ("POST", "/magiclink", mails.magic_link),
    ("POST", "/sso", public.single_sign_on),
    ("GET", "/user/identities/authorize", current_user.link_identity),
    ("DELETE", "/user/identities/{identity_id}", current_user.link_identity),
]


def routes(context: Context) -> list[BaseRoute]:
    """Return the routes below `/auth/v1`."""
    auth_context = AuthContext(
        pool=context.admin_pool,
        keys=context.keys,
        issuer=f"{context.config.url}/auth/v1",
        settings=_settings(context.config),
        mailbox=context.service(mailbox_of),
    )
    opened = [_route(auth_context, *entry, needs_key=False) for entry in _OPEN]
    keyed = [_route(auth_context, *entry, needs_key=True) for entry in _KEYED]
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    return [*opened, *keyed, Route("/{path:path}", _not_served, methods=methods)]


def _settings(config: GatewayConfig) -> AuthSettings:
    settings = AuthSettings.read(Path(config.project_file))
    return settings if config.has_production_auth else settings.for_development()


def _route(
    auth_context: AuthContext, method: str, path: str, handler: Handler, *, needs_key: bool
) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            if needs_key:
                api_key_claims(request.headers, request.query_params, auth_context.keys)
            return await handler(auth_context, request)
        except AuthError as error:
            return response.refusal(request, error)
        except PoolTimeout as error:
            return response.refusal(request, _timed_out(error))
        except psycopg.Error as error:
            return response.refusal(request, _database_failure(method, path, error))

    return Route(path, endpoint, methods=[method])


async def _not_served(request: Request) -> Response:
    """Answer 501 to a path that devstack does not serve, so that it looks like no bug."""
    endpoint = f"{request.method} /auth/v1/{request.path_params['path']}"
    message = f"{endpoint} is not served by devstack's Auth"
    return response.refusal(request, AuthError(501, "not_implemented", message))


def _timed_out(error: PoolTimeout) -> AuthError:
    _LOG.warning("auth found no free database connection: %s", error)
    return AuthError(504, "request_timeout", "Processing this request timed out, please retry")


def _database_failure(method: str, path: str, error: psycopg.Error) -> AuthError:
    """Return GoTrue's error for a failure in the database, such as a trigger's, and log it."""
    # Without a SQLSTATE psycopg itself refused a parameter: a text with a NUL.
    if isinstance(error, psycopg.DataError) and error.sqlstate is None:
        return AuthError(400, "bad_json", "Text must not contain a NUL character")
    _LOG.error("auth could not serve %s: %s", path, summary(error))
    message = "Database error"
    if path in {"/signup", "/admin/users", "/invite"}:
        message = "Database error saving new user"
    elif (method, path) == ("DELETE", "/admin/users/{user_id}"):
        message = "Database error deleting user"
    return AuthError(500, "unexpected_failure", message, cause=error)
