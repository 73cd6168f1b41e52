"""Refuses the request lines that the proxies in front of hosted Supabase refuse."""

from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send


#: The largest line that nginx takes unless it is configured otherwise.
MAX_BYTES = 8 * 1024
_VERSION = " HTTP/1.1"
_TITLE = "414 Request-URI Too Large"
_PAGE = (
    f"<html>\n<head><title>{_TITLE}</title></head>\n<body>\n<h1>{_TITLE}</h1>\n</body>\n</html>\n"
)


class LimitedRequestLine:
    """Answers 414 to a long request line, as a page and without CORS headers, as a proxy does."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request whose line is short enough."""
        if scope["type"] == "http" and _length(scope) > MAX_BYTES:
            await HTMLResponse(_PAGE, 414)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _length(scope: Scope) -> int:
    query = scope["query_string"]
    target = len(scope["raw_path"]) + (len(query) + 1 if query else 0)
    return len(scope["method"]) + 1 + target + len(_VERSION)
