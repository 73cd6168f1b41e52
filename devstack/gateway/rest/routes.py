"""The ASGI application of REST: receives a request, sends the response of its handler."""

from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from urllib.parse import parse_qsl

from starlette.routing import BaseRoute, Mount
from starlette.types import Receive, Scope, Send

from devstack.gateway.caller import identify
from devstack.gateway.context import Context
from devstack.gateway.rest.api_request.request import Request
from devstack.gateway.rest.errors import RestError
from devstack.gateway.rest.handlers import Handlers
from devstack.gateway.rest.response import Response
from devstack.gateway.rest.schema_cache.live_cache import LiveSchemaCache


#: The limits of a request; official clients send far less.
MAX_BODY_BYTES = 16 * 1024 * 1024
MAX_QUERY_BYTES = 64 * 1024
MAX_PAIRS = 1000


def routes(context: Context) -> list[BaseRoute]:
    """Return one mount for all paths, because any path may name a table."""
    return [Mount("/", app=RestApp(context))]


def running(context: Context) -> AbstractAsyncContextManager[None]:
    """Keep the schema cache current while the gateway runs."""
    return context.service(LiveSchemaCache).reloading()


class RestApp:
    """The ASGI application of REST."""

    def __init__(self, context: Context) -> None:
        self._keys = context.keys
        self._handlers = Handlers(context)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. The gateway's application turns a GatewayError into a response."""
        try:
            response = await self._handlers.handle(await self._request(scope, receive))
        except RestError as error:
            response = Response(error.status, error.body, _error_headers(error.headers))
        if scope["method"] == "HEAD":
            response.body = b""
        # A response without content has no length.
        elif response.status != HTTPStatus.NO_CONTENT:
            response.headers.append((b"content-length", str(len(response.body)).encode()))
        await send(
            {"type": "http.response.start", "status": response.status, "headers": response.headers}
        )
        await send({"type": "http.response.body", "body": response.body})

    async def _request(self, scope: Scope, receive: Receive) -> Request:
        headers = _headers(scope)
        pairs = _pairs(scope["query_string"])
        key = next((value for name, value in pairs if name == "apikey"), None)
        caller = identify(headers, {} if key is None else {"apikey": key}, self._keys)
        return Request(
            method=scope["method"],
            path=scope["path"].removeprefix(scope.get("root_path", "")),
            pairs=[pair for pair in pairs if pair[0] != "apikey"] if key is not None else pairs,
            headers=headers,
            body=await _body(headers, receive),
            caller=caller,
        )


def _error_headers(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [
        (name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace"))
        for name, value in headers.items()
    ]


def _headers(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _pairs(query: bytes) -> list[tuple[str, str]]:
    if not query:
        return []
    if len(query) > MAX_QUERY_BYTES:
        raise RestError(
            "PGRST100", f"The query string is above {MAX_QUERY_BYTES} bytes", status=414
        )
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_PAIRS,
        )
    except ValueError as error:
        message = "The query string is no list of pairs in UTF-8"
        raise RestError("PGRST100", message, details=str(error)) from error
    if any("\0" in key or "\0" in value for key, value in pairs):
        raise RestError("PGRST100", "The query string has a zero byte")
    return pairs


async def _body(headers: dict[str, str], receive: Receive) -> bytes:
    announced = headers.get("content-length", "0")
    if announced.isdigit() and int(announced[:18]) > MAX_BODY_BYTES:
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY_BYTES:
            raise _too_large()
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large() -> RestError:
    return RestError("PGRST102", f"The body is above {MAX_BODY_BYTES} bytes", status=413)
