"""One channel of one socket: it joins a topic, then handles its client's frames in order."""

import asyncio
import contextlib
import dataclasses
import logging
import time
from collections.abc import Mapping
from typing import Any, Protocol

import psycopg

from devstack.gateway.realtime import join
from devstack.gateway.realtime.authorization import BROADCAST, PRESENCE
from devstack.gateway.realtime.caller import RealtimeCaller
from devstack.gateway.realtime.changes import EXTENSION
from devstack.gateway.realtime.client_messages import ChannelClosedError, ClientMessages
from devstack.gateway.realtime.context import SUBSCRIBED, RealtimeContext
from devstack.gateway.realtime.frames import Frame, Message, broadcast, dump, reply
from devstack.gateway.realtime.join import JoinRefusedError, read_join
from devstack.gateway.realtime.pubsub import PREFIX, Topic
from devstack.gateway.realtime.subscriptions import (
    BindingError,
    Subscription,
    binding_id,
    check_subscription,
)


LOG = logging.getLogger(__name__)

#: Hosted Realtime delays the refusal of a join by 5 s; a local gateway needs no such protection.
REFUSAL_DELAY_S = 0.05
#: The largest number of frames that wait for the channel. At the limit the socket reads no more.
MAX_INBOX_FRAMES = 200
#: The longest time between two checks of the token's expiry.
RECHECK_S = 300
SYSTEM = "system"
#: A frame without a request, which makes a waiting channel check its token.
WAKE = Frame(join_ref=None, ref=None, topic="", event="", payload={})


class MessageSink(Protocol):
    """The receiver of a channel's messages."""

    def send(self, message: Message) -> None:
        """Queue a message without waiting."""


class Channel:
    """A client on a topic: a member of the pubsub and a listener of the change feed."""

    def __init__(
        self,
        context: RealtimeContext,
        sink: MessageSink,
        socket_caller: RealtimeCaller,
        join_frame: Frame,
    ) -> None:
        self.join_ref = join_frame.join_ref or join_frame.ref
        self.caller = socket_caller
        self._request = read_join(join_frame.payload)
        self.topic = Topic(
            name=join_frame.topic.removeprefix(PREFIX), is_private=self._request.is_private
        )
        self.wants_own_broadcasts = self._request.wants_own_broadcasts
        self.can_read_broadcasts = True
        self.has_presence = self._request.has_presence
        self._readable: frozenset[str] = frozenset()
        #: The ids of replayed messages, which the WAL may send a second time.
        self._replayed: set[str] = set()
        self._context = context
        self._sink = sink
        self._socket_caller = socket_caller
        self._join_frame = join_frame
        self._token = self._request.token
        self._subscription: Subscription | None = None
        self._client_messages = ClientMessages(context, self.topic, self._request, self)
        self._inbox: asyncio.Queue[Frame] = asyncio.Queue(MAX_INBOX_FRAMES)

    async def put(self, frame: Frame) -> None:
        """Queue a frame of the client; wait while the queue is full."""
        await self._inbox.put(frame)

    def next_unhandled(self) -> Frame | None:
        """Remove and return the next frame in the queue of a channel that has ended."""
        return None if self._inbox.empty() else self._inbox.get_nowait()

    def send(self, message: Message) -> None:
        """Send a message to the client."""
        if self._replayed and message.message_id in self._replayed:
            return
        self._sink.send(message)

    def reply(self, frame: Frame, response: Mapping[str, Any], *, is_ok: bool = True) -> None:
        """Reply to a frame of the client."""
        self.send(reply(frame, response, join_ref=self.join_ref, is_ok=is_ok))

    def expire(self) -> None:
        """Treat the token as expired, if it is a user's."""
        if self.caller.is_user:
            self.caller = self.caller.expired()
            # A channel with a full queue checks its token at its next frame anyway.
            with contextlib.suppress(asyncio.QueueFull):
                self._inbox.put_nowait(WAKE)

    def report(self, extension: str, message: str, *, is_ok: bool = True) -> None:
        """Send the client the state of a subscription or of the channel."""
        payload = {
            "channel": self.topic.name,
            "extension": extension,
            "message": message,
            "status": "ok" if is_ok else "error",
        }
        self.send(Message(topic=self.topic.frame_name, event=SYSTEM, payload=dump(payload)))

    async def run(self) -> None:
        """Run the channel from its join until the client leaves or the task is cancelled."""
        self._context.listeners.add(self)
        try:
            await self._join()
            while await self._serve_one():
                pass
        except JoinRefusedError as refusal:
            await asyncio.sleep(REFUSAL_DELAY_S)
            self.reply(self._join_frame, {"reason": str(refusal)}, is_ok=False)
        except Exception:
            LOG.exception("channel %s failed", self.topic.frame_name)
            # After this event a client joins again.
            self._send_end("phx_error")
        finally:
            self._leave()

    async def _join(self) -> None:
        context, topic, request = self._context, self.topic, self._request
        self.caller = join.channel_caller(self._token, self._socket_caller, context)
        await join.wait_until_live(context, topic, request)
        await self._authorize()
        try:
            problem = await self._subscribe()
            if problem is not None and request.wants_live_changes:
                raise JoinRefusedError(f"RealtimeDisabledForConfiguration: {problem}")
            history = await join.replayed_broadcasts(context, topic, request, self._readable)
        except psycopg.OperationalError as error:
            raise JoinRefusedError(join.DATABASE_DOWN) from error

        # The code below does not wait. So no message precedes the reply, and none is missed.
        context.pubsub.join(topic, self)
        bindings = [{**params, "id": binding_id(params)} for params in request.bindings]
        self.reply(self._join_frame, {"postgres_changes": bindings})
        self._report_subscription(problem)
        if request.wants_replication_ready:
            self.report(SYSTEM, "Replication connection established")
        for message in [broadcast(topic.frame_name, content) for content in history]:
            self.send(message)
            self._replayed.add(message.message_id or "")
        if self.has_presence:
            self.send(context.presence.state(topic))

    async def _authorize(self) -> None:
        """Evaluate the policies that let the caller read the topic.

        Raises: JoinRefusedError, also if a new token may read less than the one before.
        """
        wants_presence = self._request.has_presence or self.has_presence
        before = self._readable
        self._readable = await join.readable_extensions(
            self._context, self.caller, self.topic, has_presence=wants_presence
        )
        self.can_read_broadcasts = BROADCAST in self._readable
        self.has_presence = PRESENCE in self._readable
        self._client_messages.forget_policies()
        if before - self._readable:
            raise JoinRefusedError(join.PERMISSION_LOST.format(self.topic.name))

    async def _subscribe(self) -> str | None:
        """Subscribe to Postgres Changes; return the problem with the bindings, if there is one."""
        if not self._request.bindings:
            return None
        before = self._subscription
        try:
            checked = await check_subscription(self._context.pool, self, self._request.bindings)
        except BindingError as error:
            self._context.subscriptions.remove(self)
            return str(error)
        if before is not None:
            # The WAL may still have changes that committed before the token was renewed.
            checked = dataclasses.replace(checked, since_lsn=before.since_lsn)
        self._subscription = checked
        self._context.subscriptions.put(checked)
        return None

    def _report_subscription(self, problem: str | None) -> None:
        if self._request.bindings:
            self.report(EXTENSION, problem or SUBSCRIBED, is_ok=problem is None)

    async def _serve_one(self) -> bool:
        """Handle one frame, or close the channel of an expired token; return true to go on."""
        remaining = self.caller.expires_at - time.time()
        if remaining <= 0:
            self._close(self.caller.expiry_message())
            return False
        try:
            async with asyncio.timeout(min(remaining, RECHECK_S)):
                frame = await self._inbox.get()
        except TimeoutError:
            return True
        return await self._handle(frame)

    async def _handle(self, frame: Frame) -> bool:
        """Handle one frame; return true if the channel goes on."""
        match frame.event:
            case "phx_leave":
                self.reply(frame, {})
                self._send_end("phx_close")
                return False
            case "access_token":
                return await self._renew_token(frame.payload)
            case "broadcast":
                await self._client_messages.broadcast(frame)
            case "presence":
                return await self._handle_presence(frame)
            case _:
                LOG.info("channel %s ignores event %r", self.topic.frame_name, frame.event)
        return True

    async def _renew_token(self, payload: Any) -> bool:
        """Check a new token as a join would; close the channel if it is refused."""
        token = payload.get("access_token") if isinstance(payload, dict) else None
        is_new = isinstance(token, str) and not token.startswith(join.API_KEY_PREFIX)
        if not is_new or token == self._token:
            return True
        try:
            self.caller = join.channel_caller(token, self._socket_caller, self._context)
            self._token = token
            await self._authorize()
        except JoinRefusedError as refusal:
            self._close(str(refusal).partition(": ")[2])
            return False
        self._report_subscription(await self._subscribe())
        return True

    async def _handle_presence(self, frame: Frame) -> bool:
        try:
            await self._client_messages.presence(frame)
        except ChannelClosedError as error:
            self._close(str(error))
            return False
        return True

    def _close(self, reason: str) -> None:
        """Close the channel for good; after `phx_close` a client does not join again."""
        self.report(SYSTEM, reason, is_ok=False)
        self._send_end("phx_close")

    def _send_end(self, event: str) -> None:
        ref = self.join_ref
        self.send(Message(topic=self.topic.frame_name, event=event, ref=ref, join_ref=ref))

    def _leave(self) -> None:
        self._context.listeners.discard(self)
        self._context.subscriptions.remove(self)
        self._context.pubsub.leave(self.topic, self)
        self._client_messages.leave()
