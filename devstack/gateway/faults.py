"""The faults that a test can make the gateway have, as clients of hosted Supabase see them.

The middleware runs before all services, so none of them has code for faults. Realtime's sockets
outlive a request and have faults of their own, see `realtime.context.FailureMode`.
"""

import dataclasses
import time
from http import HTTPStatus
from typing import ClassVar

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from devstack.emulation.connection_reset import (
    break_connection,
    is_disconnected,
    wait_for_disconnect,
)
from devstack.emulation.faults import Fault, Faults, When
from devstack.emulation.tokens import Keys, TokenError


#: The response of the hosted gateway when it does not reach a service. It is plain text, which
#: clients that expect JSON must handle (https://github.com/supabase/supabase-flutter/issues/993).
UNREACHABLE = (
    "upstream connect error or disconnect/reset before headers. "
    "reset reason: connection termination"
)
BEARER = "bearer "
EXPIRED_AGO_S = 3600


@dataclasses.dataclass(slots=True, kw_only=True)
class GatewayFault(Fault):
    """A fault of the gateway. For a WebSocket, which opens by a GET, `when` is always `before`.

    `hang` delays the request until all faults are cleared. If the client has closed the connection
    by then, the request is dropped. `expired_token` applies to requests of users only: it replaces
    their token by an expired one, which each service refuses in its own way.
    """

    hang: bool = False
    expired_token: bool = False

    EFFECTS: ClassVar[tuple[str, ...]] = (*Fault.EFFECTS, "hang", "expired_token")


GatewayFaults = Faults[GatewayFault]


class FaultMiddleware:
    """Applies faults to the requests of an application; without a fault it passes them on."""

    def __init__(
        self, app: ASGIApp, *, faults: GatewayFaults, keys: Keys, exempt_path: str
    ) -> None:
        self._app = app
        self._faults = faults
        self._keys = keys
        self._exempt_path = exempt_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or apply a fault to it."""
        fault = self._fault(scope) if self._faults else None
        if fault is None:
            await self._app(scope, receive, send)
            return
        if fault.expired_token:
            _expire_token(scope, self._keys)
        if fault.when is When.AFTER and scope["type"] == "http":
            await self._apply_after(fault, scope, receive, send)
        elif await self._apply(fault, scope, receive, send):
            await self._app(scope, receive, send)

    def _fault(self, scope: Scope) -> GatewayFault | None:
        if scope["type"] == "lifespan" or scope["path"].startswith(self._exempt_path):
            return None
        return self._faults.take(
            scope.get("method", "GET"),
            scope["path"],
            lambda fault: not fault.expired_token or _user_claims(scope, self._keys) is not None,
        )

    async def _apply_after(
        self, fault: GatewayFault, scope: Scope, receive: Receive, send: Send
    ) -> None:
        response: list[Message] = []

        async def collect(message: Message) -> None:
            response.append(message)

        await self._app(scope, receive, collect)
        if await self._apply(fault, scope, receive, send):
            for message in response:
                await send(message)

    async def _apply(self, fault: GatewayFault, scope: Scope, receive: Receive, send: Send) -> bool:
        """Apply a fault; return true if the application still serves the request."""
        await self._faults.delay(None if fault.hang else fault.delay_s)
        if is_disconnected(scope):
            await wait_for_disconnect(receive)
        elif fault.reset:
            await break_connection(scope, receive)
        elif fault.status is not None:
            await _error_response(fault.status)(scope, receive, send)
        else:
            return True
        return False


def _error_response(status: int) -> Response:
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return PlainTextResponse(UNREACHABLE, status)
    phrases = {known.value: known.phrase for known in HTTPStatus}
    return JSONResponse({"message": phrases.get(status, "Unknown Error")}, status)


def _expire_token(scope: Scope, keys: Keys) -> None:
    """Replace the token of a user by one of the same user that expired an hour ago."""
    claims = _user_claims(scope, keys)
    if claims is not None:
        expired = keys.sign({**claims, "exp": int(time.time()) - EXPIRED_AGO_S})
        MutableHeaders(scope=scope)["authorization"] = f"Bearer {expired}"


def _user_claims(scope: Scope, keys: Keys) -> dict[str, object] | None:
    """Return the claims of the calling user, or None if the caller is an API key."""
    header = MutableHeaders(scope=scope).get("authorization", "")
    if not header.lower().startswith(BEARER):
        return None
    try:
        claims = keys.verify(header[len(BEARER) :].strip())
    except TokenError:
        return None
    return claims if "sub" in claims else None
