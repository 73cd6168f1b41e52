"""HTTP calls of users. Each is repeated until the system answers it."""

import asyncio
import dataclasses
import itertools
import json
import random
import urllib.parse
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any


#: An app gives up on a call after this time, and calls again with the same key.
_TIMEOUT_S = 4.0
#: The waits before the second and before later tries; each is drawn from a quarter of this up.
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.4, 4.0
_AGAIN = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_FORM = "application/x-www-form-urlencoded"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that arrived whole."""

    status: int
    body: Any


class Web:
    """The addresses of the system, as browsers know them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._supabase = environment["SUPABASE_URL"]
        self._key = environment["SUPABASE_PUBLISHABLE_KEY"]
        self._service = environment["SERVICE_URL"]
        self._stripe = environment["STRIPE_API_BASE"]
        self._stripe_key = environment["STRIPE_PUBLISHABLE_KEY"]
        #: The number of answers to each kind of call, and of lost answers by their cause.
        self.counts: Counter[str] = Counter()

    async def sign_up(self, email: str) -> tuple[str, str]:
        """Sign a user up at Auth; return the user's id and access token."""
        answer = await self._send(
            "sign up",
            "POST",
            f"{self._supabase}/auth/v1/signup",
            {"apikey": self._key},
            {"email": email, "password": "a password of chaos"},
        )
        return answer.body["user"]["id"], answer.body["access_token"]

    async def call(self, token: str, function: str, **arguments: Any) -> Any:
        """Call an RPC as a signed-in user."""
        answer = await self._send(
            function,
            "POST",
            f"{self._supabase}/rest/v1/rpc/{function}",
            {"apikey": self._key, "authorization": f"Bearer {token}"},
            arguments,
        )
        if answer.status != HTTPStatus.OK:
            raise RuntimeError(f"{function} answered {answer.status}: {answer.body}")
        return answer.body

    async def ask(self, token: str, method: str, path: str, body: object = None) -> Answer:
        """Ask our service as a signed-in user."""
        kind = f"{method} {path.split('/')[2]}"
        headers = {"authorization": f"Bearer {token}"}
        return await self._send(kind, method, f"{self._service}{path}", headers, body)

    async def at_stripe(self, method: str, path: str, **fields: str) -> Answer:
        """Ask Stripe as the buyer's browser does."""
        form, url = urllib.parse.urlencode(fields), f"{self._stripe}/v1/{path}"
        headers = {"authorization": f"Bearer {self._stripe_key}"}
        if method == "GET":
            return await self._send("Stripe GET", method, f"{url}?{form}", headers, None)
        return await self._send(f"Stripe {method}", method, url, headers, form)

    async def _send(
        self, kind: str, method: str, url: str, headers: Mapping[str, str], body: object
    ) -> Answer:
        for attempt in itertools.count():
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    answer = await _exchange(method, url, headers, body)
            except (OSError, TimeoutError, ValueError) as error:
                self.counts[f"{kind}: {type(error).__name__}"] += 1
            else:
                self.counts[f"{kind}: {answer.status}"] += 1
                is_transient = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
                if not is_transient and answer.status not in _AGAIN:
                    return answer
            most_s = min(_FIRST_WAIT_S * 2**attempt, _LONGEST_WAIT_S)
            await asyncio.sleep(random.uniform(most_s / 4, most_s))  # noqa: S311 - no secrets
        raise AssertionError


async def _exchange(method: str, url: str, headers: Mapping[str, str], body: object) -> Answer:
    """Send one request over a connection of its own, and read the whole answer.

    Raises:
        ValueError: the answer is cut off.

    """
    address = urllib.parse.urlsplit(url)
    content, kind = (body, _FORM) if isinstance(body, str) else (_json(body), "application/json")
    fields = {**headers, "host": address.netloc, "content-length": str(len(content.encode()))}
    fields |= {"content-type": kind} if content else {}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    # A server ends its answer to HTTP/1.0 by closing the connection, and sends no chunks.
    request = f"{method} {url.removeprefix(f'http://{address.netloc}')} HTTP/1.0\r\n{head}\r\n"
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(request.encode() + content.encode())
        return _read(await reader.read(-1))
    finally:
        writer.close()


def _json(body: object) -> str:
    return "" if body is None else json.dumps(body)


def _read(answer: bytes) -> Answer:
    head, separator, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    lengths = [line.split(":")[1] for line in lines if line.startswith("content-length:")]
    if not separator or lengths != [f" {len(body)}"]:
        raise ValueError("the answer is cut off")
    status = int(lines[0].split(" ")[1])
    is_json = any(line.startswith("content-type: application/json") for line in lines)
    return Answer(status=status, body=json.loads(body) if is_json else body.decode())
