"""The ASGI application of the gateway: each service under its path, with shared pools."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from devstack.emulation.connection_reset import TransportInScope
from devstack.emulation.control import PATH
from devstack.gateway import control
from devstack.gateway.auth import routes as auth
from devstack.gateway.auth.sent_mails import mailbox_of
from devstack.gateway.caller import GatewayError
from devstack.gateway.context import Context, GatewayConfig
from devstack.gateway.faults import FaultMiddleware, GatewayFaults
from devstack.gateway.realtime import routes as realtime
from devstack.gateway.realtime.context import realtime_context
from devstack.gateway.rest import routes as rest
from devstack.gateway.storage import routes as storage


#: The response headers that a browser shows to a script, besides those that CORS always allows.
EXPOSED_HEADERS = (
    "Content-Encoding",
    "Content-Location",
    "Content-Range",
    "Content-Type",
    "Date",
    "Location",
    "Preference-Applied",
    "Proxy-Status",
    "Range-Unit",
    "Server",
    "Transfer-Encoding",
    "X-Total-Count",
    "Link",
    "X-Supabase-Api-Version",
    "sb-project-ref",
)
#: The longest request line that the proxies in front of hosted Supabase accept: nginx's default.
MAX_REQUEST_LINE_BYTES = 8 * 1024
TOO_LARGE = "414 Request-URI Too Large"
TOO_LARGE_PAGE = f"""<html>
<head><title>{TOO_LARGE}</title></head>
<body>
<h1>{TOO_LARGE}</h1>
</body>
</html>
"""
#: The media type of an error response of PostgREST, and of the gateway in front of it.
JSON = "application/json; charset=utf-8"


def create_app(config: GatewayConfig) -> ASGIApp:
    """Build the gateway. Its services run from the application's start to its end."""
    context, faults = Context(config), GatewayFaults()

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with context.opened(), rest.running(context), realtime.running(context):
            yield

    routes: list[BaseRoute] = [
        Route("/health", _health),
        Mount("/rest/v1", routes=rest.routes(context)),
        Mount("/auth/v1", routes=auth.routes(context)),
        Mount("/realtime/v1", routes=realtime.routes(context)),
        Mount("/storage/v1", routes=storage.routes(context)),
        *control.routes(
            faults, realtime_context(context), context.keys.signing, context.service(mailbox_of)
        ),
    ]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[
            Middleware(RequestLineLimit),
            Middleware(
                CORSMiddleware,
                allow_origins=["*"],
                allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
                allow_headers=["*"],
                expose_headers=EXPOSED_HEADERS,
                max_age=3600,
            ),
            # Inside the CORS middleware, so that a script in a browser can read a fault's response.
            Middleware(FaultMiddleware, faults=faults, keys=context.keys, exempt_path=PATH),
        ],
        exception_handlers={GatewayError: _refuse, HTTPException: _refuse_path},
    )
    return TransportInScope(app)


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _refuse(_request: Request, error: Exception) -> Response:
    if not isinstance(error, GatewayError):
        raise error
    return JSONResponse(dict(error.body), error.status, headers=error.headers, media_type=JSON)


async def _refuse_path(request: Request, error: Exception) -> Response:
    """Answer 404 to an unknown path, in the words of hosted Supabase's gateway."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code != HTTPStatus.NOT_FOUND:
        return JSONResponse({"message": error.detail}, error.status_code, headers=error.headers)
    return JSONResponse({"message": f"no Route matched with {request.url.path}"}, 404)


class RequestLineLimit:
    """Answers 414 to a long request line, with a page and without CORS headers, as nginx does."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request whose line is short enough."""
        if scope["type"] == "http" and _request_line_length(scope) > MAX_REQUEST_LINE_BYTES:
            await HTMLResponse(TOO_LARGE_PAGE, 414)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _request_line_length(scope: Scope) -> int:
    query = scope["query_string"]
    target = len(scope["raw_path"]) + (len(query) + 1 if query else 0)
    return len(scope["method"]) + 1 + target + len(" HTTP/1.1")
