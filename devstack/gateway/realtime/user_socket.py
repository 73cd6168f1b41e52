"""One WebSocket: reads its frames, hands them to its channels, and writes what comes for it."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Coroutine
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from devstack.gateway.realtime.channel import Channel
from devstack.gateway.realtime.context import RealtimeContext
from devstack.gateway.realtime.failure_mode import FailureMode
from devstack.gateway.realtime.frames import Frame, FrameError, Message, Version, parse, reply
from devstack.gateway.realtime.identity import Identity
from devstack.gateway.realtime.pubsub import PREFIX


LOG = logging.getLogger(__name__)

#: Clients send a heartbeat every 25 s; this is Phoenix's timeout.
SILENCE_S = 60
MAX_CHANNELS = 100
#: Python's client gives up its connection over a frame of more than a mebibyte.
MAX_V1_FRAME_CHARS = 1024 * 1024
#: The queue for a client that does not read; one more frame disconnects it.
MAX_WAITING_FRAMES = 5_000
MAX_WAITING_BYTES = 8_000_000
CLOSE_TIMEOUT_S = 1

NORMAL, INVALID, TOO_SLOW, RESTARTING = 1000, 1007, 1008, 1012
UNMATCHED = {"reason": "unmatched topic"}
#: Events of Phoenix itself, which answer a client; all others come by themselves.
ANSWERS = "phx_"

#: Why the server ends a connection: a code and what it says.
Ending = tuple[int, str]


class UserSocket:
    """A client's socket and the channels it has joined."""

    def __init__(
        self, websocket: WebSocket, services: RealtimeContext, version: Version, opener: Identity
    ) -> None:
        self._websocket = websocket
        self._services = services
        self._version = version
        self._opener = opener
        self._channels: dict[str, tuple[Channel, asyncio.Task[None]]] = {}
        self._waiting: deque[str | bytes] = deque()
        self._waiting_bytes = 0
        self._has_waiting = asyncio.Event()
        self._ending: asyncio.Future[Ending | None] = asyncio.get_running_loop().create_future()

    def send(self, message: Message) -> None:
        """Queue a message. A client that does not read is disconnected; it can ask again."""
        if self._services.failure_mode is FailureMode.SILENT and not message.event.startswith(
            ANSWERS
        ):
            return
        frame = message.encoded(self._version)
        if frame is None or self._ending.done():
            return
        if self._version is Version.V1 and len(frame) > MAX_V1_FRAME_CHARS:
            LOG.warning("a frame of %d characters was not sent on %s", len(frame), message.topic)
            return
        self._waiting.append(frame)
        self._waiting_bytes += len(frame)
        self._has_waiting.set()
        if len(self._waiting) > MAX_WAITING_FRAMES or self._waiting_bytes > MAX_WAITING_BYTES:
            self._waiting.clear()
            self._end((TOO_SLOW, "the client reads too slowly"))

    def apply_failure_mode(self, mode: FailureMode) -> None:
        """Close the socket, or the channels that speak for a user, where the mode says so."""
        if mode is FailureMode.CLOSING:
            self._end((RESTARTING, "service restart"))
        elif mode is FailureMode.EXPIRED:
            for channel, _ in self._channels.values():
                channel.expire()

    async def serve(self) -> None:
        """Serve the client until one of the two hangs up."""
        await self._websocket.accept()
        self._services.connections.add(self)
        tasks = [asyncio.create_task(self._run(part)) for part in (self._read(), self._write())]
        try:
            ending = await self._ending
            if ending is not None:
                await self._hang_up(ending)
        finally:
            self._services.connections.discard(self)
            running = [*tasks, *(task for _, task in self._channels.values())]
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _run(self, part: Coroutine[Any, Any, Ending | None]) -> None:
        """Run one half of the connection; the end of either is the end of both."""
        try:
            self._end(await part)
        except (WebSocketDisconnect, OSError, RuntimeError):
            # Starlette's words for a client that is gone.
            self._end(None)
        except Exception:
            LOG.exception("a connection broke")
            self._end((1011, "internal error"))

    def _end(self, ending: Ending | None) -> None:
        if not self._ending.done():
            self._ending.set_result(ending)

    async def _hang_up(self, ending: Ending) -> None:
        code, reason = ending
        # A client that does not read does not see this either, and is waited for no longer.
        with contextlib.suppress(TimeoutError, WebSocketDisconnect, OSError, RuntimeError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._websocket.close(code, reason)

    async def _write(self) -> Ending | None:
        while True:
            await self._has_waiting.wait()
            self._has_waiting.clear()
            while self._waiting:
                frame = self._waiting.popleft()
                self._waiting_bytes -= len(frame)
                if isinstance(frame, str):
                    await self._websocket.send_text(frame)
                else:
                    await self._websocket.send_bytes(frame)

    async def _read(self) -> Ending | None:
        while True:
            try:
                async with asyncio.timeout(SILENCE_S):
                    event = await self._websocket.receive()
            except TimeoutError:
                return NORMAL, "heartbeat missed"
            if event["type"] == "websocket.disconnect":
                return None
            data: str | bytes = event.get("text") or event.get("bytes") or ""
            try:
                frame = parse(data, self._version)
            except FrameError as error:
                return INVALID, ascii(str(error))[:100]
            if self._services.failure_mode is not FailureMode.DEAF:
                await self._take(frame)

    async def _take(self, frame: Frame) -> None:
        if frame.topic == "phoenix":
            if frame.event == "heartbeat":
                self._reply(frame, {})
        elif frame.event == "phx_join":
            self._join(frame)
        elif frame.topic in self._channels:
            channel, _ = self._channels[frame.topic]
            # A frame for a channel that the client has joined anew since is out of date.
            if frame.join_ref in (None, channel.join_ref):
                await channel.put(frame)
        elif frame.event == "phx_leave":
            self._reply(frame, {})
        elif frame.ref is not None:
            self._reply(frame, UNMATCHED, is_ok=False)

    def _join(self, frame: Frame) -> None:
        if not frame.topic.startswith(PREFIX):
            self._reply(frame, UNMATCHED, is_ok=False)
            return
        if frame.topic == PREFIX:
            reason = "TopicNameRequired: You must provide a topic name"
            self._reply(frame, {"reason": reason}, is_ok=False)
            return
        before = self._channels.pop(frame.topic, None)
        if len(self._channels) >= MAX_CHANNELS:
            reason = "ChannelRateLimitReached: Too many channels"
            self._reply(frame, {"reason": reason}, is_ok=False)
            return
        channel = Channel(self._services, self, self._opener, frame)
        task = asyncio.create_task(self._live(channel, None if before is None else before[1]))
        self._channels[frame.topic] = (channel, task)

    async def _live(self, channel: Channel, before: asyncio.Task[None] | None) -> None:
        """Run a channel after the one that it replaces, which goes without a word.

        A close that reached Python's client now would close the new one.
        """
        if before is not None:
            before.cancel()
            await asyncio.wait([before])
        try:
            await channel.run()
        finally:
            is_current = self._channels.get(channel.topic, (None,))[0] is channel
            if is_current:
                del self._channels[channel.topic]
        while is_current and (frame := channel.unanswered()) is not None:
            await self._take(frame)
            # Lets the reader hand over one more, if it waited for a place.
            await asyncio.sleep(0)

    def _reply(self, frame: Frame, response: dict[str, str], *, is_ok: bool = True) -> None:
        self.send(reply(frame, response, join_ref=frame.join_ref, is_ok=is_ok))
