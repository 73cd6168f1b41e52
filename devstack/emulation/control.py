"""The control API of both servers, under `/_control`: tests command faults there, without a key.

All bodies and answers are JSON. The answer to an invalid request is 400 with `{error}`.

- `GET /faults` lists the pending faults, `POST /faults` adds one with the fields of `faults.Fault`,
  `DELETE /faults` ends all of them.
"""

import dataclasses
import functools
import json
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from devstack.emulation.faults import AnyFault, Faults


PATH = "/_control"

#: A handler returns the JSON of the answer. Its ValueError or TypeError answers 400.
Handler = Callable[[Request], Awaitable[Any]]
Command = tuple[str, str, Handler]


class ControlError(ValueError):
    """An invalid request to the control API; the message has the reason."""


def control_routes(commands: Iterable[Command]) -> Mount:
    """Return the routes of commands, each a method, a path below `/_control` and a handler."""
    return Mount(
        PATH,
        routes=[
            Route(path, functools.partial(_answer, handler), methods=[method])
            for method, path, handler in commands
        ],
    )


def fault_commands(
    faults: Faults[AnyFault],
    kind: type[AnyFault],
    *,
    clear_others: Callable[[], None] = lambda: None,
    other_state: Callable[[], Mapping[str, Any]] = dict,
) -> list[Command]:
    """Return the commands of `/faults` for faults of one kind.

    `other_state` shows a server's faults of other kinds, and `clear_others` ends them.
    """

    async def show(_request: Request) -> Any:
        pending = [dataclasses.asdict(fault) for fault in faults.pending()]
        return {"faults": pending, **other_state()}

    async def add(request: Request) -> Any:
        faults.add(kind(**await read_body(request)))
        return await show(request)

    async def clear(request: Request) -> Any:
        faults.clear()
        clear_others()
        return await show(request)

    return [("GET", "/faults", show), ("POST", "/faults", add), ("DELETE", "/faults", clear)]


async def read_body(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request, which is empty without a body.

    Raises: ControlError, or ValueError if the body is not JSON.
    """
    body = await request.body()
    values = json.loads(body) if body else {}
    if not isinstance(values, dict):
        raise ControlError("the body must be a JSON object")
    return values


def choice(
    body: Mapping[str, Any], name: str, allowed: Collection[str], *, default: str | None = None
) -> str:
    """Return one of the `allowed` words from the body.

    Raises:
        ControlError: the body has another word, or none.

    """
    value = body.get(name, default)
    if value not in allowed:
        raise ControlError(f"{name} must be one of {', '.join(allowed)}")
    return str(value)


async def _answer(handler: Handler, request: Request) -> Response:
    try:
        return JSONResponse(await handler(request))
    except (ValueError, TypeError) as error:
        return JSONResponse({"error": str(error)}, 400)
