"""A client of the gateway's control API, by which tests command faults."""

import contextlib
from collections.abc import Iterator
from typing import Any

import httpx

from tests.support.waits import ANSWER_S


class GatewayControl:
    """The control API of the gateway at `url`."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/_control", timeout=ANSWER_S)

    def add_fault(self, **fault: Any) -> None:
        """Apply a fault to the next requests that match."""
        self._http.post("/faults", json=fault).raise_for_status()

    def set_realtime(self, mode: str) -> None:
        """Set the failure mode of Realtime."""
        self._http.put("/realtime", json={"mode": mode}).raise_for_status()

    def pending(self) -> dict[str, Any]:
        """Return the pending faults."""
        pending: dict[str, Any] = self._http.get("/faults").raise_for_status().json()
        return pending

    def clear(self) -> None:
        """End all faults."""
        self._http.delete("/faults").raise_for_status()

    def close(self) -> None:
        """Close the connection to the gateway."""
        self._http.close()


@contextlib.contextmanager
def commanded(url: str) -> Iterator[GatewayControl]:
    """Give the control API of the gateway at `url`; end all faults afterwards."""
    with contextlib.closing(GatewayControl(url)) as control:
        try:
            yield control
        finally:
            control.clear()
