"""Reading objects: their contents, their headers, or what is known of them.

What is in a public bucket is everybody's, by each of the paths. Anything else is read under the
policies, or by a signed link.
"""

from collections.abc import Awaitable, Callable
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.caller import Caller, GatewayError
from devstack.gateway.storage import answers, bucket_rows, object_rows
from devstack.gateway.storage.caller import SERVICE, required_caller
from devstack.gateway.storage.context import Desk
from devstack.gateway.storage.errors import StorageError, no_such_bucket, no_such_key
from devstack.gateway.storage.file_response import deliver, head
from devstack.gateway.storage.names import check_key
from devstack.gateway.storage.object_rows import StoredObject
from devstack.gateway.storage.signatures import DOWNLOAD, verify


Find = Callable[[Desk, Request], Awaitable[StoredObject]]


async def public(desk: Desk, request: Request) -> Response:
    """GET and HEAD /object/public/{bucket}/{key}."""
    return await _deliver(desk, request, _find_public)


async def authenticated(desk: Desk, request: Request) -> Response:
    """GET and HEAD /object/authenticated/{bucket}/{key}."""
    return await _deliver(desk, request, _find_required)


async def either(desk: Desk, request: Request) -> Response:
    """GET and HEAD /object/{bucket}/{key}: with a token or, in a public bucket, without."""
    return await _deliver(desk, request, _find_either)


async def signed(desk: Desk, request: Request) -> Response:
    """GET /object/sign/{bucket}/{key}: by the token of a link."""
    claims = verify(request, desk.keys, DOWNLOAD)
    return await _deliver(desk, request, _find_any, expires_at=claims["exp"])


async def info_public(desk: Desk, request: Request) -> Response:
    """GET /object/info/public/{bucket}/{key}."""
    return _told(await _find_public(desk, request))


async def info_authenticated(desk: Desk, request: Request) -> Response:
    """GET /object/info/authenticated/{bucket}/{key}."""
    return _told(await _find_required(desk, request))


async def info(desk: Desk, request: Request) -> Response:
    """GET /object/info/{bucket}/{key}."""
    return _told(await _find_either(desk, request))


def _told(stored: StoredObject) -> Response:
    return answers.ok(answers.info_json(stored), head(stored))


async def _deliver(
    desk: Desk, request: Request, find: Find, *, expires_at: float | None = None
) -> Response:
    stored, file = await _opened(desk, request, find)
    return deliver(request, stored, file, expires_at=expires_at)


async def _opened(desk: Desk, request: Request, find: Find) -> tuple[StoredObject, BinaryIO]:
    """Return an object and its open file.

    Between the two looks it may have been replaced; then it is looked for once more.
    """
    for _ in range(2):
        stored = await find(desk, request)
        try:
            return stored, desk.files.open(stored.version)
        except FileNotFoundError:
            continue
    raise no_such_key()


async def _find_public(desk: Desk, request: Request) -> StoredObject:
    if not await _is_public(desk, request):
        raise no_such_bucket()
    return await _find_any(desk, request)


async def _find_required(desk: Desk, request: Request) -> StoredObject:
    required_caller(request, desk.keys)
    return await _find_either(desk, request)


async def _find_either(desk: Desk, request: Request) -> StoredObject:
    if await _is_public(desk, request):
        return await _find_any(desk, request)
    try:
        caller = required_caller(request, desk.keys)
    except (StorageError, GatewayError) as error:
        raise no_such_bucket() from error
    return await _find(desk, request, caller)


async def _find_any(desk: Desk, request: Request) -> StoredObject:
    return await _find(desk, request, SERVICE)


async def _find(desk: Desk, request: Request, caller: Caller) -> StoredObject:
    bucket_id, key = request.path_params["bucket"], request.path_params["key"]
    check_key(key)
    async with desk.acting(request, caller) as cursor:
        return await object_rows.find(cursor, bucket_id, key)


async def _is_public(desk: Desk, request: Request) -> bool:
    async with desk.acting(request) as cursor:
        bucket = await bucket_rows.find(cursor, request.path_params["bucket"])
    return bool(bucket.public)
