"""The control API of the signing keys, for tests: on hosted Supabase this is the dashboard's.

It has neither a key nor a memory: a gateway that starts again signs with the one it was given.

- `GET` lists the keys with their states, `POST` makes one that stands by.
- `PATCH /{kid} {state}` moves one; to `in_use` is the rotation.
"""

from collections.abc import Awaitable, Callable

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from devstack.emulation.control import PATH
from devstack.emulation.signing_keys import KeyState, SigningKeys


KEYS_PATH = f"{PATH}/signing_keys"


class _Move(BaseModel):
    state: KeyState


def routes(keys: SigningKeys) -> list[BaseRoute]:
    """Return the routes of this control API."""

    async def show(_request: Request) -> Response:
        return JSONResponse(_listed(keys))

    async def add(_request: Request) -> Response:
        keys.add()
        return JSONResponse(_listed(keys))

    async def move(request: Request) -> Response:
        try:
            wanted = _Move.model_validate_json(await request.body())
            keys.move(request.path_params["kid"], wanted.state)
        except ValueError as error:  # pydantic's is one too
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(_listed(keys))

    table: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
        ("GET", KEYS_PATH, show),
        ("POST", KEYS_PATH, add),
        ("PATCH", f"{KEYS_PATH}/{{kid}}", move),
    ]
    return [Route(path, endpoint, methods=[method]) for method, path, endpoint in table]


def _listed(keys: SigningKeys) -> dict[str, dict[str, KeyState]]:
    return {"states": dict(keys.states())}
