"""Sockets to Realtime without a client library, and the frames they carry."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.gateways import Gateway
from tests.support.waits import ANSWER_S


class Wire:
    """A socket without a client library."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, frame: Any) -> None:
        """Send a frame: bytes unchanged, anything else as JSON."""
        await self.socket.send(frame if isinstance(frame, bytes) else json.dumps(frame))

    async def receive(self) -> Any:
        """Return the next frame: bytes unchanged, text as its JSON."""
        async with asyncio.timeout(ANSWER_S):
            frame = await self.socket.recv()
        return frame if isinstance(frame, bytes) else json.loads(frame)

    async def closing(self) -> tuple[int, str]:
        """Return the code and the reason with which the server closes the connection."""
        async with asyncio.timeout(ANSWER_S):
            try:
                while True:
                    await self.socket.recv()
            except ConnectionClosed:
                return self.socket.close_code or 0, self.socket.close_reason or ""


@asynccontextmanager
async def wire(gateway: Gateway, *, vsn: str = "2.0.0", key: str = "") -> AsyncIterator[Wire]:
    key = key or gateway.keys.publishable_key
    url = f"{gateway.socket_url}/websocket?apikey={key}&vsn={vsn}"
    # Compression is off, so that a frame has exactly its size.
    async with connect(url, max_size=None, compression=None, open_timeout=ANSWER_S) as socket:
        yield Wire(socket)


def join_frame(ref: str, topic: str, **config: Any) -> list[Any]:
    return [ref, ref, f"realtime:{topic}", "phx_join", {"config": config}]


def join_object(topic: str) -> dict[str, Any]:
    return {"topic": f"realtime:{topic}", "event": "phx_join", "payload": {"config": {}}}


def binary(*fields: str, encoding: int, payload: bytes) -> bytes:
    texts = [field.encode() for field in fields]
    return bytes([3, *map(len, texts), encoding]) + b"".join(texts) + payload
