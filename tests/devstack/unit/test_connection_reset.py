"""A fault breaks connections, also those whose callers have hung up."""

import asyncio
import socket
from typing import Any
from unittest.mock import MagicMock, create_autospec

import pytest

from devstack.emulation.connection_reset import TransportInScope, break_connection


def broken(*, is_gone: bool) -> MagicMock:
    """Break the connection of a request; return its transport."""
    transport: MagicMock = create_autospec(asyncio.Transport, instance=True)
    transport.is_closing.return_value = is_gone
    with socket.socket() as open_socket:
        transport.get_extra_info.return_value = open_socket
        if is_gone:
            open_socket.close()

        class Server:
            def __init__(self) -> None:
                self.transport = transport

            async def send(self, _message: Any) -> None:
                """Uvicorn's `send` is a method, too."""

        async def app(scope: Any, receive: Any, _send: Any) -> None:
            await break_connection(scope, receive)

        async def receive() -> Any:
            return {"type": "http.disconnect"}

        asyncio.run(TransportInScope(app)({}, receive, Server().send))
    return transport


@pytest.mark.parametrize("is_gone", [False, True])
def test_connection_is_broken_once(*, is_gone: bool) -> None:
    """A connection whose caller has hung up has no socket, and needs no reset."""
    transport = broken(is_gone=is_gone)

    assert transport.abort.call_count == (0 if is_gone else 1)
