"""Reset a connection in the middle of a request, as a failing network does."""

import socket
import struct
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send


_SCOPE_KEY = "devstack.transport"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_DISCONNECTS = ("http.disconnect", "websocket.disconnect")


class TransportInScope:
    """Adds the server's transport to the scope, because ASGI does not give it to a handler."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        # Uvicorn's `send` is a method of the object that has the transport.
        scope[_SCOPE_KEY] = getattr(getattr(send, "__self__", None), "transport", None)
        await self._app(scope, receive, send)


def is_disconnected(scope: Scope) -> bool:
    """Return true if the caller has closed the connection."""
    is_closing: bool = scope[_SCOPE_KEY].is_closing()
    return is_closing


async def break_connection(scope: Scope, receive: Receive) -> None:
    """Close the caller's connection with a reset instead of an answer."""
    transport: Any = scope[_SCOPE_KEY]
    # A connection that the caller has closed has no socket to reset.
    if not transport.is_closing():
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE
        )
        transport.abort()
    await wait_for_disconnect(receive)


async def wait_for_disconnect(receive: Receive) -> None:
    """Wait until the server knows that the connection is closed, so that it expects no answer."""
    while (await receive())["type"] not in _DISCONNECTS:
        pass
