"""Reset a connection in the middle of a request, as a failing network does."""

import socket
import struct
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send


_SCOPE_KEY = "devstack.transport"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_GONE = ("http.disconnect", "websocket.disconnect")


class TransportInScope:
    """Puts the server's transport into the scope, because ASGI does not offer it to a handler."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        # Uvicorn's `send` is a method of the object that has the transport.
        scope[_SCOPE_KEY] = getattr(getattr(send, "__self__", None), "transport", None)
        await self._app(scope, receive, send)


def is_gone(scope: Scope) -> bool:
    """Return whether the caller has closed the connection."""
    is_closing: bool = scope[_SCOPE_KEY].is_closing()
    return is_closing


async def break_connection(scope: Scope, receive: Receive) -> None:
    """Close the caller's connection with a reset instead of an answer."""
    transport: Any = scope[_SCOPE_KEY]
    # If the caller has closed the connection, its socket is closed already.
    if not transport.is_closing():
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE
        )
        transport.abort()
    await be_dropped(receive)


async def be_dropped(receive: Receive) -> None:
    """Return when the server has noticed that the caller is gone and expects no answer."""
    while (await receive())["type"] not in _GONE:
        pass
