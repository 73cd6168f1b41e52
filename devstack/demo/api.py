"""Calls of our HTTP service and of the fake Stripe's control API, as the demo makes them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import httpx

from devstack.demo.people import Person
from devstack.demo.steps import DemoError, expect


#: Time between two looks at something that another process must do first.
_LOOK_S = 0.05


class Api:
    """Our service under `/api`, called by people with their own tokens."""

    def __init__(self, http: httpx.AsyncClient, environment: Mapping[str, str]) -> None:
        self._http = http
        self._service = environment["SERVICE_URL"]
        self._control = environment["STRIPE_CONTROL_URL"]

    async def ask(
        self, person: Person, method: str, path: str, body: object = None
    ) -> tuple[int, dict[str, Any]]:
        """Send a request of a person; return the status and the JSON of the answer."""
        answer = await self._http.request(
            method,
            f"{self._service}/api{path}",
            json=body,
            headers={"Authorization": f"Bearer {person.token}"},
        )
        return answer.status_code, answer.json()

    async def succeed(
        self, person: Person, method: str, path: str, body: object = None
    ) -> dict[str, Any]:
        """Send a request whose answer must be 200; return its JSON.

        Raises: DemoError with the answer.
        """
        status, answer = await self.ask(person, method, path, body)
        expect(status == HTTPStatus.OK, f"{method} {path} answered {status}: {answer}")
        return answer

    async def control(self, path: str, **body: object) -> dict[str, Any]:
        """Let the fake Stripe do what a bank or a seller does on Stripe's own pages."""
        answer = await self._http.post(f"{self._control}{path}", json=body)
        expect(answer.is_success, f"The fake Stripe answered {answer.status_code}: {answer.text}")
        done: dict[str, Any] = answer.json()
        return done


async def until(
    read: Callable[[], Awaitable[Any]],
    is_done: Callable[[Any], bool],
    what: str,
    timeout_s: float,
) -> Any:
    """Read again and again until `is_done` accepts the answer; return that answer.

    Raises: DemoError if that takes longer than `timeout_s`.
    """
    ends_at = time.monotonic() + timeout_s
    while not is_done(found := await read()):
        if time.monotonic() > ends_at:
            raise DemoError(f"{what} did not happen within {timeout_s:.0f} s; last seen: {found}")
        await asyncio.sleep(_LOOK_S)
    return found
