"""What holds for every request: an id that names it everywhere, and a deadline for its calls."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from flask import Flask

from market import deadline, log


if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: Stripe's answer is due within five seconds, and a call that starts last may take 1.5 of them.
CALLS_LIMIT_S = 3.0
REQUEST_ID_HEADER = "X-Request-Id"
_REQUEST_ID_KEY = "HTTP_X_REQUEST_ID"


def install(app: Flask) -> None:
    """Wrap `app`: every log line, call and answer carries the id, no call starts too late."""
    inner: Callable[..., Iterable[bytes]] = app.wsgi_app

    def wrapped(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        request_id = log.sane_request_id(environ.get(_REQUEST_ID_KEY))
        environ[_REQUEST_ID_KEY] = request_id

        def answer(
            status: str, headers: list[tuple[str, str]], exc_info: "OptExcInfo | None" = None
        ) -> Callable[[bytes], object]:
            return start_response(status, [*headers, (REQUEST_ID_HEADER, request_id)], exc_info)

        with log.bound(request_id=request_id), deadline.within(CALLS_LIMIT_S):
            return inner(environ, answer)

    app.wsgi_app = wrapped  # type: ignore[method-assign] # Flask's documented place for it
