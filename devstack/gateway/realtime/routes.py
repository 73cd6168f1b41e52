"""The routes of Realtime: the WebSocket, and two HTTP endpoints that broadcast."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from devstack.gateway.context import Context
from devstack.gateway.realtime.context import RealtimeContext, realtime_context
from devstack.gateway.realtime.frames import Version
from devstack.gateway.realtime.http_broadcast import broadcast_many, broadcast_one
from devstack.gateway.realtime.identity import TokenRefusedError, identify
from devstack.gateway.realtime.user_socket import UserSocket


def routes(context: Context) -> list[BaseRoute]:
    """Return what is served below /realtime/v1."""
    services = realtime_context(context)

    async def websocket(websocket: WebSocket) -> None:
        await _open(websocket, services)

    async def many(request: Request) -> Response:
        return await broadcast_many(request, services)

    async def one(request: Request) -> Response:
        return await broadcast_one(request, services)

    return [
        WebSocketRoute("/websocket", websocket),
        Route("/api/broadcast", many, methods=["POST"]),
        Route("/api/broadcast/{topic:path}/events/{event:path}", one, methods=["POST"]),
    ]


@asynccontextmanager
async def running(context: Context) -> AsyncIterator[None]:
    """Read the log of changes while the gateway runs."""
    async with realtime_context(context).running():
        yield


async def _open(websocket: WebSocket, services: RealtimeContext) -> None:
    """Let a client in by its API key, or answer the upgrade with an error."""
    token = websocket.headers.get("x-api-key") or websocket.query_params.get("apikey") or ""
    try:
        version = Version(websocket.query_params.get("vsn") or Version.V1)
        opener = identify(token, services.keys)
    except TokenRefusedError as error:
        await websocket.send_denial_response(JSONResponse({"error": str(error)}, 401))
    except ValueError:
        problem = f"vsn is one of {', '.join(Version)}"
        await websocket.send_denial_response(JSONResponse({"error": problem}, 400))
    else:
        await UserSocket(websocket, services, version, opener).serve()
