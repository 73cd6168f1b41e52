"""The page behind an account link: it stands for Stripe's hosted form, which asks for nothing here.

A link opens it once; after that, or when it is too old, it leads to the platform's `refresh_url`:
https://docs.stripe.com/connect/hosted-onboarding.
"""

import functools
import html

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from devstack.stripe.fake import FakeStripe
from devstack.stripe.resources import account_links, account_state
from devstack.stripe.store import unix_now


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


def routes(fake: FakeStripe) -> list[Route]:
    """Return the routes of the page."""
    path = "/setup/{token}"
    return [
        Route(path, functools.partial(_show, fake), methods=["GET"]),
        Route(path, functools.partial(_submit, fake), methods=["POST"]),
    ]


async def _show(fake: FakeStripe, request: Request) -> Response:
    token = request.path_params["token"]
    link = account_links.behind(fake.store, token)
    if link is None:
        return HTMLResponse("There is no such link.", 404)
    with fake.transaction() as tx:
        is_open = account_links.visit(tx.store, token, unix_now())
    if not is_open:
        return RedirectResponse(link["refresh_url"], _SEE_OTHER)
    return HTMLResponse(_PAGE.format_map({k: html.escape(str(v)) for k, v in link.items()}))


async def _submit(fake: FakeStripe, request: Request) -> Response:
    link = account_links.behind(fake.store, request.path_params["token"])
    if link is None:
        return HTMLResponse("There is no such link.", 404)
    with fake.transaction() as tx, account_state.change(tx, link["account"]) as account:
        account_state.finish_onboarding(account)
    await fake.webhook_sender.deliver_now(tx.urgent)
    return RedirectResponse(link["return_url"], _SEE_OTHER)
