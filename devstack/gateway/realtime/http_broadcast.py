"""Broadcasts over HTTP, for senders who hold no socket: several at once, or one by its path."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.caller import GatewayError, identify
from devstack.gateway.realtime.authorization import BROADCAST, AuthorizationUnavailableError
from devstack.gateway.realtime.client_messages import MAX_BROADCAST_BYTES
from devstack.gateway.realtime.context import RealtimeContext
from devstack.gateway.realtime.frames import FrameError, UserBroadcast, dump, parse_json
from devstack.gateway.realtime.identity import Identity
from devstack.gateway.realtime.pubsub import Topic


ACCEPTED = 202
BLANK = "can't be blank"
JSON_TYPE, BYTES_TYPE = "application/json", "application/octet-stream"
NO_SUCH_TYPE = f"Unsupported Media Type. Use {JSON_TYPE} or {BYTES_TYPE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A broadcast and where it goes."""

    topic: Topic
    content: UserBroadcast


async def broadcast_many(request: Request, services: RealtimeContext) -> Response:
    """Send the messages of a body. Raises: GatewayError 401, 413, 422."""
    caller = _caller(request, services)
    body = _json(await _body(request))
    messages = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(messages, list):
        raise GatewayError(422, {"errors": {"messages": [BLANK]}})
    problems = [_problems(message) for message in messages]
    if any(problems):
        raise GatewayError(422, {"errors": {"messages": problems}})
    return await _send(services, caller, [_outgoing(message) for message in messages])


async def broadcast_one(request: Request, services: RealtimeContext) -> Response:
    """Send the body as the payload of one event. Raises: GatewayError 401, 413, 415, 422."""
    caller = _caller(request, services)
    body = await _body(request)
    content_type = request.headers.get("content-type", JSON_TYPE)
    if not content_type.startswith((JSON_TYPE, BYTES_TYPE)):
        raise GatewayError(415, {"error": NO_SUCH_TYPE})
    is_bytes = content_type.startswith(BYTES_TYPE)
    content = UserBroadcast(
        event=request.path_params["event"], payload=body if is_bytes else dump(_json(body))
    )
    is_private = request.query_params.get("private") == "true"
    topic = Topic(name=request.path_params["topic"], is_private=is_private)
    return await _send(services, caller, [Outgoing(topic=topic, content=content)])


async def _send(services: RealtimeContext, caller: Identity, messages: list[Outgoing]) -> Response:
    """Send what the caller may send. As on hosted Supabase, the rest is dropped without a word."""
    allowed: dict[Topic, bool] = {}
    for message in messages:
        topic = message.topic
        if topic not in allowed:
            allowed[topic] = not topic.is_private or await _may_write(services, caller, topic)
        if allowed[topic]:
            services.pubsub.broadcast(topic, message.content)
    return Response(status_code=ACCEPTED)


async def _may_write(services: RealtimeContext, caller: Identity, topic: Topic) -> bool:
    try:
        return await services.authorizer.may_write(caller, topic.name, BROADCAST)
    except AuthorizationUnavailableError as error:
        raise GatewayError(500, {"message": "The database cannot be asked"}) from error


def _caller(request: Request, services: RealtimeContext) -> Identity:
    caller = identify(request.headers, request.query_params, services.keys)
    return Identity(role=caller.role, claims=dump(caller.claims), expires_at=float("inf"))


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
    fields = message if isinstance(message, dict) else {}
    required = {"topic": str, "event": str, "payload": dict}
    return {
        name: ["is invalid" if fields.get(name) else BLANK]
        for name, kind in required.items()
        if not isinstance(fields.get(name), kind) or (kind is str and not fields[name])
    }


def _outgoing(message: Mapping[str, Any]) -> Outgoing:
    return Outgoing(
        topic=Topic(name=message["topic"], is_private=message.get("private") in (True, "true")),
        content=UserBroadcast(event=message["event"], payload=dump(message["payload"])),
    )
