"""Messages of a channel's client to its topic, broadcast and presence, as far as policies allow."""

from collections.abc import Mapping
from typing import Any, Protocol

from devstack.gateway.realtime.authorization import (
    BROADCAST,
    PRESENCE,
    AuthorizationUnavailableError,
)
from devstack.gateway.realtime.context import RealtimeContext
from devstack.gateway.realtime.frames import Frame, Message, UserBroadcast, dump
from devstack.gateway.realtime.identity import Identity
from devstack.gateway.realtime.join import JoinRequest
from devstack.gateway.realtime.presence import CallLimit
from devstack.gateway.realtime.pubsub import Member, Topic


MAX_BROADCAST_BYTES = 3_000_000
TOO_LARGE = {"reason": "Payload size exceeds the limit"}
NO_MAP = {"reason": "Presence track payload must be a map"}
TOO_OFTEN = "Client presence rate limit exceeded"
TOO_MUCH = "Track message size exceeded"


class ChannelClosedError(Exception):
    """A reason to close the channel for good; the text is told to the client."""


class Sender(Member, Protocol):
    """The channel that speaks."""

    identity: Identity

    def reply(self, frame: Frame, response: Mapping[str, Any], *, is_ok: bool = True) -> None:
        """Answer a frame of the client."""


class ClientMessages:
    """Broadcasts and presence of one channel."""

    def __init__(
        self, services: RealtimeContext, place: Topic, request: JoinRequest, sender: Sender
    ) -> None:
        self._services = services
        self._place = place
        self._request = request
        self._sender = sender
        self._limit = CallLimit()
        self._tracked: Mapping[str, Any] | None = None
        #: The policies' answers for the current token, by extension.
        self._writable: dict[str, bool] = {}

    def forget_policies(self) -> None:
        """Have the policies asked anew, for the token is another."""
        self._writable.clear()

    def leave(self) -> None:
        """Be present no longer."""
        self._tell(self._services.presence.untrack(self._place, self._sender))

    async def broadcast(self, frame: Frame) -> None:
        """Send to the topic; what may not be sent is dropped without a word."""
        fields = frame.payload if isinstance(frame.payload, dict) else {}
        event, payload = fields.get("event"), fields.get("payload", {})
        if not isinstance(event, str) or not await self._may_write(BROADCAST):
            return
        body = payload if isinstance(payload, bytes) else dump(payload)
        is_small = len(body) <= MAX_BROADCAST_BYTES
        if is_small:
            content = UserBroadcast(event=event, payload=body)
            self._services.pubsub.broadcast(self._place, content, sender=self._sender)
        if self._request.wants_ack:
            self._sender.reply(frame, {} if is_small else TOO_LARGE, is_ok=is_small)

    async def presence(self, frame: Frame) -> None:
        """Track or untrack the client. Raises: ChannelClosedError."""
        fields = frame.payload if isinstance(frame.payload, dict) else {}
        what = fields.get("event")
        if not isinstance(what, str):
            self._sender.reply(frame, {})
            return
        if not self._limit.allows_one_more():
            raise ChannelClosedError(TOO_OFTEN)
        match what.lower():
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
            self._sender.reply(frame, NO_MAP, is_ok=False)
            return
        if len(dump(state)) > MAX_BROADCAST_BYTES:
            raise ChannelClosedError(TOO_MUCH)
        self._sender.reply(frame, {})
        if state == self._tracked:
            return
        self._tracked = state
        presence, key = self._services.presence, self._request.presence_key
        self._tell(presence.track(self._place, self._sender, key, state))
        if await self._learns_by_tracking():
            self._sender.send(presence.state(self._place))
            self._sender.has_presence = True

    async def _learns_by_tracking(self) -> bool:
        """Say whether a client that did not ask for presence is told of it from now on."""
        if self._sender.has_presence:
            return False
        if not self._place.is_private:
            return True
        try:
            heard = await self._services.authorizer.readable(
                self._sender.identity, self._place.name, [PRESENCE]
            )
        except AuthorizationUnavailableError:
            return False
        return PRESENCE in heard

    def _tell(self, difference: Message | None) -> None:
        if difference is None:
            return
        for member in self._services.pubsub.members(self._place):
            if member.has_presence:
                member.send(difference)

    async def _may_write(self, extension: str) -> bool:
        if not self._place.is_private:
            return True
        if extension not in self._writable:
            try:
                self._writable[extension] = await self._services.authorizer.may_write(
                    self._sender.identity, self._place.name, extension
                )
            except AuthorizationUnavailableError:
                # Not remembered: the next one may find a database.
                return False
        return self._writable[extension]
