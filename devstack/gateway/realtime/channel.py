"""One channel of one socket: an actor that joins, then does what its client asks, in order."""

import asyncio
import contextlib
import dataclasses
import logging
import time
from collections.abc import Mapping
from typing import Any, Protocol

import psycopg

from devstack.gateway.realtime import join_checks
from devstack.gateway.realtime.authorization import BROADCAST, PRESENCE
from devstack.gateway.realtime.changes import EXTENSION
from devstack.gateway.realtime.client_messages import ChannelClosedError, ClientMessages
from devstack.gateway.realtime.context import SUBSCRIBED, RealtimeContext
from devstack.gateway.realtime.frames import Frame, Message, broadcast, dump, reply
from devstack.gateway.realtime.identity import Identity
from devstack.gateway.realtime.join import read_join
from devstack.gateway.realtime.join_checks import JoinRefusedError
from devstack.gateway.realtime.pubsub import PREFIX, Topic
from devstack.gateway.realtime.subscription_checks import admit
from devstack.gateway.realtime.subscriptions import BindingError, Subscription, binding_id


LOG = logging.getLogger(__name__)

#: Hosted Realtime lets a refused join wait for 5 s; a local one need not protect itself.
REFUSAL_DELAY_S = 0.05
#: Frames that a client sent and nobody has looked at; then its socket is read no further.
INBOX_FRAMES = 200
#: A token is looked at again at least this often.
RECHECK_S = 300
SYSTEM = "system"
#: Makes a channel that waits look around; it asks for nothing.
WAKE = Frame(join_ref=None, ref=None, topic="", event="", payload={})


class MessageSink(Protocol):
    """The receiver of a channel's messages."""

    def send(self, message: Message) -> None:
        """Queue a message; never waits."""


class Channel:
    """A client on a topic: a member of the pubsub, a listener of the change feed."""

    def __init__(
        self, services: RealtimeContext, sink: MessageSink, opener: Identity, join: Frame
    ) -> None:
        self.topic = join.topic
        self.join_ref = join.join_ref or join.ref
        self.identity = opener
        self._request = read_join(join.payload)
        self._place = Topic(
            name=join.topic.removeprefix(PREFIX), is_private=self._request.is_private
        )
        self.hears_itself = self._request.hears_itself
        self.hears_broadcasts = True
        self._heard: frozenset[str] = frozenset()
        #: Messages that were replayed already; the log may bring them once more.
        self._replayed: set[str] = set()
        self.has_presence = self._request.has_presence
        self._services = services
        self._sink = sink
        self._opener = opener
        self._join = join
        self._token = self._request.token
        self._subscription: Subscription | None = None
        self._client_messages = ClientMessages(services, self._place, self._request, self)
        self._inbox: asyncio.Queue[Frame] = asyncio.Queue(INBOX_FRAMES)

    async def put(self, frame: Frame) -> None:
        """Hand over a frame of the client; waits while too many are in line."""
        await self._inbox.put(frame)

    def unanswered(self) -> Frame | None:
        """Return the next frame that a channel which has ended has not looked at."""
        return None if self._inbox.empty() else self._inbox.get_nowait()

    def send(self, message: Message) -> None:
        """Send a message to the client."""
        if self._replayed and message.message_id in self._replayed:
            return
        self._sink.send(message)

    def reply(self, frame: Frame, response: Mapping[str, Any], *, is_ok: bool = True) -> None:
        """Answer a frame of the client."""
        self.send(reply(frame, response, join_ref=self.join_ref, is_ok=is_ok))

    def expire(self) -> None:
        """Let the token be over, if it is a user's."""
        if self.identity.is_user:
            self.identity = self.identity.expired()
            with contextlib.suppress(asyncio.QueueFull):
                # Nobody asked anything: it looks at its token again, which a busy one does anyway.
                self._inbox.put_nowait(WAKE)

    def report(self, extension: str, message: str, *, is_ok: bool = True) -> None:
        """Tell the client how one of its subscriptions, or the channel itself, stands."""
        payload = {
            "channel": self._place.name,
            "extension": extension,
            "message": message,
            "status": "ok" if is_ok else "error",
        }
        self.send(Message(topic=self.topic, event=SYSTEM, payload=dump(payload)))

    async def run(self) -> None:
        """Live from the join to the leave; being cancelled is a way to leave."""
        self._services.listeners.add(self)
        try:
            await self._enter()
            while await self._serve_one():
                pass
        except JoinRefusedError as refusal:
            await asyncio.sleep(REFUSAL_DELAY_S)
            self.reply(self._join, {"reason": str(refusal)}, is_ok=False)
        except Exception:
            LOG.exception("the channel %s broke", self.topic)
            # Clients join again after this one.
            self._end("phx_error")
        finally:
            self._leave()

    async def _enter(self) -> None:
        services, place, request = self._services, self._place, self._request
        self.identity = join_checks.caller_of(self._token, self._opener, services)
        await join_checks.wait_until_live(services, place, request)
        await self._authorize()
        try:
            problem = await self._subscribe()
            if problem is not None and request.wants_live_changes:
                raise JoinRefusedError(f"RealtimeDisabledForConfiguration: {problem}")
            history = await join_checks.replayed(services, place, request, self._heard)
        except psycopg.OperationalError as error:
            raise JoinRefusedError(join_checks.NOT_ASKED) from error

        # From here to the end nothing waits: nothing comes before the answer, nothing is missed.
        services.pubsub.join(place, self)
        echoed = [{**params, "id": binding_id(params)} for params in request.bindings]
        self.reply(self._join, {"postgres_changes": echoed})
        self._report_subscription(problem)
        if request.wants_replication_ready:
            self.report(SYSTEM, "Replication connection established")
        for message in [broadcast(self.topic, content) for content in history]:
            self.send(message)
            self._replayed.add(message.message_id or "")
        if self.has_presence:
            self.send(services.presence.state(place))

    async def _authorize(self) -> None:
        """Ask the policies what may be heard; to lose something by a new token is a refusal."""
        wants_presence = self._request.has_presence or self.has_presence
        before = self._heard
        self._heard = await join_checks.readable(
            self._services, self.identity, self._place, has_presence=wants_presence
        )
        self.hears_broadcasts = BROADCAST in self._heard
        self.has_presence = PRESENCE in self._heard
        self._client_messages.forget_policies()
        if before - self._heard:
            raise JoinRefusedError(f"Unauthorized: {join_checks.no_longer(self._place)}")

    async def _subscribe(self) -> str | None:
        """Subscribe to Postgres Changes; return what is wrong with the bindings, if anything."""
        if not self._request.bindings:
            return None
        before = self._subscription
        try:
            admitted = await admit(self._services.pool, self, self._request.bindings)
        except BindingError as error:
            self._services.subscriptions.remove(self)
            return str(error)
        if before is not None:
            # Changes that committed before a token was renewed are still to come.
            admitted = dataclasses.replace(admitted, since_lsn=before.since_lsn)
        self._subscription = admitted
        self._services.subscriptions.put(admitted)
        return None

    def _report_subscription(self, problem: str | None) -> None:
        if self._request.bindings:
            self.report(EXTENSION, problem or SUBSCRIBED, is_ok=problem is None)

    async def _serve_one(self) -> bool:
        """Answer one frame, or notice that the token is over; say whether to go on."""
        remaining = self.identity.expires_at - time.time()
        if remaining <= 0:
            self._shut(self.identity.expiry_message())
            return False
        try:
            async with asyncio.timeout(min(remaining, RECHECK_S)):
                frame = await self._inbox.get()
        except TimeoutError:
            return True
        return await self._answer(frame)

    async def _answer(self, frame: Frame) -> bool:
        match frame.event:
            case "phx_leave":
                self.reply(frame, {})
                self._end("phx_close")
                return False
            case "access_token":
                return await self._renew(frame.payload)
            case "broadcast":
                await self._client_messages.broadcast(frame)
            case "presence":
                return await self._be_present(frame)
            case _:
                LOG.info("nothing is done on event %r of %s", frame.event, self.topic)
        return True

    async def _renew(self, payload: Any) -> bool:
        """Take a new token: all that the old one opened is asked for again."""
        token = payload.get("access_token") if isinstance(payload, dict) else None
        is_new = isinstance(token, str) and not token.startswith(join_checks.API_KEY_PREFIX)
        if not is_new or token == self._token:
            return True
        try:
            self.identity = join_checks.caller_of(token, self._opener, self._services)
            self._token = token
            await self._authorize()
        except JoinRefusedError as refusal:
            self._shut(str(refusal).partition(": ")[2])
            return False
        self._report_subscription(await self._subscribe())
        return True

    async def _be_present(self, frame: Frame) -> bool:
        try:
            await self._client_messages.presence(frame)
        except ChannelClosedError as error:
            self._shut(str(error))
            return False
        return True

    def _shut(self, reason: str) -> None:
        """Close the channel for good: clients do not join again after this."""
        self.report(SYSTEM, reason, is_ok=False)
        self._end("phx_close")

    def _end(self, event: str) -> None:
        self.send(Message(topic=self.topic, event=event, ref=self.join_ref, join_ref=self.join_ref))

    def _leave(self) -> None:
        self._services.listeners.discard(self)
        self._services.subscriptions.remove(self)
        self._services.pubsub.leave(self._place, self)
        self._client_messages.leave()
