"""A server that speaks Realtime's protocol, and misbehaves on command."""

import asyncio
import json
from contextlib import suppress
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve

from tests.integration.adapters.wake_up import ARRIVAL_S


_HUGE = 1_100_000  # more than the client takes in one frame


class BadRealtime:
    """Answers joins and returns broadcasts, unless a test switches that off."""

    def __init__(self) -> None:
        self.is_quiet = False
        self.answers_joins = True
        self.refuses_joins = False
        self.joins: list[dict[str, Any]] = []
        self._server: Server | None = None
        self._port = 0
        self._members: dict[ServerConnection, str] = {}
        self._broadcast_count = 0
        self._changed = asyncio.Condition()

    @property
    def url(self) -> str:
        """Return the base URL of Supabase, of which this server is a part."""
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen on the same port as before."""
        self._server = await serve(self._serve, "127.0.0.1", self._port)
        self._port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        """Stop listening, and close every connection."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def joined(self, times: int) -> None:
        """Wait for this number of joins, counted from the start."""
        async with asyncio.timeout(ARRIVAL_S), self._changed:
            await self._changed.wait_for(lambda: len(self.joins) >= times)

    async def heard_broadcasts(self, times: int) -> None:
        """Wait for this number of broadcasts."""
        async with asyncio.timeout(ARRIVAL_S), self._changed:
            await self._changed.wait_for(lambda: self._broadcast_count >= times)

    async def push(self, event: str, payload: dict[str, Any]) -> None:
        """Send a message on every joined topic."""
        for connection, topic in list(self._members.items()):
            await _send(connection, topic, event, payload)

    async def change(self) -> None:
        """Report a new row."""
        data: dict[str, Any] = {
            "schema": "public",
            "table": "auctions",
            "type": "INSERT",
            "commit_timestamp": "2026-11-24T02:45:40.120Z",
            "columns": [],
            "record": {},
            "errors": None,
        }
        await self.push("postgres_changes", {"ids": [1], "data": data})

    async def say(self, text: str) -> None:
        """Send a frame unchanged."""
        for connection in list(self._members):
            await connection.send(text)

    async def send_a_huge_frame(self) -> None:
        """Send a frame that is larger than the client accepts."""
        await self.push(
            "broadcast", {"type": "broadcast", "event": "x", "payload": {"a": "x" * _HUGE}}
        )

    async def hang_up(self, code: int) -> None:
        """Close every connection with a close frame."""
        for connection in list(self._members):
            await connection.close(code)

    async def abort(self) -> None:
        """Drop every connection without a close frame."""
        for connection in list(self._members):
            connection.transport.abort()

    async def _serve(self, connection: ServerConnection) -> None:
        with suppress(Exception):  # The tests end clients in every way.
            async for text in connection:
                await self._answer(connection, json.loads(text))
        self._members.pop(connection, None)

    async def _answer(self, connection: ServerConnection, frame: dict[str, Any]) -> None:
        if frame["event"] == "phx_join":
            await self._answer_join(connection, frame)
        elif frame["event"] == "heartbeat":
            await _reply(connection, frame, "ok", {})
        elif frame["event"] == "broadcast" and not self.is_quiet:
            await _send(connection, frame["topic"], "broadcast", frame["payload"])
            self._broadcast_count += 1
            await self._notify()

    async def _answer_join(self, connection: ServerConnection, frame: dict[str, Any]) -> None:
        if self.refuses_joins:
            await _reply(connection, frame, "error", {"reason": "Unauthorized: not you"})
        elif self.answers_joins:
            self._members[connection] = frame["topic"]
            wanted = frame["payload"]["config"]["postgres_changes"]
            bindings = [one | {"id": number} for number, one in enumerate(wanted, 1)]
            await _reply(connection, frame, "ok", {"postgres_changes": bindings})
            await self.push("system", system_payload("ok", "Subscribed to PostgreSQL"))
        self.joins.append(frame["payload"])
        await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def system_payload(status: str, message: str) -> dict[str, Any]:
    """Return the payload of a system message."""
    return {
        "channel": "wake-up",
        "extension": "postgres_changes",
        "message": message,
        "status": status,
    }


async def _send(
    connection: ServerConnection, topic: str, event: str, payload: dict[str, Any]
) -> None:
    await connection.send(
        json.dumps({"ref": None, "topic": topic, "event": event, "payload": payload})
    )


async def _reply(
    connection: ServerConnection, frame: dict[str, Any], status: str, response: dict[str, Any]
) -> None:
    reply = {
        "ref": frame["ref"],
        "topic": frame["topic"],
        "event": "phx_reply",
        "payload": {"status": status, "response": response},
    }
    await connection.send(json.dumps(reply))
