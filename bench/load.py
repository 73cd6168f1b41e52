"""Load over HTTP: each of several connections sends one request after another."""

import asyncio
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request that the load sends."""

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
class Answer:
    """The answer that a connection got, and its latency."""

    connection: int
    status: int
    body: bytes
    latency_s: float

    @property
    def is_success(self) -> bool:
        """Return true if the server did what it was to do."""
        return self.status < HTTPStatus.MULTIPLE_CHOICES


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Connections to one port, and the requests that each of them sends.

    Without `period_s` a connection sends as soon as it has its answer. With it, a connection sends
    once in a period, and a latency counts from the time at which the request was due. The
    connections spread evenly over the period.
    """

    port: int
    make: Callable[[int], Request]
    connections: int
    period_s: float = 0.0
    take: Callable[[Answer], None] | None = None  # without it, a failure ends the bench


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
    [answered] = send_together([Load(port=port, make=make, connections=connections)], seconds)
    return answered


def send_together(loads: Sequence[Load], seconds: float) -> list[Answered]:
    """Send several loads at the same time for `seconds`."""
    return asyncio.run(_send_together(loads, seconds))


async def _send_together(loads: Sequence[Load], seconds: float) -> list[Answered]:
    return list(await asyncio.gather(*(_send(each, seconds) for each in loads)))


async def _send(load: Load, seconds: float) -> Answered:
    began = time.perf_counter()
    end = began + seconds
    clients = [_client(load, number, end) for number in range(load.connections)]
    latencies = [latency for each in await asyncio.gather(*clients) for latency in each]
    return Answered(
        latencies_s=latencies, per_second=len(latencies) / (time.perf_counter() - began)
    )


async def _client(load: Load, number: int, end: float) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", load.port)
    latencies = []
    due_at = time.perf_counter() + load.period_s * number / load.connections
    try:
        while due_at < end:
            if (wait_s := due_at - time.perf_counter()) > 0:
                await asyncio.sleep(wait_s)
            writer.write(load.make(number).to_bytes())
            status, body = await _read_answer(reader)
            now = time.perf_counter()
            latencies.append(now - due_at)
            answer = Answer(connection=number, status=status, body=body, latency_s=latencies[-1])
            (load.take or _expect_success)(answer)
            due_at = due_at + load.period_s if load.period_s else now
    finally:
        writer.close()
    return latencies


def _expect_success(answer: Answer) -> None:
    if not answer.is_success:
        raise RuntimeError(f"an answer was {answer.status}: {answer.body[:200]!r}")


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head.split(b" ", 2)[1])
    length = 0
    if b"content-length:" in head:
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    elif b"chunked" in head:
        raise RuntimeError("an answer is chunked, which this client does not read")
    return status, await reader.readexactly(length)
