"""The server: the API, the control API, the onboarding page and the answer to unknown paths."""

import contextlib
import functools
import html
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from devstack.emulation.connection_reset import TransportInScope
from devstack.stripe import api, control
from devstack.stripe.config import StripeConfig
from devstack.stripe.errors import StripeError, server_failure, unrecognized
from devstack.stripe.fake import FakeStripe
from devstack.stripe.resources import account_state, accounts
from devstack.stripe.routes import OPERATIONS
from devstack.stripe.store import new_id


_SEE_OTHER = 303
_PAGE = """<!doctype html>
<html lang="en">
<title>Fake Stripe: onboarding of {account}</title>
<h1>Fake Stripe</h1>
<p>This stands for the form in which the owner of {account} proves who they are.</p>
<form method="post"><button>Everything is filled in</button></form>
<p><a href="{return_url}">Leave for now</a></p>
</html>
"""


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
        routes=[*operations, *_onboarding_routes(fake), *control.routes(fake)],
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


def _onboarding_routes(fake: FakeStripe) -> list[Route]:
    """Return the routes of the page behind an account link.

    It replaces Stripe's hosted form and asks for nothing. A link opens it once; a used or expired
    link redirects to `refresh_url`: https://docs.stripe.com/connect/hosted-onboarding.
    """
    path = "/setup/{token}"
    return [
        Route(path, functools.partial(_show_onboarding, fake), methods=["GET"]),
        Route(path, functools.partial(_submit_onboarding, fake), methods=["POST"]),
    ]


async def _show_onboarding(fake: FakeStripe, request: Request) -> Response:
    token = request.path_params["token"]
    link = accounts.link_target(fake.store, token)
    if link is None:
        return HTMLResponse("There is no such link.", 404)
    with fake.transaction() as tx:
        is_open = accounts.visit_link(tx, token)
    if not is_open:
        return RedirectResponse(link["refresh_url"], _SEE_OTHER)
    return HTMLResponse(_PAGE.format_map({k: html.escape(str(v)) for k, v in link.items()}))


async def _submit_onboarding(fake: FakeStripe, request: Request) -> Response:
    link = accounts.link_target(fake.store, request.path_params["token"])
    if link is None:
        return HTMLResponse("There is no such link.", 404)
    with fake.transaction() as tx, account_state.change(tx, link["account"]) as account:
        account_state.finish_onboarding(account)
    await fake.webhook_sender.deliver_now(tx.urgent)
    return RedirectResponse(link["return_url"], _SEE_OTHER)
