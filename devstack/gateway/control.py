"""The gateway's control API, for tests and the demo. Supabase has none, so it takes no API key.

`emulation.control` defines the commands of `/faults`, and `faults.GatewayFault` the fields of a
fault. For example, `{"status": 503, "path": "/rest/v1/*"}` makes REST unreachable, and
`{"reset": true, "when": "after", "method": "POST"}` loses a reply after the commit.

- `PUT /realtime {mode}` sets the failure mode of Realtime, see `realtime.context.FailureMode`.
- `GET /signing_keys` lists the keys that sign users' tokens, with their states; `POST` adds a
  standby key; `PATCH /signing_keys/{kid} {state}` moves one, to `in_use` for a rotation. On hosted
  Supabase the dashboard does this. A gateway that restarts uses the key of its configuration.
- `GET /mails?to=ADDRESS` lists the mails that Auth would send, newest first, to that address or to
  all; each has `to`, `type`, `code`, `token_hash` and `link`. `DELETE` deletes them.
"""

import dataclasses
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute

from devstack.emulation.control import Command, choice, control_routes, fault_commands, read_body
from devstack.emulation.signing_keys import KeyState, SigningKeys
from devstack.gateway.auth.sent_mails import Mailbox
from devstack.gateway.faults import GatewayFault, GatewayFaults
from devstack.gateway.realtime.context import FailureMode, RealtimeContext


LISTED_MAILS = 100


def routes(
    faults: GatewayFaults, realtime: RealtimeContext, keys: SigningKeys, mailbox: Mailbox
) -> list[BaseRoute]:
    """Return the routes of the control API."""
    commands = [
        *_fault_commands(faults, realtime),
        *_key_commands(keys),
        *_mail_commands(mailbox),
    ]
    return [control_routes(commands)]


def _fault_commands(faults: GatewayFaults, realtime: RealtimeContext) -> list[Command]:
    def state() -> dict[str, Any]:
        return {"realtime": realtime.failure_mode}

    shared = fault_commands(
        faults,
        GatewayFault,
        clear_others=lambda: realtime.apply_failure_mode(FailureMode.NORMAL),
        other_state=state,
    )
    _method, _path, show = shared[0]

    async def set_realtime(request: Request) -> Any:
        mode = choice(await read_body(request), "mode", list(FailureMode))
        realtime.apply_failure_mode(FailureMode(mode))
        return await show(request)

    return [*shared, ("PUT", "/realtime", set_realtime)]


def _key_commands(keys: SigningKeys) -> list[Command]:
    async def show(_request: Request) -> Any:
        return {"states": dict(keys.states())}

    async def add(request: Request) -> Any:
        keys.add()
        return await show(request)

    async def move(request: Request) -> Any:
        state = choice(await read_body(request), "state", list(KeyState))
        keys.move(request.path_params["kid"], KeyState(state))
        return await show(request)

    path = "/signing_keys"
    return [("GET", path, show), ("POST", path, add), ("PATCH", f"{path}/{{kid}}", move)]


def _mail_commands(mailbox: Mailbox) -> list[Command]:
    async def show(request: Request) -> Any:
        mails = mailbox.to(request.query_params.get("to"), LISTED_MAILS)
        return {"mails": [dataclasses.asdict(mail) for mail in mails]}

    async def clear(_request: Request) -> Any:
        mailbox.clear()
        return {"mails": []}

    return [("GET", "/mails", show), ("DELETE", "/mails", clear)]
