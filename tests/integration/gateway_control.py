"""Trouble of a gateway, commanded by a test: the client of its control API."""

import contextlib
from collections.abc import Iterator
from typing import Any

import httpx

from tests.integration.gateways import PATIENCE_S


class Trouble:
    """The control API of the gateway at `url`."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/_control", timeout=PATIENCE_S)

    def strike(self, **fault: Any) -> None:
        """Have a fault befall the next requests that fit."""
        self._http.post("/faults", json=fault).raise_for_status()

    def realtime(self, mode: str) -> None:
        """Have Realtime behave in another way."""
        self._http.put("/realtime", json={"mode": mode}).raise_for_status()

    def pending(self) -> dict[str, Any]:
        """Return what is still to come."""
        pending: dict[str, Any] = self._http.get("/faults").raise_for_status().json()
        return pending

    def clear(self) -> None:
        """Let everything go well again."""
        self._http.delete("/faults").raise_for_status()

    def close(self) -> None:
        """Let go of the gateway."""
        self._http.close()


@contextlib.contextmanager
def commanded(url: str) -> Iterator[Trouble]:
    """Give the command over the troubles of the gateway at `url`, and end them afterwards."""
    trouble = Trouble(url)
    yield trouble
    trouble.clear()
    trouble.close()
