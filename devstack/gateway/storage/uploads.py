"""Uploads: a new object, a new version of one, or either by a signed link."""

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.storage import answers
from devstack.gateway.storage.caller import SERVICE, owner_of, required_caller
from devstack.gateway.storage.desk import Desk
from devstack.gateway.storage.receiving import receive, wants_upsert
from devstack.gateway.storage.signatures import UPLOAD, verify


async def upload(desk: Desk, request: Request) -> Response:
    """POST /object/{bucket}/{key}."""
    return await _upload(desk, request, upserts=wants_upsert(request))


async def update(desk: Desk, request: Request) -> Response:
    """PUT /object/{bucket}/{key}: what is not there yet is made."""
    return await _upload(desk, request, upserts=True)


async def upload_signed(desk: Desk, request: Request) -> Response:
    """PUT /object/upload/sign/{bucket}/{key}: whoever made the link was allowed to."""
    claims = verify(request, desk.keys, UPLOAD)
    owner_id = claims.get("owner")
    await receive(desk, request, SERVICE, owner_id, is_upsert=claims.get("upsert") is True)
    return answers.ok({"Key": _place(request)})


async def _upload(desk: Desk, request: Request, *, upserts: bool) -> Response:
    caller = required_caller(request, desk.keys)
    stored = await receive(desk, request, caller, owner_of(caller), is_upsert=upserts)
    return answers.ok({"Key": _place(request), "Id": str(stored.id)})


def _place(request: Request) -> str:
    return f"{request.path_params['bucket']}/{request.path_params['key']}"
