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
from devstack.gateway.storage.context import StorageContext
from devstack.gateway.storage.errors import StorageError, no_such_bucket, no_such_key
from devstack.gateway.storage.file_response import deliver, head
from devstack.gateway.storage.names import check_key
from devstack.gateway.storage.object_rows import StoredObject
from devstack.gateway.storage.signatures import DOWNLOAD, verify


Find = Callable[[StorageContext, Request], Awaitable[StoredObject]]


async def public(context: StorageContext, request: Request) -> Response:
    """GET and HEAD /object/public/{bucket}/{key}."""
    return await _deliver(context, request, _find_public)


async def authenticated(context: StorageContext, request: Request) -> Response:
    """GET and HEAD /object/authenticated/{bucket}/{key}."""
    return await _deliver(context, request, _find_required)


async def either(context: StorageContext, request: Request) -> Response:
    """GET and HEAD /object/{bucket}/{key}: with a token or, in a public bucket, without."""
    return await _deliver(context, request, _find_either)


async def signed(context: StorageContext, request: Request) -> Response:
    """GET /object/sign/{bucket}/{key}: by the token of a link."""
    claims = verify(request, context.keys, DOWNLOAD)
    return await _deliver(context, request, _find_any, expires_at=claims["exp"])


async def info_public(context: StorageContext, request: Request) -> Response:
    """GET /object/info/public/{bucket}/{key}."""
    return _told(await _find_public(context, request))


async def info_authenticated(context: StorageContext, request: Request) -> Response:
    """GET /object/info/authenticated/{bucket}/{key}."""
    return _told(await _find_required(context, request))


async def info(context: StorageContext, request: Request) -> Response:
    """GET /object/info/{bucket}/{key}."""
    return _told(await _find_either(context, request))


def _told(stored: StoredObject) -> Response:
    return answers.ok(answers.info_json(stored), head(stored))


async def _deliver(
    context: StorageContext, request: Request, find: Find, *, expires_at: float | None = None
) -> Response:
    stored, file = await _opened(context, request, find)
    return deliver(request, stored, file, expires_at=expires_at)


async def _opened(
    context: StorageContext, request: Request, find: Find
) -> tuple[StoredObject, BinaryIO]:
    """Return an object and its open file.

    Between the two looks it may have been replaced; then it is looked for once more.
    """
    for _ in range(2):
        stored = await find(context, request)
        try:
            return stored, context.files.open(stored.version)
        except FileNotFoundError:
            continue
    raise no_such_key()


async def _find_public(context: StorageContext, request: Request) -> StoredObject:
    if not await _is_public(context, request):
        raise no_such_bucket()
    return await _find_any(context, request)


async def _find_required(context: StorageContext, request: Request) -> StoredObject:
    required_caller(request, context.keys)
    return await _find_either(context, request)


async def _find_either(context: StorageContext, request: Request) -> StoredObject:
    if await _is_public(context, request):
        return await _find_any(context, request)
    try:
        caller = required_caller(request, context.keys)
    except (StorageError, GatewayError) as error:
        raise no_such_bucket() from error
    return await _find(context, request, caller)


async def _find_any(context: StorageContext, request: Request) -> StoredObject:
    return await _find(context, request, SERVICE)


async def _find(context: StorageContext, request: Request, caller: Caller) -> StoredObject:
    bucket_id, key = request.path_params["bucket"], request.path_params["key"]
    check_key(key)
    async with context.acting(request, caller) as cursor:
        return await object_rows.find(cursor, bucket_id, key)


async def _is_public(context: StorageContext, request: Request) -> bool:
    async with context.acting(request) as cursor:
        bucket = await bucket_rows.find(cursor, request.path_params["bucket"])
    return bool(bucket.public)
