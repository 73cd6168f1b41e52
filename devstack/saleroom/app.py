"""The server of the saleroom: pages, their settings and tools, and the proxy to the service."""

import contextlib
import functools
import os
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from devstack.saleroom.config import SaleroomConfig
from devstack.saleroom.service_proxy import ServiceProxy
from devstack.saleroom.tools import end_soon


FOLDER = Path(__file__).parent
PAGES = FOLDER / "pages"
#: The file of supabase-js that a browser loads without a build step.
SUPABASE_JS = FOLDER / "node_modules/@supabase/supabase-js/dist/umd/supabase.js"
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def create_app(config: SaleroomConfig) -> ASGIApp:
    """Build the server; each page has the address of its file without `.html`."""
    proxy = ServiceProxy(config.service_url)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await proxy.close()

    return Starlette(
        routes=[
            Route("/api/{path:path}", proxy.serve, methods=_METHODS),
            Route("/health", _health),
            Route("/settings.json", functools.partial(_settings, config)),
            Route("/supabase.js", _supabase_js),
            Route("/tools/end-soon", functools.partial(end_soon, config), methods=["POST"]),
            Mount("/", Pages(directory=PAGES, html=True)),
        ],
        lifespan=lifespan,
        middleware=[Middleware(PageHeaders, policy=content_security_policy(config))],
    )


def content_security_policy(config: SaleroomConfig) -> str:
    """Return the policy: only data and pictures may come from another origin, which is Supabase."""
    supabase = config.supabase_url
    socket = supabase.replace("http", "ws", 1)
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' {supabase}",
            f"connect-src 'self' {supabase} {socket}",
            # The modules send every form, so no password ever stands in an address.
            "form-action 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )


class Pages(StaticFiles):
    """Serves the files; `/sell` shows `sell.html`, so a new page needs no route and no restart."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Find the file of an address."""
        found, status = super().lookup_path(path)
        return (found, status) if status else super().lookup_path(f"{path}.html")


class PageHeaders:
    """Adds the headers that protect a page. The service's responses have their own."""

    def __init__(self, app: ASGIApp, policy: str) -> None:
        self._app = app
        self._headers = [
            (b"content-security-policy", policy.encode()),
            (b"x-content-type-options", b"nosniff"),
            # The address of a page may hold the client secret of a payment.
            (b"referrer-policy", b"no-referrer"),
            # A developer who edits a page sees the change at the next reload.
            (b"cache-control", b"no-cache"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, and add the headers unless the service answers it."""
        if scope["type"] != "http" or scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._headers]
            await send(message)

        await self._app(scope, receive, send_with_headers)


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _settings(config: SaleroomConfig, _request: Request) -> Response:
    return JSONResponse(config.public_settings)


async def _supabase_js(_request: Request) -> Response:
    return FileResponse(SUPABASE_JS, media_type="text/javascript")
