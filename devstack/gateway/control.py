"""The control API, for tests and the demo, under `/_control`: no part of Supabase, so no key.

All bodies and answers are JSON. It is the same as the fake Stripe's, as far as both have it.

- `POST /faults {status?, reset?, hang?, expired_token?, delay_s?, when?, times?, method?, path?}`:
  trouble for the next requests, see `faults.GatewayFault`. So `{"status": 503, "path":
  "/rest/v1/*"}` is a lost service, `{"reset": true, "when": "after", "method": "POST"}` a reply
  that is lost after the commit.
- `PUT /realtime {mode}`: how Realtime behaves from now on, see `realtime.failure_mode.FailureMode`.
- `GET /faults` lists what is to come, `DELETE /faults` ends it all.
- `/signing_keys` rotates the keys of users' tokens, see `auth.key_control`.
- `/mails` lists the mails that Auth would send, see `auth.mail_control`.
"""

import dataclasses
import functools
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from devstack.emulation.control import PATH, read_body
from devstack.gateway.faults import GatewayFault, GatewayFaults
from devstack.gateway.realtime.failure_mode import FailureMode
from devstack.gateway.realtime.services import Services


_Handler = Callable[[GatewayFaults, Services, Request], Awaitable[Any]]


def routes(faults: GatewayFaults, realtime: Services) -> list[BaseRoute]:
    """Return the routes of the control API."""
    table: list[tuple[str, str, _Handler]] = [
        ("GET", "/faults", _list_faults),
        ("POST", "/faults", _add_fault),
        ("DELETE", "/faults", _clear_faults),
        ("PUT", "/realtime", _set_mood),
    ]
    return [
        Mount(
            PATH,
            routes=[
                Route(
                    path,
                    functools.partial(_answer, faults, realtime, handler),
                    methods=[method],
                )
                for method, path, handler in table
            ],
        )
    ]


async def _answer(
    faults: GatewayFaults, realtime: Services, handler: _Handler, request: Request
) -> Response:
    try:
        return JSONResponse(await handler(faults, realtime, request))
    except (ValueError, TypeError) as error:
        return JSONResponse({"error": str(error)}, 400)


async def _list_faults(faults: GatewayFaults, realtime: Services, _request: Request) -> Any:
    pending = [dataclasses.asdict(fault) for fault in faults.pending()]
    return {"faults": pending, "realtime": realtime.failure_mode}


async def _add_fault(faults: GatewayFaults, realtime: Services, request: Request) -> Any:
    faults.add(GatewayFault(**await read_body(request)))
    return await _list_faults(faults, realtime, request)


async def _clear_faults(faults: GatewayFaults, realtime: Services, request: Request) -> Any:
    faults.clear()
    realtime.apply_failure_mode(FailureMode.NORMAL)
    return await _list_faults(faults, realtime, request)


async def _set_mood(faults: GatewayFaults, realtime: Services, request: Request) -> Any:
    realtime.apply_failure_mode(FailureMode(str((await read_body(request)).get("mode"))))
    return await _list_faults(faults, realtime, request)
