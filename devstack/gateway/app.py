"""The gateway's one application: each service under its path, on one pair of pools."""

import importlib
import importlib.util
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from types import ModuleType

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from devstack.gateway.caller import GatewayError
from devstack.gateway.context import Context, GatewayConfig


Running = Callable[[Context], AbstractAsyncContextManager[None]]

#: Path to package; a package that does not exist yet is not served.
SERVICES = {
    "/rest/v1": "devstack.gateway.rest",
    "/auth/v1": "devstack.gateway.auth",
    "/realtime/v1": "devstack.gateway.realtime",
    "/storage/v1": "devstack.gateway.storage",
}
#: What a browser's script may read of an answer, beyond what it always may.
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


def create_app(config: GatewayConfig) -> Starlette:
    """Build the gateway. Its services live between the application's start and its end."""
    context = Context(config)
    modules = {path: _routes_of(package) for path, package in SERVICES.items()}
    served = {path: module for path, module in modules.items() if module is not None}

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as lives:
            await lives.enter_async_context(context.opened())
            for module in served.values():
                running: Running | None = getattr(module, "running", None)
                if running is not None:
                    await lives.enter_async_context(running(context))
            yield

    routes: list[BaseRoute] = [Route("/health", _health)]
    routes += [Mount(path, routes=module.routes(context)) for path, module in served.items()]
    return Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=["*"],
                allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
                allow_headers=["*"],
                expose_headers=EXPOSED_HEADERS,
                max_age=3600,
            )
        ],
        exception_handlers={GatewayError: _refuse, HTTPException: _refuse_path},
    )


def _routes_of(package: str) -> ModuleType | None:
    if importlib.util.find_spec(package) is None:
        return None
    if importlib.util.find_spec(f"{package}.routes") is None:
        return None
    return importlib.import_module(f"{package}.routes")


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _refuse(_request: Request, error: Exception) -> Response:
    if not isinstance(error, GatewayError):
        raise error
    return JSONResponse(dict(error.body), error.status, headers=error.headers)


async def _refuse_path(request: Request, error: Exception) -> Response:
    """Name what is not served; the hosted gateway's own words for it."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code != 404:  # noqa: PLR2004 -- not found
        return JSONResponse({"message": error.detail}, error.status_code, headers=error.headers)
    return JSONResponse({"message": f"no Route matched with {request.url.path}"}, 404)
