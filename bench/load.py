"""Load over HTTP: each of several connections sends one request after another."""

import asyncio
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""

    def to_bytes(self) -> bytes:
        """Return the request as bytes of HTTP/1.1."""
        fields = {**self.headers, "host": "127.0.0.1", "content-length": str(len(self.body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"{self.method} {self.path} HTTP/1.1\r\n{head}\r\n".encode() + self.body


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The latency of each answer in seconds, and the number of answers per second."""

    latencies_s: Sequence[float]
    per_second: float


def send(
    port: int, make: Callable[[int], Request], *, connections: int, seconds: float
) -> Answered:
    """Send requests from `make(connection)` for `seconds`, over several connections at once.

    Raises:
        RuntimeError: an answer was not a success, so the load did not measure the work.

    """
    return asyncio.run(_send(port, make, connections, seconds))


async def _send(
    port: int, make: Callable[[int], Request], connections: int, seconds: float
) -> Answered:
    end = time.perf_counter() + seconds
    began = time.perf_counter()
    clients = [_client(port, make, number, end) for number in range(connections)]
    latencies = [latency for each in await asyncio.gather(*clients) for latency in each]
    return Answered(
        latencies_s=latencies, per_second=len(latencies) / (time.perf_counter() - began)
    )


async def _client(
    port: int, make: Callable[[int], Request], number: int, end: float
) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    latencies = []
    try:
        while (began := time.perf_counter()) < end:
            writer.write(make(number).to_bytes())
            await _read_answer(reader)
            latencies.append(time.perf_counter() - began)
    finally:
        writer.close()
    return latencies


async def _read_answer(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head.split(b" ", 2)[1])
    length = 0
    if b"content-length:" in head:
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    elif b"chunked" in head:
        raise RuntimeError("an answer is chunked, which this client does not read")
    body = await reader.readexactly(length)
    if status >= 300:  # noqa: PLR2004 -- HTTP's own bound
        raise RuntimeError(f"an answer was {status}: {body[:200]!r}")
