"""Set up structlog once per process, and bind ids to the lines of a request or job."""

import contextlib
import logging
import re
import sys
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import structlog


if TYPE_CHECKING:
    import httpx


_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
#: These libraries log frames, bodies and addresses that contain keys. The adapters log enough.
_TALKATIVE = ("httpx", "httpcore", "realtime", "stripe", "urllib3", "websockets")

#: Tracebacks omit local variables, because these hold payloads.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


def set_up(*, level: str, is_json: bool) -> None:
    """Send every line of this process to standard output, as JSON or as text for people."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if is_json:
        shared += [_TRACEBACKS, structlog.processors.JSONRenderer()]
    else:
        shared += [
            structlog.dev.ConsoleRenderer(
                colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    structlog.configure(
        processors=shared,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)


@contextlib.contextmanager
def bound(**ids: str | None) -> Iterator[None]:
    """Add `request_id`, `job` or `event_id` to each line that is logged inside the block."""
    with structlog.contextvars.bound_contextvars(**ids):
        yield


def request_id() -> str | None:
    """Return the id of the request that this thread works on; its calls send it on."""
    bound_id = structlog.contextvars.get_contextvars().get("request_id")
    return bound_id if isinstance(bound_id, str) else None


def send_request_id_on(request: "httpx.Request") -> None:
    """Add the id of the request that this thread works on to a call; it is a hook of httpx."""
    bound_id = request_id()
    if bound_id is not None:
        request.headers["X-Request-Id"] = bound_id


def sane_request_id(proposed: str | None) -> str:
    """Return the id that a caller proposed, or a new one if it is unsafe to log."""
    if proposed is not None and _SANE_REQUEST_ID.fullmatch(proposed):
        return proposed
    return str(uuid.uuid4())
