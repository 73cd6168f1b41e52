"""Faults of the gateway on a test's command, as clients of hosted Supabase meet them.

The middleware stands before all services; none of them knows of it. Realtime's sockets live longer
than a request and have faults of their own, see `realtime.failure_mode`.
"""

import dataclasses
import time
from http import HTTPStatus
from typing import ClassVar

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from devstack.emulation.connection_reset import be_dropped, break_connection, is_gone
from devstack.emulation.faults import Fault, Faults, When
from devstack.emulation.tokens import Keys, TokenError


#: The answer of hosted's gateway when it does not reach the service behind it. It is plain text;
#: clients that wait for JSON have to cope (https://github.com/supabase/supabase-flutter/issues/993).
UNREACHABLE = (
    "upstream connect error or disconnect/reset before headers. "
    "reset reason: connection termination"
)
BEARER = "bearer "
EXPIRED_AGO_S = 3600


@dataclasses.dataclass(slots=True, kw_only=True)
class GatewayFault(Fault):
    """A fault of the gateway; for a WebSocket, which opens by a GET, it always applies before.

    `hang` keeps the request waiting until all faults are cleared; it is dropped if its caller has
    closed the connection by then. `expired_token` applies to requests of users only: their token is
    replaced by an expired one, which each service answers in its own way.
    """

    hang: bool = False
    expired_token: bool = False

    EFFECTS: ClassVar[tuple[str, ...]] = (*Fault.EFFECTS, "hang", "expired_token")


GatewayFaults = Faults[GatewayFault]


class FaultMiddleware:
    """Applies faults to the requests of an application; without any it only passes them on."""

    def __init__(self, app: ASGIApp, *, faults: GatewayFaults, keys: Keys, spared: str) -> None:
        self._app = app
        self._faults = faults
        self._keys = keys
        self._spared = spared

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
        if scope["type"] == "lifespan" or scope["path"].startswith(self._spared):
            return None
        return self._faults.take(
            scope.get("method", "GET"),
            scope["path"],
            lambda fault: not fault.expired_token or _user_claims(scope, self._keys) is not None,
        )

    async def _apply_after(
        self, fault: GatewayFault, scope: Scope, receive: Receive, send: Send
    ) -> None:
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._app(scope, receive, keep)
        if await self._apply(fault, scope, receive, send):
            for message in answer:
                await send(message)

    async def _apply(self, fault: GatewayFault, scope: Scope, receive: Receive, send: Send) -> bool:
        """Apply a fault; return whether the request goes on as if there were none."""
        await self._faults.delay(None if fault.hang else fault.delay_s)
        if is_gone(scope):
            await be_dropped(receive)
        elif fault.reset:
            await break_connection(scope, receive)
        elif fault.status is not None:
            await _answer(fault.status)(scope, receive, send)
        else:
            return True
        return False


def _answer(status: int) -> Response:
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return PlainTextResponse(UNREACHABLE, status)
    phrases = {known.value: known.phrase for known in HTTPStatus}
    return JSONResponse({"message": phrases.get(status, "Unknown Error")}, status)


def _expire_token(scope: Scope, keys: Keys) -> None:
    """Put a token of the same user in the place of the user's own that was over an hour ago."""
    claims = _user_claims(scope, keys)
    if claims is not None:
        over = keys.sign({**claims, "exp": int(time.time()) - EXPIRED_AGO_S})
        MutableHeaders(scope=scope)["authorization"] = f"Bearer {over}"


def _user_claims(scope: Scope, keys: Keys) -> dict[str, object] | None:
    """Return the claims of the user who calls; an API key's caller is none."""
    header = MutableHeaders(scope=scope).get("authorization", "")
    if not header.lower().startswith(BEARER):
        return None
    try:
        claims = keys.verify(header[len(BEARER) :].strip())
    except TokenError:
        return None
    return claims if "sub" in claims else None
