"""The control API of the mails that Auth would send, for tests and for developers without mail.

It has no key. `GET /_control/mails?to=ADDRESS` lists them, the newest first; without `to` it lists
those to everybody. Each has `to`, `type`, `code`, `token_hash` and `link`. `DELETE` forgets them.
"""

import dataclasses

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from devstack.emulation.control import PATH
from devstack.gateway.auth.mailbox import Mailbox


_PATH = f"{PATH}/mails"
_LISTED = 100


def routes(mailbox: Mailbox) -> list[BaseRoute]:
    """Return the routes of this control API."""

    async def show(request: Request) -> Response:
        mails = mailbox.to(request.query_params.get("to"), _LISTED)
        return JSONResponse({"mails": [dataclasses.asdict(mail) for mail in mails]})

    async def forget(_request: Request) -> Response:
        mailbox.clear()
        return JSONResponse({"mails": []})

    return [Route(_PATH, show, methods=["GET"]), Route(_PATH, forget, methods=["DELETE"])]
