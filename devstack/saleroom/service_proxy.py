"""Pass a request under `/api` on to the service, as the proxy in front of production does."""

from collections.abc import AsyncIterator

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse


#: Headers that belong to one connection (RFC 9110, 7.6.1), so a proxy drops them.
HOP_BY_HOP = {
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
}
_TIMEOUT_S = 60
RawHeaders = list[tuple[bytes, bytes]]


class ServiceProxy:
    """Passes requests on unchanged, but for the headers of the connection.

    It keeps no cookie, so the sessions of two people stay apart.
    """

    def __init__(self, service_url: str) -> None:
        self._service = httpx.URL(service_url)
        self._client = httpx.AsyncClient(
            trust_env=False, timeout=_TIMEOUT_S, limits=httpx.Limits(max_connections=None)
        )

    async def close(self) -> None:
        """Close the connections to the service."""
        await self._client.aclose()

    async def serve(self, request: Request) -> Response:
        """Send the request to the service, and stream its response back."""
        try:
            answer = await self._client.send(self._forwarded(request), stream=True)
        except httpx.TimeoutException:
            return JSONResponse({"error": "The service did not answer in time."}, 504)
        except httpx.TransportError:
            return JSONResponse({"error": "The service does not answer."}, 502)
        response = StreamingResponse(_body_of(answer), answer.status_code)
        response.raw_headers = _end_to_end(answer.headers.raw)
        return response

    def _forwarded(self, request: Request) -> httpx.Request:
        query = request.scope["query_string"]
        target = request.scope["raw_path"] + (b"?" + query if query else b"")
        headers = [
            *_end_to_end(request.headers.raw),
            (b"x-forwarded-for", _forwarded_for(request).encode()),
        ]
        has_body = {"content-length", "transfer-encoding"} & set(request.headers.keys())
        return httpx.Request(
            request.method,
            self._service.copy_with(raw_path=target),
            headers=headers,
            content=request.stream() if has_body else None,
        )


def _forwarded_for(request: Request) -> str:
    """Return the addresses of the clients before us; the last is the one that we see ourselves."""
    given = request.headers.getlist("x-forwarded-for")
    return ", ".join([*given, request.client.host if request.client else "unknown"])


def _end_to_end(headers: RawHeaders) -> RawHeaders:
    """Return the headers that travel from one end to the other, in lower case."""
    named = [(name.lower(), value) for name, value in headers]
    dropped = HOP_BY_HOP | {b"x-forwarded-for"}
    for name, value in named:
        if name == b"connection":
            dropped |= {option.strip().lower() for option in value.split(b",")}
    return [(name, value) for name, value in named if name not in dropped]


async def _body_of(answer: httpx.Response) -> AsyncIterator[bytes]:
    """Yield the bytes of the body as the service sent them, even if they are compressed."""
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    finally:
        await answer.aclose()
