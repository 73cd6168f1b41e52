"""The routes of Realtime: the WebSocket, and two endpoints that broadcast over HTTP."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from devstack.gateway.caller import GatewayError
from devstack.gateway.caller import identify as identify_caller
from devstack.gateway.context import Context
from devstack.gateway.realtime.authorization import BROADCAST, AuthorizationUnavailableError
from devstack.gateway.realtime.caller import RealtimeCaller, TokenRefusedError, identify
from devstack.gateway.realtime.client_messages import MAX_BROADCAST_BYTES
from devstack.gateway.realtime.context import RealtimeContext, realtime_context
from devstack.gateway.realtime.frames import FrameError, UserBroadcast, Version, dump, parse_json
from devstack.gateway.realtime.pubsub import Topic
from devstack.gateway.realtime.user_socket import UserSocket


ACCEPTED = 202
BLANK = "can't be blank"
JSON_TYPE, BYTES_TYPE = "application/json", "application/octet-stream"
WRONG_TYPE = f"Unsupported Media Type. Use {JSON_TYPE} or {BYTES_TYPE}"


def routes(gateway: Context) -> list[BaseRoute]:
    """Return the routes below /realtime/v1."""
    context = realtime_context(gateway)

    async def websocket(websocket: WebSocket) -> None:
        await _serve_socket(websocket, context)

    async def many(request: Request) -> Response:
        return await _broadcast_many(request, context)

    async def one(request: Request) -> Response:
        return await _broadcast_one(request, context)

    return [
        WebSocketRoute("/websocket", websocket),
        Route("/api/broadcast", many, methods=["POST"]),
        Route("/api/broadcast/{topic:path}/events/{event:path}", one, methods=["POST"]),
    ]


def running(gateway: Context) -> AbstractAsyncContextManager[None]:
    """Read the WAL until the block is left."""
    return realtime_context(gateway).running()


async def _serve_socket(websocket: WebSocket, context: RealtimeContext) -> None:
    """Serve a client with a valid API key; refuse the upgrade of another."""
    token = websocket.headers.get("x-api-key") or websocket.query_params.get("apikey") or ""
    try:
        version = Version(websocket.query_params.get("vsn") or Version.V1)
        caller = identify(token, context.keys)
    except TokenRefusedError as error:
        await websocket.send_denial_response(JSONResponse({"error": str(error)}, 401))
    except ValueError:
        problem = f"vsn is one of {', '.join(Version)}"
        await websocket.send_denial_response(JSONResponse({"error": problem}, 400))
    else:
        await UserSocket(websocket, context, version, caller).serve()


async def _broadcast_many(request: Request, context: RealtimeContext) -> Response:
    """POST /api/broadcast: send the messages in the body. Raises: GatewayError 401, 413, 422."""
    caller = _caller(request, context)
    body = _json(await _body(request))
    messages = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(messages, list):
        raise GatewayError(422, {"errors": {"messages": [BLANK]}})
    problems = [_problems(message) for message in messages]
    if any(problems):
        raise GatewayError(422, {"errors": {"messages": problems}})
    return await _send(context, caller, [_read_message(message) for message in messages])


async def _broadcast_one(request: Request, context: RealtimeContext) -> Response:
    """POST /api/broadcast/{topic}/events/{event}: send the body as the payload of one event.

    Raises: GatewayError 401, 413, 415, 422.
    """
    caller = _caller(request, context)
    body = await _body(request)
    content_type = request.headers.get("content-type", JSON_TYPE)
    if not content_type.startswith((JSON_TYPE, BYTES_TYPE)):
        raise GatewayError(415, {"error": WRONG_TYPE})
    is_bytes = content_type.startswith(BYTES_TYPE)
    content = UserBroadcast(
        event=request.path_params["event"], payload=body if is_bytes else dump(_json(body))
    )
    is_private = request.query_params.get("private") == "true"
    topic = Topic(name=request.path_params["topic"], is_private=is_private)
    return await _send(context, caller, [(topic, content)])


async def _send(
    context: RealtimeContext, caller: RealtimeCaller, broadcasts: list[tuple[Topic, UserBroadcast]]
) -> Response:
    """Send the broadcasts that the caller may send; like hosted Realtime, drop the others."""
    allowed: dict[Topic, bool] = {}
    for topic, content in broadcasts:
        if topic not in allowed:
            allowed[topic] = not topic.is_private or await _may_write(context, caller, topic)
        if allowed[topic]:
            context.pubsub.broadcast(topic, content)
    return Response(status_code=ACCEPTED)


async def _may_write(context: RealtimeContext, caller: RealtimeCaller, topic: Topic) -> bool:
    try:
        return await context.authorizer.may_write(caller, topic.name, BROADCAST)
    except AuthorizationUnavailableError as error:
        raise GatewayError(500, {"message": "The database cannot be reached"}) from error


def _caller(request: Request, context: RealtimeContext) -> RealtimeCaller:
    caller = identify_caller(request.headers, request.query_params, context.keys)
    return RealtimeCaller(role=caller.role, claims=dump(caller.claims), expires_at=float("inf"))


async def _body(request: Request) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BROADCAST_BYTES:
            raise GatewayError(413, {"message": "Payload size exceeds the limit"})
        chunks.append(chunk)
    return b"".join(chunks)


def _json(body: bytes) -> Any:
    try:
        return parse_json(body)
    except FrameError as error:
        raise GatewayError(422, {"message": f"The body is no JSON: {error}"}) from error


def _problems(message: Any) -> Mapping[str, Any]:
    """Return the fields of a message that are missing or of a wrong type."""
    fields = message if isinstance(message, dict) else {}
    required = {"topic": str, "event": str, "payload": dict}
    return {
        name: ["is invalid" if fields.get(name) else BLANK]
        for name, kind in required.items()
        if not isinstance(fields.get(name), kind) or (kind is str and not fields[name])
    }


def _read_message(message: Mapping[str, Any]) -> tuple[Topic, UserBroadcast]:
    topic = Topic(name=message["topic"], is_private=message.get("private") in (True, "true"))
    return topic, UserBroadcast(event=message["event"], payload=dump(message["payload"]))
