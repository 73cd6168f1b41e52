"""Messages of a channel's client to its topic: broadcasts and presence, if the policies allow."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from devstack.gateway.realtime.authorization import (
    BROADCAST,
    PRESENCE,
    AuthorizationUnavailableError,
)
from devstack.gateway.realtime.caller import RealtimeCaller
from devstack.gateway.realtime.context import RealtimeContext
from devstack.gateway.realtime.frames import Frame, Message, UserBroadcast, dump
from devstack.gateway.realtime.join import JoinRequest
from devstack.gateway.realtime.pubsub import Member, Topic


MAX_BROADCAST_BYTES = 3_000_000
#: More presence messages within the window close the channel.
MAX_PRESENCE_MESSAGES, PRESENCE_WINDOW_S = 5, 30
TOO_LARGE = {"reason": "Payload size exceeds the limit"}
NOT_AN_OBJECT = {"reason": "Presence track payload must be a map"}
TOO_OFTEN = "Client presence rate limit exceeded"
TOO_MUCH = "Track message size exceeded"


class ChannelClosedError(Exception):
    """An error that closes the channel for good; the client gets its text."""


class Sender(Member, Protocol):
    """The channel whose client sends."""

    caller: RealtimeCaller

    def reply(self, frame: Frame, response: Mapping[str, Any], *, is_ok: bool = True) -> None:
        """Reply to a frame of the client."""


class ClientMessages:
    """Handles the broadcasts and presence messages of one channel's client."""

    def __init__(
        self, context: RealtimeContext, topic: Topic, request: JoinRequest, sender: Sender
    ) -> None:
        self._context = context
        self._topic = topic
        self._request = request
        self._sender = sender
        self._presence_limit = PresenceLimit()
        self._tracked: Mapping[str, Any] | None = None
        #: True for each extension that the current token may write.
        self._writable: dict[str, bool] = {}

    def forget_policies(self) -> None:
        """Evaluate the policies again at the next message, because the token has changed."""
        self._writable.clear()

    def leave(self) -> None:
        """Untrack the client, and tell the topic."""
        self._send_difference(self._context.presence.untrack(self._topic, self._sender))

    async def broadcast(self, frame: Frame) -> None:
        """Send a broadcast to the topic, or drop one that the policies do not allow."""
        fields = frame.payload if isinstance(frame.payload, dict) else {}
        event, payload = fields.get("event"), fields.get("payload", {})
        if not isinstance(event, str) or not await self._may_write(BROADCAST):
            return
        body = payload if isinstance(payload, bytes) else dump(payload)
        is_small = len(body) <= MAX_BROADCAST_BYTES
        if is_small:
            content = UserBroadcast(event=event, payload=body)
            self._context.pubsub.broadcast(self._topic, content, sender=self._sender)
        if self._request.wants_ack:
            self._sender.reply(frame, {} if is_small else TOO_LARGE, is_ok=is_small)

    async def presence(self, frame: Frame) -> None:
        """Track or untrack the client. Raises: ChannelClosedError."""
        fields = frame.payload if isinstance(frame.payload, dict) else {}
        event = fields.get("event")
        if not isinstance(event, str):
            self._sender.reply(frame, {})
            return
        if not self._presence_limit.use_one():
            raise ChannelClosedError(TOO_OFTEN)
        match event.lower():
            case "track":
                await self._track(frame, fields.get("payload", {}))
            case "untrack":
                self._tracked = None
                self._sender.reply(frame, {})
                self.leave()
            case _:
                self._sender.reply(frame, {}, is_ok=False)

    async def _track(self, frame: Frame, state: Any) -> None:
        if not await self._may_write(PRESENCE):
            self._sender.reply(frame, {}, is_ok=False)
            return
        if not isinstance(state, dict):
            self._sender.reply(frame, NOT_AN_OBJECT, is_ok=False)
            return
        if len(dump(state)) > MAX_BROADCAST_BYTES:
            raise ChannelClosedError(TOO_MUCH)
        self._sender.reply(frame, {})
        if state == self._tracked:
            return
        self._tracked = state
        presence, key = self._context.presence, self._request.presence_key
        self._send_difference(presence.track(self._topic, self._sender, key, state))
        if await self._gains_presence():
            self._sender.send(presence.state(self._topic))
            self._sender.has_presence = True

    async def _gains_presence(self) -> bool:
        """Return true if a client without presence gets it from now on, because it has tracked."""
        if self._sender.has_presence:
            return False
        if not self._topic.is_private:
            return True
        try:
            readable = await self._context.authorizer.readable(
                self._sender.caller, self._topic.name, [PRESENCE]
            )
        except AuthorizationUnavailableError:
            return False
        return PRESENCE in readable

    def _send_difference(self, difference: Message | None) -> None:
        if difference is None:
            return
        for member in self._context.pubsub.members(self._topic):
            if member.has_presence:
                member.send(difference)

    async def _may_write(self, extension: str) -> bool:
        if not self._topic.is_private:
            return True
        if extension not in self._writable:
            try:
                self._writable[extension] = await self._context.authorizer.may_write(
                    self._sender.caller, self._topic.name, extension
                )
            except AuthorizationUnavailableError:
                # The next message asks again, because the database may be back.
                return False
        return self._writable[extension]


@dataclass(slots=True)
class PresenceLimit:
    """The rate limit of one channel's presence messages."""

    _count: int = 0
    _ends_at: float = 0

    def use_one(self) -> bool:
        """Count a message; return false if it exceeds the limit."""
        now = time.monotonic()
        if now > self._ends_at:
            self._count, self._ends_at = 0, now + PRESENCE_WINDOW_S
        self._count += 1
        return self._count <= MAX_PRESENCE_MESSAGES
