"""One WebSocket: it passes frames to channels, and sends the messages of the channels."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Coroutine
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from devstack.gateway.realtime.caller import RealtimeCaller
from devstack.gateway.realtime.channel import Channel
from devstack.gateway.realtime.context import FailureMode, RealtimeContext
from devstack.gateway.realtime.frames import Frame, FrameError, Message, Version, parse, reply
from devstack.gateway.realtime.pubsub import PREFIX


LOG = logging.getLogger(__name__)

#: Phoenix's timeout for the next frame. Clients send a heartbeat every 25 s.
HEARTBEAT_TIMEOUT_S = 60
MAX_CHANNELS = 100
#: Python's client closes the connection at a frame of more than a mebibyte.
MAX_V1_FRAME_CHARS = 1024 * 1024
#: The limits of the queue of a client that does not read. Another frame disconnects the client.
MAX_QUEUED_FRAMES = 5_000
MAX_QUEUED_BYTES = 8_000_000
CLOSE_TIMEOUT_S = 1

NORMAL, INVALID, TOO_SLOW, RESTARTING = 1000, 1007, 1008, 1012
UNMATCHED = {"reason": "unmatched topic"}
#: Phoenix's own events, such as replies, have this prefix. Failure mode `silent` still sends them.
REPLY_PREFIX = "phx_"

#: The code and the reason with which the server closes a connection.
CloseReason = tuple[int, str]


class UserSocket:
    """A client's socket and the channels it has joined."""

    def __init__(
        self,
        websocket: WebSocket,
        context: RealtimeContext,
        version: Version,
        caller: RealtimeCaller,
    ) -> None:
        self._websocket = websocket
        self._context = context
        self._version = version
        self._caller = caller
        self._channels: dict[str, tuple[Channel, asyncio.Task[None]]] = {}
        self._queue: deque[str | bytes] = deque()
        self._queued_bytes = 0
        self._has_queued = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._closing: asyncio.Future[CloseReason | None] = loop.create_future()

    def send(self, message: Message) -> None:
        """Queue a message; disconnect a client whose queue is full."""
        is_event = not message.event.startswith(REPLY_PREFIX)
        if is_event and self._context.failure_mode is FailureMode.SILENT:
            return
        frame = message.encoded(self._version)
        if frame is None or self._closing.done():
            return
        if self._version is Version.V1 and len(frame) > MAX_V1_FRAME_CHARS:
            LOG.warning("frame of %d characters was not sent on %s", len(frame), message.topic)
            return
        self._queue.append(frame)
        self._queued_bytes += len(frame)
        self._has_queued.set()
        if len(self._queue) > MAX_QUEUED_FRAMES or self._queued_bytes > MAX_QUEUED_BYTES:
            self._queue.clear()
            self._close((TOO_SLOW, "the client reads too slowly"))

    def apply_failure_mode(self, mode: FailureMode) -> None:
        """Close the socket, or expire the users' channels, if the mode requires it."""
        if mode is FailureMode.CLOSING:
            self._close((RESTARTING, "service restart"))
        elif mode is FailureMode.EXPIRED:
            for channel, _ in self._channels.values():
                channel.expire()

    async def serve(self) -> None:
        """Serve the client until the client or the server closes the connection."""
        await self._websocket.accept()
        self._context.sockets.add(self)
        tasks = [asyncio.create_task(self._run(part)) for part in (self._read(), self._write())]
        try:
            close_reason = await self._closing
            if close_reason is not None:
                await self._close_websocket(close_reason)
        finally:
            self._context.sockets.discard(self)
            running = [*tasks, *(task for _, task in self._channels.values())]
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _run(self, part: Coroutine[Any, Any, CloseReason | None]) -> None:
        """Run the reader or the writer; the end of either closes the connection."""
        try:
            self._close(await part)
        except (WebSocketDisconnect, OSError, RuntimeError):
            # Starlette raises these when the client has gone.
            self._close(None)
        except Exception:
            LOG.exception("socket failed")
            self._close((1011, "internal error"))

    def _close(self, reason: CloseReason | None) -> None:
        """Make `serve` close the connection; None means that the client has closed it."""
        if not self._closing.done():
            self._closing.set_result(reason)

    async def _close_websocket(self, close_reason: CloseReason) -> None:
        code, reason = close_reason
        # Without the timeout a client that does not read would delay the end for ever.
        with contextlib.suppress(TimeoutError, WebSocketDisconnect, OSError, RuntimeError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._websocket.close(code, reason)

    async def _write(self) -> CloseReason | None:
        while True:
            await self._has_queued.wait()
            self._has_queued.clear()
            while self._queue:
                frame = self._queue.popleft()
                self._queued_bytes -= len(frame)
                if isinstance(frame, str):
                    await self._websocket.send_text(frame)
                else:
                    await self._websocket.send_bytes(frame)

    async def _read(self) -> CloseReason | None:
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_TIMEOUT_S):
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
            if self._context.failure_mode is not FailureMode.DEAF:
                await self._handle(frame)

    async def _handle(self, frame: Frame) -> None:
        if frame.topic == "phoenix":
            if frame.event == "heartbeat":
                self._reply(frame, {})
        elif frame.event == "phx_join":
            self._join(frame)
        elif frame.topic in self._channels:
            channel, _ = self._channels[frame.topic]
            # A frame with another reference belongs to an earlier join of the same topic.
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
        replaced = self._channels.pop(frame.topic, None)
        if len(self._channels) >= MAX_CHANNELS:
            reason = "ChannelRateLimitReached: Too many channels"
            self._reply(frame, {"reason": reason}, is_ok=False)
            return
        channel = Channel(self._context, self, self._caller, frame)
        task = asyncio.create_task(
            self._run_channel(channel, None if replaced is None else replaced[1])
        )
        self._channels[frame.topic] = (channel, task)

    async def _run_channel(self, channel: Channel, replaced: asyncio.Task[None] | None) -> None:
        """Run a channel after it has cancelled the one that it replaces.

        The replaced channel sends no `phx_close`, because Python's client would close the new one.
        """
        if replaced is not None:
            replaced.cancel()
            await asyncio.wait([replaced])
        topic = channel.topic.frame_name
        try:
            await channel.run()
        finally:
            is_current = self._channels.get(topic, (None,))[0] is channel
            if is_current:
                del self._channels[topic]
        while is_current and (frame := channel.next_unhandled()) is not None:
            await self._handle(frame)
            # The reader may wait for space in the queue, and now gets a turn to fill it.
            await asyncio.sleep(0)

    def _reply(self, frame: Frame, response: dict[str, str], *, is_ok: bool = True) -> None:
        self.send(reply(frame, response, join_ref=frame.join_ref, is_ok=is_ok))
