"""The server: the API, the control API, the hosted pages and the answer to unknown paths."""

import contextlib
import functools
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from devstack.emulation.connection_reset import TransportInScope
from devstack.stripe import api, control, hosted_pages
from devstack.stripe.config import StripeConfig
from devstack.stripe.errors import StripeError, server_failure, unrecognized
from devstack.stripe.fake import FakeStripe
from devstack.stripe.routes import OPERATIONS
from devstack.stripe.store import new_id


def create_app(config: StripeConfig) -> ASGIApp:
    """Open the store and build the server, which also runs the background work."""
    fake = FakeStripe(config)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with fake.running():
            yield

    operations = [
        Route(
            operation.path,
            functools.partial(api.serve, fake, operation),
            methods=[operation.method],
        )
        for operation in OPERATIONS
    ]
    app = Starlette(
        routes=[*operations, *hosted_pages.routes(fake), *control.routes(fake)],
        lifespan=lifespan,
        exception_handlers={
            HTTPException: _answer_unknown_path,
            StripeError: _refuse_command,
            Exception: _answer_bug,
        },
    )
    return TransportInScope(app)


async def _answer_unknown_path(request: Request, _error: Exception) -> Response:
    error = unrecognized(request.method, request.url.path)
    return api.render(error.status, error.body, {"Request-Id": new_id("req", 14)})


async def _refuse_command(_request: Request, error: Exception) -> Response:
    """Answer a request outside the API that names an unknown object."""
    if not isinstance(error, StripeError):
        raise error
    return JSONResponse(error.body, error.status)


async def _answer_bug(_request: Request, _error: Exception) -> Response:
    # This is our bug and not a fault that a test commanded. The log has the traceback.
    error = server_failure(500)
    return api.render(error.status, error.body, {"Request-Id": new_id("req", 14)})
